"""`eval reuse`: what answers are worth when cells are reused, beside the ordinary prompt evaluated afresh.

Every task is a line with a part of it typed, cut inside words too. The rest is asked for in four ways, greedily and
with healing, and the program is run with each answer:

- `fresh`: the ordinary prompt, all but the last word before the sentinels, evaluated afresh;
- `reused`: the anchored middle, after a request with less of the line typed;
- `moved`: the same prompt, after one for a place some lines away, so that cells of the suffix are shifted;
- `moved_fresh`: the prompt of `moved`, evaluated afresh.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from slm_lsp.bench.common import private_engine
from slm_lsp.config import CompletionSettings, Settings
from slm_lsp.context.anchor import at_line, at_word
from slm_lsp.context.window import PromptParts, segments
from slm_lsp.engine.api import Generate, ModelInfo, ModelRef, Provider, Reuse, Segment, Started, Stop, Token, Warm
from slm_lsp.errors import EngineLostError
from slm_lsp.evals.humaneval import choose, load_problems
from slm_lsp.evals.trials import Trial, trial
from slm_lsp.proportions import wilson
from slm_lsp.sandbox.process import ProgramResult, run_program

SEED = 2207
MAX_TOKENS = 64
WAYS = ("fresh", "reused", "moved", "moved_fresh")
COMPARED = (("reused", "fresh"), ("moved", "moved_fresh"))

SPLICED_TOKENS = 16
"""With so many more reused than the beginning has, cells were shifted: the engine shifts twice as many or none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine said to one prompt."""

    text: str
    prompt_tokens: int
    reused_tokens: int


@dataclass(frozen=True, slots=True)
class Result:
    """A trial, the answers of all ways, and what their programs did."""

    trial: Trial
    answers: Mapping[str, Answer]
    outcomes: Mapping[str, ProgramResult]
    common_tokens: int
    """The most that the prompts of `moved` and of the place before have in common from the start."""

    def passed(self, way: str) -> bool:
        """Whether the program with this way's answer passed."""
        return self.outcomes[way] == "passed"

    @property
    def spliced(self) -> bool:
        """Whether cells were reused behind the common beginning: those are shifted ones."""
        return self.answers["moved"].reused_tokens >= self.common_tokens + SPLICED_TOKENS


@dataclass(frozen=True, slots=True)
class Case:
    """A task that two compared ways do not agree on."""

    task: str
    typed: str
    wanted: str
    """The rest of the canonical line."""
    answers: Mapping[str, str]
    outcomes: Mapping[str, ProgramResult]
    spliced: bool


@dataclass(frozen=True, slots=True)
class Report:
    """As `--json` prints it. Rates are of all tasks; a difference is between two ways on the same tasks."""

    name: str
    n: int
    fresh: float
    reused: float
    difference: float
    moved: float
    moved_fresh: float
    moved_difference: float
    spliced: float
    """Share of the tasks where `moved` had shifted cells."""
    reused_tokens: Mapping[str, float]
    """Share of the prompts' tokens that were not evaluated again."""
    ci95: Mapping[str, tuple[float, float]]
    """Wilson intervals of the rates."""
    model: str
    backend: str
    seconds: float
    cases: tuple[Case, ...]
    """The tasks on which compared ways do not agree."""

    def lines(self) -> Iterator[str]:
        """The table for people."""
        for way in WAYS:
            rate, (low, high) = getattr(self, way), self.ci95[way]
            reused = f"   {self.reused_tokens[way]:4.0%} of the prompt reused"
            yield f"  {way:12s} {rate:.3f}   95 % of the time {low:.3f} to {high:.3f}{reused}"
        for way, beside in COMPARED:
            gained = sum(each.outcomes[way] == "passed" != each.outcomes[beside] for each in self.cases)
            lost = sum(each.outcomes[beside] == "passed" != each.outcomes[way] for each in self.cases)
            difference = self.difference if way == "reused" else self.moved_difference
            yield f"  {way} - {beside}: {difference:+.3f}   ({gained} tasks gained, {lost} lost)"
        yield f"  shifted cells in {self.spliced:.0%} of the moves"


def report(results: Sequence[Result], model: str, backend: str, seconds: float) -> Report:
    """The figures of all results; there is at least one."""
    n = len(results)
    passed = {way: sum(each.passed(way) for each in results) for way in WAYS}
    prompts = {way: sum(each.answers[way].prompt_tokens for each in results) for way in WAYS}
    reused = {way: sum(each.answers[way].reused_tokens for each in results) for way in WAYS}
    return Report(
        name="reuse",
        n=n,
        fresh=passed["fresh"] / n,
        reused=passed["reused"] / n,
        difference=(passed["reused"] - passed["fresh"]) / n,
        moved=passed["moved"] / n,
        moved_fresh=passed["moved_fresh"] / n,
        moved_difference=(passed["moved"] - passed["moved_fresh"]) / n,
        spliced=sum(each.spliced for each in results) / n,
        reused_tokens={way: reused[way] / prompts[way] for way in WAYS},
        ci95={way: wilson(passed[way], n) for way in WAYS},
        model=model,
        backend=backend,
        seconds=seconds,
        cases=tuple(_case(each) for each in results if _differs(each)),
    )


def _differs(result: Result) -> bool:
    return any(result.passed(way) != result.passed(beside) for way, beside in COMPARED)


def _case(result: Result) -> Case:
    task = result.trial.task
    return Case(
        task=task.name,
        typed=result.trial.typed,
        wanted=task.missing[len(result.trial.typed) :],
        answers={way: answer.text for way, answer in result.answers.items()},
        outcomes=result.outcomes,
        spliced=result.spliced,
    )


@dataclass(frozen=True, slots=True)
class Asker:
    """The engine, and what goes into every request."""

    engine: Provider
    model: ModelRef
    info: ModelInfo
    settings: CompletionSettings

    async def ask(self, prompt: tuple[Segment, ...], reuse: Reuse, max_tokens: int = MAX_TOKENS) -> Answer:
        """The rest of the line."""
        request = Generate(self.model, prompt, max_tokens, Stop(("\n",)), reuse=reuse)
        text: list[str] = []
        started: Started | None = None
        async with aclosing(self.engine.generate(request)) as events:
            async for event in events:
                if isinstance(event, Started):
                    started = event
                elif isinstance(event, Token):
                    text.append(event.text)
        if started is None:
            raise EngineLostError("The engine ended a request without an answer.", "Ask again.")
        return Answer("".join(text), started.prompt_tokens, started.reused_tokens)

    async def warm(self, prompt: tuple[Segment, ...], reuse: Reuse) -> None:
        """Have a prompt evaluated."""
        await self.engine.warm(Warm(self.model, prompt, reuse))

    async def try_all(self, tried: Trial) -> Result:
        """Ask in every way and run the programs.

        `moved` comes first, while no session holds the prompt's own suffix: else nothing would have to be shifted.
        `reused` comes behind `moved_fresh`, whose cells are those that typing the line finds, and asks for exact ones:
        those that `moved` left are no part of it.
        """
        word, line, sooner, away = (
            segments(PromptParts(cursor, anchor(cursor)), self.info, self.settings)
            for cursor, anchor in (
                (tried.cursor, at_word),
                (tried.cursor, at_line),
                (tried.earlier, at_line),
                (tried.elsewhere, at_line),
            )
        )
        await self.warm(away, "nothing")
        answers = {"moved": await self.ask(line, "all"), "moved_fresh": await self.ask(line, "nothing")}
        await self.warm(sooner, "exact")
        answers["reused"] = await self.ask(line, "exact")
        answers["fresh"] = await self.ask(word, "nothing")
        common = await self.ask(beginning(away, line), "exact", max_tokens=1)
        known: dict[str, ProgramResult] = {}
        for answer in answers.values():
            if answer.text not in known:
                known[answer.text] = await run_program(tried.task.filled(tried.typed + answer.text))
        outcomes = {way: known[answer.text] for way, answer in answers.items()}
        return Result(tried, answers, outcomes, common.prompt_tokens)


def beginning(one: Sequence[Segment], other: Sequence[Segment]) -> tuple[Segment, ...]:
    """What two prompts have in common from the start, to the character; neither is empty."""
    common: list[Segment] = []
    for a, b in zip(one, other, strict=False):
        if a != b:
            same = next((at for at, pair in enumerate(zip(a.text, b.text, strict=False)) if pair[0] != pair[1]), None)
            text = a.text[:same] if same is not None else min(a.text, b.text, key=len)
            return (*common, Segment(text)) if text and not (a.special or b.special) else tuple(common)
        common.append(a)
    return tuple(common)


async def run(model: ModelRef, name: str, count: int, settings: Settings, tell: Callable[[int, int], None]) -> Report:
    """Try so many tasks, in an engine of their own.

    Args:
        model: which model.
        name: as the report calls it.
        count: of tasks.
        settings: the user's, for the binding and for the budgets of a completion.
        tell: called with how many tasks are done, and of how many.

    Raises:
        SlmError: the tasks are not installed, or the engine did not answer.
    """
    problems = load_problems()
    trials = [trial(task, problems, SEED) for task in choose(problems, count, SEED)]
    began = time.monotonic()
    results: list[Result] = []
    backend = ""
    async with private_engine(settings.engine.backend) as engine:
        info = await engine.describe(model)
        backend = info.backend
        asker = Asker(engine, model, info, replace(settings.completion, max_tokens=MAX_TOKENS))
        async for result in _all(asker, trials):
            results.append(result)
            tell(len(results), len(trials))
    return report(results, name, backend, time.monotonic() - began)


async def _all(asker: Asker, trials: Sequence[Trial]) -> AsyncIterator[Result]:
    for each in trials:
        yield await asker.try_all(each)
