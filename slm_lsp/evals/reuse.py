"""`eval reuse`: pass rates of completions that reuse KV cells, compared with fresh evaluation.

Each task is a line of a HumanEval solution with a part of it typed; some parts end inside a word. The model completes
the rest of the line greedily, with token healing, in four ways, and the program is run with each answer:

- `fresh`: the ordinary prompt, evaluated without reused cells. Only the last typed word is after the sentinels;
- `reused`: the anchored prompt, after a request in which less of the line was typed. In an anchored prompt, the whole
  typed part of the line is after the sentinels;
- `moved`: the anchored prompt, after a request for a position some lines away;
- `moved_fresh`: the anchored prompt, evaluated without reused cells.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from slm_lsp.config import CompletionSettings, Settings
from slm_lsp.context.anchor import at_line, at_word
from slm_lsp.context.window import PromptParts, segments
from slm_lsp.engine.api import Generate, ModelInfo, ModelRef, Provider, Segment, Stop, Warm
from slm_lsp.evals.humaneval import choose, load_problems
from slm_lsp.evals.trials import Trial, trial
from slm_lsp.harness.engine import private_engine, timed_answer
from slm_lsp.harness.report import interval
from slm_lsp.harness.tasks import OnProgress, Progress, run_tasks
from slm_lsp.proportions import wilson
from slm_lsp.sandbox.process import ProgramResult, run_program

SEED = 2207
MAX_TOKENS = 64
WAYS = ("fresh", "reused", "moved", "moved_fresh")
COMPARED = (("reused", "fresh"), ("moved", "moved_fresh"))
"""Pairs of ways whose pass rates are compared."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's answer to one prompt."""

    text: str
    prompt_tokens: int
    reused_tokens: int


@dataclass(frozen=True, slots=True)
class Result:
    """A trial with the answers of all ways and the outcomes of their programs."""

    trial: Trial
    answers: Mapping[str, Answer]
    outcomes: Mapping[str, ProgramResult]

    def passed(self, way: str) -> bool:
        """Return whether the program with this way's answer passed."""
        return self.outcomes[way] == "passed"


@dataclass(frozen=True, slots=True)
class Case:
    """A task in which two compared ways differ: one passed and one did not."""

    task: str
    typed: str
    wanted: str
    """The rest of the canonical line."""
    answers: Mapping[str, str]
    outcomes: Mapping[str, ProgramResult]


@dataclass(frozen=True, slots=True)
class Report:
    """The result as `--json` prints it. Rates are shares of all tasks."""

    name: str
    n: int
    fresh: float
    reused: float
    difference: float
    """`reused` - `fresh`."""
    moved: float
    moved_fresh: float
    moved_difference: float
    """`moved` - `moved_fresh`."""
    reused_tokens: Mapping[str, float]
    """For each way, the share of the prompts' tokens whose cells were reused."""
    ci95: Mapping[str, tuple[float, float]]
    """For each way, the 95 % Wilson interval of its pass rate."""
    model: str
    backend: str
    seconds: float
    cases: tuple[Case, ...]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        for way in WAYS:
            reused = f"{self.reused_tokens[way]:4.0%} of the prompt reused"
            yield f"  {way:12s} {getattr(self, way):.3f}   {interval(self.ci95[way])}   {reused}"
        for way, beside in COMPARED:
            gained = sum(each.outcomes[way] == "passed" != each.outcomes[beside] for each in self.cases)
            lost = sum(each.outcomes[beside] == "passed" != each.outcomes[way] for each in self.cases)
            difference = self.difference if way == "reused" else self.moved_difference
            yield f"  {way} - {beside}: {difference:+.3f}   ({gained} tasks gained, {lost} lost)"


def report(results: Sequence[Result], model: str, backend: str, seconds: float) -> Report:
    """Summarize all results. `results` must not be empty."""
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
    )


@dataclass(frozen=True, slots=True)
class Runner:
    """Completes and runs trials with one model."""

    engine: Provider
    model: ModelRef
    info: ModelInfo
    settings: CompletionSettings

    async def complete(self, prompt: tuple[Segment, ...], *, fresh: bool = False) -> Answer:
        """Return the rest of the line."""
        request = Generate(self.model, prompt, MAX_TOKENS, Stop(("\n",)), fresh=fresh)
        answer = await timed_answer(self.engine, request)
        return Answer(answer.text, answer.started.prompt_tokens, answer.started.reused_tokens)

    async def run(self, tried: Trial) -> Result:
        """Complete a trial in all ways and run the programs."""
        ordinary, anchored, earlier, elsewhere = (
            segments(PromptParts(cursor, anchor(cursor)), self.info, self.settings)
            for cursor, anchor in (
                (tried.cursor, at_word),
                (tried.cursor, at_line),
                (tried.earlier, at_line),
                (tried.elsewhere, at_line),
            )
        )
        await self.engine.warm(Warm(self.model, elsewhere))
        answers = {"moved": await self.complete(anchored), "moved_fresh": await self.complete(anchored, fresh=True)}
        await self.engine.warm(Warm(self.model, earlier))
        answers["reused"] = await self.complete(anchored)
        answers["fresh"] = await self.complete(ordinary, fresh=True)
        known: dict[str, ProgramResult] = {}
        for answer in answers.values():
            if answer.text not in known:
                known[answer.text] = await run_program(tried.task.filled(tried.typed + answer.text))
        return Result(tried, answers, {way: known[answer.text] for way, answer in answers.items()})


async def run(model: ModelRef, name: str, count: int, settings: Settings, on_progress: OnProgress) -> Report:
    """Run `count` tasks in a private engine.

    Args:
        model: the model to evaluate.
        name: the model's name in the report.
        count: number of tasks.
        settings: the user's settings; the binding and the completion budgets are used.
        on_progress: called with the number of finished tasks and of all tasks.

    Raises:
        SlmError: the tasks are not installed, or the engine failed.
    """
    problems = load_problems()
    trials = [trial(task, problems, SEED) for task in choose(problems, count, SEED)]
    began = time.monotonic()
    async with private_engine(settings.engine.backend) as engine:
        info = await engine.describe(model)
        runner = Runner(engine, model, info, replace(settings.completion, max_tokens=MAX_TOKENS))
        results = await run_tasks(trials, runner.run, Progress(len(trials), on_progress))
    return report(results, name, info.backend, time.monotonic() - began)
