"""`eval infill`: whether completions of missing lines pass the tests, for each tier and for what an editor gets.

One line or several consecutive lines of a HumanEval solution are missing. The file contains only this problem's
program. The answers come from several arms:

- `fast`, `strong`: the greedy answer of a tier;
- `auto`: what an editor gets, that is, the answer of the tier that the router chooses. If the router chooses the strong
  tier, this is the best of several candidates;
- `examples`, on request: like `auto`, but candidates are run against the examples of docstrings;
- `refined`: what an editor shows after a pause if the strong tier exceeds the latency budget. This is the fast tier's
  answer, or the strong tier's best answer if `features/completion/refine.py` prefers it.

Each line is completed in three ways:

- *warm*: the prompt is already evaluated, as after a pause in an editor;
- *typed*: a part of the line is typed, which may end inside a word;
- *cold*: nothing is evaluated, as in a file that was just opened.

Cold answers and times are measured only on the first tasks, in which each problem occurs once. For the other tasks, the
warm answer of a tier also counts as its cold answer, because evaluated cells never change an answer.
"""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from slm_lsp.config import CompletionSettings, Settings
from slm_lsp.context.anchor import at_line
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.window import PromptParts, segments
from slm_lsp.engine.api import Generate, ModelInfo, Provider, Stop
from slm_lsp.evals.humaneval import Task
from slm_lsp.evals.infill_report import BEST, REFINED, WAYS, ArmAnswer, LineResult, Report, Run, report
from slm_lsp.evals.replies import CachedModel, Reply, best_of, kept_replies
from slm_lsp.features.completion.alternatives import spread
from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.choose import Candidate, Site
from slm_lsp.features.completion.complete import confidence
from slm_lsp.features.completion.refine import ModelAnswer, is_better
from slm_lsp.features.completion.trial import Trials
from slm_lsp.harness.engine import private_engine
from slm_lsp.harness.tasks import OnProgress, Progress, run_tasks
from slm_lsp.models.store import Store
from slm_lsp.routing import choose as routing
from slm_lsp.routing.policy import Choice, eligible_models
from slm_lsp.sandbox.process import ProgramResult, run_program

SEED = 2207
LINE_TOKENS = 96
"""Maximum number of tokens in the answer to a missing line. The longest line of HumanEval has 140 characters."""

RUN_TOKENS = 256
"""Maximum number of tokens in the answer to several missing lines."""

REPOSITORY, PATH = "problems", "solutions.py"


@dataclass(frozen=True, slots=True)
class Gap:
    """A task, and the part of its first missing line that is already typed."""

    task: Task
    typed: str = ""

    @property
    def cursor(self) -> Cursor:
        """The cursor after the typed part."""
        head = self.task.prefix + self.typed
        return Cursor(REPOSITORY, PATH, head + self.task.suffix, len(head))

    @property
    def parts(self) -> PromptParts:
        """The parts of the prompt: no snippets, anchored at the start of the line."""
        return PromptParts(self.cursor, at_line(self.cursor))

    @property
    def site(self) -> Site:
        """The position in the document, with which answers are checked."""
        cursor = self.cursor
        return Site(surroundings(cursor.text, cursor.offset, cursor.path))

    @property
    def several_lines(self) -> bool:
        """Whether more than one line is missing."""
        return "\n" in self.task.missing


def typed_part(task: Task, seed: int) -> str:
    """Return a beginning of the missing line. Its length is random, but always the same for the same seed."""
    dice = random.Random(f"{seed} {task.name}")  # noqa: S311 - a sample, no secret
    indentation = len(task.missing) - len(task.missing.lstrip())
    return task.missing[: indentation + dice.randrange(len(task.missing.strip()))]


class Tier:
    """One model of the evaluation.

    Args:
        choice: the model.
        model: the model with its kept replies.
        info: description of the model.
        settings: the completion settings, with the budgets of the prompt.
    """

    def __init__(self, choice: Choice, model: CachedModel, info: ModelInfo, settings: CompletionSettings) -> None:
        self.choice = choice
        self.model = model
        self._info = info
        self._settings = settings

    def request(self, gap: Gap, way: str) -> Generate:
        """Return the request for a gap."""
        tokens = RUN_TOKENS if gap.several_lines else LINE_TOKENS
        prompt = segments(gap.parts, self._info, replace(self._settings, max_tokens=tokens))
        stop = Stop(() if gap.several_lines else ("\n",))
        return Generate(self.choice.model, prompt, tokens, stop, fresh=way == "cold")

    async def answer(self, gap: Gap, way: str) -> ArmAnswer:
        """Return the greedy answer."""
        reply = await self.model.reply(self.request(gap, way), gap.site)
        return _arm_answer(reply.candidates[0], reply.seconds)

    async def candidates(self, gap: Gap, way: str) -> Reply:
        """Return several candidates, the greedy one first; only one if several lines are missing."""
        request = self.request(gap, way)
        request = request if gap.several_lines else spread(request)
        return await self.model.reply(request, gap.site, all_candidates=True)


@dataclass(frozen=True, slots=True)
class Auto:
    """The answers that an editor gets."""

    engine: Provider
    tiers: Sequence[Tier]
    """The tiers, the fastest first."""
    settings: Settings
    examples: bool = False
    """Whether candidates are run against the examples of docstrings."""

    async def answer(self, gap: Gap, way: str) -> ArmAnswer:
        """Return the answer of the tier that the router chooses; the best of several if it is the strong tier."""
        reply = await self.reply(gap, way)
        return await self.best(reply, gap, reply.seconds)

    async def best(self, reply: Reply, gap: Gap, seconds: float | None = None) -> ArmAnswer:
        """Return the candidate of a reply that an editor would show."""
        return _arm_answer(await best_of(reply, gap.site, self._trials(gap)), seconds)

    async def reply(self, gap: Gap, way: str, *, all_candidates: bool = False) -> Reply:
        """Return the reply of the tier that the router chooses. A kept reply is used; a new one is kept.

        Args:
            gap: the gap.
            way: `warm`, `typed` or `cold`.
            all_candidates: wait for all candidates, so that other ways of choosing among them can be compared.
        """
        last = self.tiers[-1]
        routing_settings = f"{self.settings.model} {self.settings.completion.latency_ms:g}"
        waited = " whole" if all_candidates else " examples" if self.examples else ""
        key = last.model.key(spread(last.request(gap, way)), f"auto {way} {routing_settings}{waited}")
        if (kept := last.model.replies.get(key)) is None:
            kept = await self._new_reply(gap, way, all_candidates)
            last.model.replies.put(key, kept)
        return kept

    async def _new_reply(self, gap: Gap, way: str, all_candidates: bool) -> Reply:
        """Choose a tier and generate its reply. The reply's time includes the choice of the tier."""
        last = self.tiers[-1]
        if way != "cold":
            for tier in self.tiers:
                await tier.model.warm(tier.request(gap, way))
        began = time.perf_counter()
        tier = await self._chosen(gap)
        routed_s = time.perf_counter() - began
        request = tier.request(gap, way)
        request = spread(request) if tier is last and not gap.several_lines else request
        trials = self._trials(gap)
        reply = await tier.model.new_reply(request, gap.site, all_candidates=all_candidates, trials=trials)
        return msgspec.structs.replace(reply, seconds=reply.seconds + routed_s, model=tier.choice.name)

    def _trials(self, gap: Gap) -> Trials | None:
        return Trials(gap.site) if self.examples and not gap.several_lines else None

    async def _chosen(self, gap: Gap) -> Tier:
        choice = await routing.choose(gap.parts, self.engine, self.settings)
        return next(each for each in self.tiers if each.choice.model == choice.model)


class Programs:
    """Runs programs and remembers their outcomes, so that each program runs only once."""

    def __init__(self) -> None:
        self._known: dict[str, ProgramResult] = {}

    async def run(self, gap: Gap, answer: str) -> ProgramResult:
        """Return the outcome of the program with an answer in the gap."""
        program = gap.task.filled(gap.typed + answer)
        if program not in self._known:
            self._known[program] = await run_program(program)
        return self._known[program]


@dataclass(frozen=True, slots=True)
class Arms:
    """The arms for which models are installed."""

    tiers: Mapping[str, Tier]
    autos: Mapping[str, Auto]
    """`auto`, and `examples` if requested."""
    programs: Programs

    async def line(self, task: Task, timed: bool) -> dict[str, LineResult]:
        """Complete a missing line with all arms in all ways and run the programs."""
        gaps = {"cold": Gap(task), "warm": Gap(task), "typed": Gap(task, typed_part(task, SEED))}
        answers: dict[str, dict[str, ArmAnswer]] = {}
        for way, gap in gaps.items():
            if way == "cold" and not timed:
                continue
            by_arm = await (self._timed if timed else self._untimed)(gap, way)
            if way != "cold":
                by_arm |= await self._after_a_pause(gap, way, by_arm)
            for name, each in by_arm.items():
                answers.setdefault(name, {})[way] = each
        fastest = next(iter(self.tiers))
        for name, ways in answers.items():
            ways.setdefault("cold", answers[fastest if name in self.autos else name]["warm"])
        results = {}
        for name, ways in answers.items():
            outcomes = {way: await self.programs.run(gaps[way], ways[way].text) for way in WAYS}
            results[name] = LineResult(task, gaps["typed"].typed, ways, outcomes)
        return results

    async def _timed(self, gap: Gap, way: str) -> dict[str, ArmAnswer]:
        arms: dict[str, Tier | Auto] = {**self.autos, **self.tiers}
        return {name: await arm.answer(gap, way) for name, arm in arms.items()}

    async def _untimed(self, gap: Gap, way: str) -> dict[str, ArmAnswer]:
        """Complete a gap with all arms. Arms share replies, because a tier's greedy answer is its first candidate."""
        reply = await self.autos["auto"].reply(gap, way, all_candidates=not gap.several_lines)
        answers = {name: await auto.best(reply, gap) for name, auto in self.autos.items()}
        for name, tier in self.tiers.items():
            known = reply if tier.choice.name == reply.model else await self._reply(tier, gap, way)
            answers[name] = _arm_answer(known.candidates[0])
        return answers

    async def _reply(self, tier: Tier, gap: Gap, way: str) -> Reply:
        """Return the reply of a tier that did not answer for `auto`, with several candidates if `refined` needs them.

        The arm `refined` needs them from the strong tier if there are two tiers.
        """
        if len(self.tiers) > 1 and tier is self._strong:
            return await tier.candidates(gap, way)
        return await tier.model.reply(tier.request(gap, way), gap.site)

    async def _after_a_pause(self, gap: Gap, way: str, answers: Mapping[str, ArmAnswer]) -> dict[str, ArmAnswer]:
        """Return the strong tier's best answer, and what is shown after it; nothing if there is only one tier."""
        if len(self.tiers) < 2:
            return {}
        auto = self.autos["auto"]
        untimed = answers["auto"].seconds is None
        reply = await auto.reply(gap, way, all_candidates=not gap.several_lines and untimed)
        if reply.model != self._strong.choice.name:
            reply = await self._strong.candidates(gap, way)
        fast, best = answers[next(iter(self.tiers))], await auto.best(reply, gap)
        replaced = is_better(ModelAnswer(fast.text, fast.confidence), ModelAnswer(best.text, best.confidence))
        return {BEST: best, REFINED: best if replaced else fast}

    @property
    def _strong(self) -> Tier:
        return list(self.tiers.values())[-1]

    async def lines(self, task: Task) -> dict[str, ProgramResult]:
        """Complete several missing lines with all arms and return the outcomes of the programs."""
        gap = Gap(task)
        answers = await self._untimed(gap, "warm")
        return {name: await self.programs.run(gap, each.text) for name, each in answers.items()}


async def run(
    lines: Sequence[Task],
    runs: Sequence[Task],
    timed: int,
    settings: Settings,
    on_progress: OnProgress,
    *,
    examples: bool = False,
    replies: Path | None = None,
) -> Report:
    """Run all tasks in a private engine.

    Args:
        lines: tasks with one missing line; at least one.
        runs: tasks with several missing lines.
        timed: number of tasks, from the start of `lines`, on which answers are timed.
        settings: the user's settings; `model` defines the tiers.
        on_progress: called with the number of finished tasks and of all tasks.
        examples: also report the arm `examples`.
        replies: file of kept replies; by default in the user's cache.

    Raises:
        SlmError: a model is not installed, or the engine failed.
    """
    began = time.monotonic()
    kept = kept_replies(replies)
    progress = Progress(len(lines) + len(runs), on_progress)
    async with private_engine(settings.engine.backend) as engine:
        tiers: list[Tier] = []
        for choice in eligible_models(settings.model, Store(settings.models_dir)):
            info = await engine.describe(choice.model, explicit=True)
            model = CachedModel(engine, choice.model, info.backend, kept)
            tiers.append(Tier(choice, model, info, settings.completion))
        named = {tier.choice.tier or "strong": tier for tier in tiers}
        autos = {"auto": Auto(engine, tiers, settings)}
        if examples:
            autos["examples"] = Auto(engine, tiers, settings, examples=True)
        arms = Arms(named, autos, Programs())
        # Sort tasks by problem, so that consecutive prompts begin alike. The timed tasks all have different problems.
        found = await run_tasks(lines[:timed], lambda task: arms.line(task, timed=True), progress)
        rest = sorted(lines[timed:], key=_file_order)
        found += await run_tasks(rest, lambda task: arms.line(task, timed=False), progress)
        blocks = await run_tasks(sorted(runs, key=_file_order), arms.lines, progress)
    models = {name: tier.choice.name for name, tier in named.items()}
    least = settings.completion.least_confidence
    return report(found, blocks, Run(models, info.backend, timed, least, time.monotonic() - began))


def _arm_answer(candidate: Candidate, seconds: float | None = None) -> ArmAnswer:
    return ArmAnswer(candidate.text, seconds, confidence(candidate.logprobs))


def _file_order(task: Task) -> tuple[str, int]:
    return task.problem, len(task.prefix)
