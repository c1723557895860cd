"""`eval infill`: whether what is suggested passes the tests, by tier and as an editor asks.

A line of a problem's solution is missing, or a run of lines. The file is the problem's program alone. The arms:

- `fast`, `strong`: a tier's greedy answer;
- `auto`: what an editor gets: the tier that the router takes, and the best of several answers where that spends more;
- `examples`, on request: as `auto`, with the examples of docstrings run to choose among the answers;
- `refined`: what an editor shows after a pause where the strong tier misses the latency budget: the fast tier's answer,
  or the strong tier's best answer where `features/completion/refine.py` replaces it.

Every line is asked for in three ways: *warm*, its prompt evaluated before, as an editor finds it after a pause; with a
part of it *typed*, cut inside words too, behind the anchor; and on the first tasks, of which no two share a file,
*cold*, nothing evaluated, as when a file has just been opened. There the answers are timed, the arms taking turns.
Elsewhere the cold answer of a tier is its warm one: what is evaluated changes what an answer costs, not what it says.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from slm_lsp.bench.common import private_engine
from slm_lsp.config import CompletionSettings, Settings
from slm_lsp.context.anchor import at_line
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.window import PromptParts, segments
from slm_lsp.engine.api import Generate, ModelInfo, Provider, Stop
from slm_lsp.evals.humaneval import Task
from slm_lsp.evals.infill_report import BEST, REFINED, WAYS, Asked, Report, Run, Said, report
from slm_lsp.evals.replies import Asker, Replies, Reply, best_of
from slm_lsp.features.completion.alternatives import spread
from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.choose import Candidate, Site
from slm_lsp.features.completion.complete import confidence
from slm_lsp.features.completion.refine import ModelAnswer, is_better
from slm_lsp.features.completion.trial import Trials
from slm_lsp.models.store import Store
from slm_lsp.routing import choose as routing
from slm_lsp.routing.policy import Choice, eligible_models
from slm_lsp.sandbox.process import ProgramResult, run_program

SEED = 2207
LINE_TOKENS = 96
"""The longest line of HumanEval has 140 characters."""

RUN_TOKENS = 256
REPOSITORY, PATH = "problems", "solutions.py"


@dataclass(frozen=True, slots=True)
class Gap:
    """A task with a part of its first line typed, perhaps none."""

    task: Task
    typed: str = ""

    @property
    def cursor(self) -> Cursor:
        """The cursor behind what is typed."""
        head = self.task.prefix + self.typed
        return Cursor(REPOSITORY, PATH, head + self.task.suffix, len(head))

    @property
    def parts(self) -> PromptParts:
        """The prompt's parts: no other files, anchored at the start of the line."""
        return PromptParts(self.cursor, at_line(self.cursor))

    @property
    def site(self) -> Site:
        """Where answers go."""
        cursor = self.cursor
        return Site(surroundings(cursor.text, cursor.offset, cursor.path))

    @property
    def several_lines(self) -> bool:
        """Whether more than a line is missing."""
        return "\n" in self.task.missing


def typed_part(task: Task, seed: int) -> str:
    """The beginning of a line, cut anywhere behind its indentation; always the same."""
    dice = random.Random(f"{seed} {task.name}")  # noqa: S311 - a sample, no secret
    indentation = len(task.missing) - len(task.missing.lstrip())
    return task.missing[: indentation + dice.randrange(len(task.missing.strip()))]


class Tier:
    """One model that is asked.

    Args:
        choice: the model.
        asker: the way to it.
        info: what it is.
        settings: budgets.
    """

    def __init__(self, choice: Choice, asker: Asker, info: ModelInfo, settings: CompletionSettings) -> None:
        self.choice = choice
        self.asker = asker
        self._info = info
        self._settings = settings

    def request(self, gap: Gap, way: str) -> Generate:
        """What is asked at a gap, anchored at the start of its line: one line where one is missing."""
        tokens = RUN_TOKENS if gap.several_lines else LINE_TOKENS
        prompt = segments(gap.parts, self._info, replace(self._settings, max_tokens=tokens))
        stop = Stop(() if gap.several_lines else ("\n",))
        return Generate(self.choice.model, prompt, tokens, stop, reuse="nothing" if way == "cold" else "exact")

    async def say(self, gap: Gap, way: str) -> Said:
        """The greedy answer."""
        reply = await self.asker.ask(self.request(gap, way), gap.site)
        return _said(reply.candidates[0], reply.seconds)

    async def spread(self, gap: Gap, way: str) -> Reply:
        """Several answers, the greedy one first; a single one where several lines are missing."""
        request = self.request(gap, way)
        return await self.asker.ask(request if gap.several_lines else spread(request), gap.site, whole=True)


@dataclass(frozen=True, slots=True)
class Auto:
    """What an editor gets."""

    engine: Provider
    tiers: Sequence[Tier]
    """The fastest first."""
    settings: Settings
    examples: bool = False
    """Run the examples of docstrings to choose among the answers."""

    async def say(self, gap: Gap, way: str) -> Said:
        """The answer of the tier that is taken now, the best of several from the strong one."""
        reply = await self.reply(gap, way)
        return await self.best(reply, gap, reply.seconds)

    async def best(self, reply: Reply, gap: Gap, seconds: float | None = None) -> Said:
        """What an editor would show of a reply."""
        return _said(await best_of(reply, gap.site, self._trials(gap)), seconds)

    async def reply(self, gap: Gap, way: str, *, whole: bool = False) -> Reply:
        """All that is answered, and who answered; the greedy answer comes first.

        Args:
            gap: where.
            way: how.
            whole: wait for all candidates, so that other ways of choosing can be tried on the same ones.
        """
        last = self.tiers[-1]
        decided_by = f"{self.settings.model} {self.settings.completion.latency_ms:g}"
        waited = " whole" if whole else " examples" if self.examples else ""
        key = last.asker.key(spread(last.request(gap, way)), f"auto {way} {decided_by}{waited}")
        if (kept := last.asker.replies.get(key)) is None:
            kept = await self._asked(gap, way, whole)
            last.asker.replies.put(key, kept)
        return kept

    async def _asked(self, gap: Gap, way: str, whole: bool) -> Reply:
        """The answer of the tier that is taken now, with several from the strong one; timed with the choice."""
        last = self.tiers[-1]
        if way != "cold":
            for tier in self.tiers:
                await tier.asker.warm(tier.request(gap, way))
        began = time.perf_counter()
        tier = await self._taken(gap)
        routed_s = time.perf_counter() - began
        request = tier.request(gap, way)
        request = spread(request) if tier is last and not gap.several_lines else request
        reply = await tier.asker.reply(request, gap.site, whole=whole, trials=self._trials(gap))
        return msgspec.structs.replace(reply, seconds=reply.seconds + routed_s, model=tier.choice.name)

    def _trials(self, gap: Gap) -> Trials | None:
        return Trials(gap.site) if self.examples and not gap.several_lines else None

    async def _taken(self, gap: Gap) -> Tier:
        choice = await routing.choose(gap.parts, self.engine, self.settings)
        return next(each for each in self.tiers if each.choice.model == choice.model)


class Programs:
    """Runs programs, each once."""

    def __init__(self) -> None:
        self._known: dict[str, ProgramResult] = {}

    async def run(self, gap: Gap, answer: str) -> ProgramResult:
        """What the program with an answer in the gap does."""
        program = gap.task.filled(gap.typed + answer)
        if program not in self._known:
            self._known[program] = await run_program(program)
        return self._known[program]


@dataclass(frozen=True, slots=True)
class Arms:
    """Those that there are models for, by name."""

    tiers: Mapping[str, Tier]
    autos: Mapping[str, Auto]
    """`auto`, and `examples` where that is wanted too."""
    programs: Programs

    async def line(self, task: Task, timed: bool) -> dict[str, Asked]:
        """What every arm says to a missing line in every way."""
        gaps = {"cold": Gap(task), "warm": Gap(task), "typed": Gap(task, typed_part(task, SEED))}
        said: dict[str, dict[str, Said]] = {}
        for way, gap in gaps.items():
            if way == "cold" and not timed:
                continue
            answers = await (self._timed if timed else self._untimed)(gap, way)
            if way != "cold":
                answers |= await self._after_a_pause(gap, way, answers)
            for name, each in answers.items():
                said.setdefault(name, {})[way] = each
        soonest = next(iter(self.tiers))
        for name, ways in said.items():
            ways.setdefault("cold", said[soonest if name in self.autos else name]["warm"])
        asked = {}
        for name, ways in said.items():
            outcomes = {way: await self.programs.run(gaps[way], ways[way].text) for way in WAYS}
            asked[name] = Asked(task, gaps["typed"].typed, ways, outcomes)
        return asked

    async def _timed(self, gap: Gap, way: str) -> dict[str, Said]:
        arms: dict[str, Tier | Auto] = {**self.autos, **self.tiers}
        return {name: await arm.say(gap, way) for name, arm in arms.items()}

    async def _untimed(self, gap: Gap, way: str) -> dict[str, Said]:
        """The same replies for all arms that need them: a greedy answer is the first of several."""
        reply = await self.autos["auto"].reply(gap, way, whole=not gap.several_lines)
        said = {name: await auto.best(reply, gap) for name, auto in self.autos.items()}
        for name, tier in self.tiers.items():
            known = reply if tier.choice.name == reply.model else await self._reply(tier, gap, way)
            said[name] = _said(known.candidates[0])
        return said

    async def _reply(self, tier: Tier, gap: Gap, way: str) -> Reply:
        """The reply of a tier that has not answered for `auto`; with several answers where these are needed later."""
        if len(self.tiers) > 1 and tier is self._strong:
            return await tier.spread(gap, way)
        return await tier.asker.ask(tier.request(gap, way), gap.site)

    async def _after_a_pause(self, gap: Gap, way: str, said: Mapping[str, Said]) -> dict[str, Said]:
        """The strong tier's best answer, and what is shown once it has come; nothing where there is one tier."""
        if len(self.tiers) < 2:
            return {}
        auto = self.autos["auto"]
        reply = await auto.reply(gap, way, whole=not gap.several_lines and said["auto"].seconds is None)
        if reply.model != self._strong.choice.name:
            reply = await self._strong.spread(gap, way)
        fast, best = said[next(iter(self.tiers))], await auto.best(reply, gap)
        replaced = is_better(ModelAnswer(fast.text, fast.confidence), ModelAnswer(best.text, best.confidence))
        return {BEST: best, REFINED: best if replaced else fast}

    @property
    def _strong(self) -> Tier:
        return list(self.tiers.values())[-1]

    async def lines(self, task: Task) -> dict[str, ProgramResult]:
        """What every arm's program does where several lines are missing."""
        gap = Gap(task)
        said = await self._untimed(gap, "warm")
        return {name: await self.programs.run(gap, each.text) for name, each in said.items()}


async def run(
    lines: Sequence[Task],
    runs: Sequence[Task],
    timed: int,
    settings: Settings,
    tell: Callable[[int, int], None],
    *,
    examples: bool = False,
    replies: Path | None = None,
) -> Report:
    """Try all tasks, in an engine of their own.

    Args:
        lines: with one line missing; at least one.
        runs: with several.
        timed: of so many lines, the first ones, answers are timed.
        settings: the user's; `model` says which tiers there are.
        tell: called with how many tasks are done, and of how many.
        examples: also report what choosing by the examples of docstrings gives.
        replies: where what was answered is kept; by default in the user's cache.

    Raises:
        SlmError: a model is not installed, or the engine did not answer.
    """
    began = time.monotonic()
    choices = eligible_models(settings.model, Store(settings.models_dir))
    kept = Replies(replies)
    async with private_engine(settings.engine.backend) as engine:
        tiers: list[Tier] = []
        for choice in choices:
            info = await engine.describe(choice.model, explicit=True)
            tiers.append(Tier(choice, Asker(engine, choice.model, info.backend, kept), info, settings.completion))
        named = {tier.choice.tier or "strong": tier for tier in tiers}
        autos = {"auto": Auto(engine, tiers, settings)}
        if examples:
            autos["examples"] = Auto(engine, tiers, settings, examples=True)
        arms = Arms(named, autos, Programs())
        count, done = len(lines) + len(runs), 0
        asked: list[dict[str, Asked]] = []
        blocks: list[dict[str, ProgramResult]] = []
        # Tasks of one file one after the other: their prompts begin alike. Those that are timed share no file.
        for task in (*lines[:timed], *sorted(lines[timed:], key=_place)):
            asked.append(await arms.line(task, timed=done < timed))
            done += 1
            tell(done, count)
        for task in sorted(runs, key=_place):
            blocks.append(await arms.lines(task))
            done += 1
            tell(done, count)
        models = {name: tier.choice.name for name, tier in named.items()}
        least = settings.completion.least_confidence
        return report(asked, blocks, Run(models, info.backend, timed, least, time.monotonic() - began))


def _said(candidate: Candidate, seconds: float | None = None) -> Said:
    return Said(candidate.text, seconds, confidence(candidate.logprobs))


def _place(task: Task) -> tuple[str, int]:
    return task.problem, len(task.prefix)
