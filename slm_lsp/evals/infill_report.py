"""The report of `eval infill`, computed from the answers and the outcomes of their programs.

An arm is one way to get an answer to a task; see `infill.py` for the list.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import msgspec

from slm_lsp.evals.humaneval import Task
from slm_lsp.features.completion.refine import ModelAnswer, is_better
from slm_lsp.harness.report import Rate
from slm_lsp.proportions import wilson
from slm_lsp.sandbox.process import ProgramResult

TIERS = ("fast", "strong", "auto", "examples")
REFINED, BEST = "refined", "best"
"""Names of two more arms: what an editor shows after a pause, and the strong tier's best answer."""

WAYS = ("warm", "typed", "cold")


@dataclass(frozen=True, slots=True)
class ArmAnswer:
    """The answer of one arm."""

    text: str
    seconds: float | None = None
    """Seconds until the answer was complete; None if not measured."""
    confidence: float | None = None
    """Geometric mean of the probabilities of the answer's tokens."""


@dataclass(frozen=True, slots=True)
class LineResult:
    """The answers of one arm to a missing line in the ways `warm`, `typed` and `cold`, and what their programs did."""

    task: Task
    typed: str
    """The part of the line that was already typed, in the way `typed`."""
    answers: Mapping[str, ArmAnswer]
    outcomes: Mapping[str, ProgramResult]

    def passed(self, way: str) -> bool:
        """Return whether the program with the answer of this way passed the tests."""
        return self.outcomes[way] == "passed"


class Arm(msgspec.Struct, frozen=True, omit_defaults=True):
    """Figures of one arm. Rates are shares of all lines; seconds are means over the timed lines."""

    rate: float
    """Pass rate of warm answers."""
    ci95: tuple[float, float]
    cold_rate: float
    typed_rate: float
    mean_s: float | None = None
    cold_mean_s: float | None = None
    typed_mean_s: float | None = None


class Displayed(msgspec.Struct, frozen=True):
    """Figures for warm answers if answers below the minimum confidence are not shown. Rates are shares of all lines.

    `changed`, `better` and `worse` are numbers of lines, as in `Refined`.
    """

    least_confidence: float
    fast: float
    """Share of lines for which the fast tier's answer is shown and right."""
    strong: float
    """Share of lines for which the strong tier's best answer is shown and right."""
    refined: float
    """Share of lines for which the answer that is shown after the pause is right."""
    added: int
    """Number of lines for which only the strong tier's answer is shown."""
    changed: int
    better: int
    worse: int


class Refined(msgspec.Struct, frozen=True):
    """Figures for what is shown after a pause, if the strong tier always exceeds the latency budget.

    The counts are for warm answers.
    """

    rate: float
    ci95: tuple[float, float]
    typed_rate: float
    changed: int
    """Number of lines on which the strong tier's answer replaced the fast tier's."""
    better: int
    """Number of these lines that became right."""
    worse: int
    """Number of these lines that became wrong."""
    shown: Displayed


class Multi(msgspec.Struct, frozen=True, omit_defaults=True):
    """Pass rates of tasks with several missing lines, by arm."""

    n: int
    fast: Rate | None = None
    strong: Rate | None = None
    auto: Rate | None = None


class Case(msgspec.Struct, frozen=True):
    """A line and a way (`warm`, `typed` or `cold`) in which the answers of some arms passed and others did not."""

    task: str
    way: str
    typed: str
    wanted: str
    answers: Mapping[str, str]
    outcomes: Mapping[str, ProgramResult]


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result as `--json` prints it. Arms without an installed model are absent."""

    name: str
    n: int
    models: Mapping[str, str]
    """Names of the models, by tier."""
    backend: str
    seconds: float
    timed: int
    """Number of lines on which answers were timed."""
    cases: tuple[Case, ...]
    fast: Arm | None = None
    strong: Arm | None = None
    auto: Arm | None = None
    examples: Arm | None = None
    """Like `auto`, but candidates are run against the examples of docstrings."""
    refined: Refined | None = None
    multi: Multi | None = None

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield f"  {'':8s} warm    95 % interval        mean     cold    mean     part typed  mean"
        for tier in TIERS:
            if (arm := getattr(self, tier)) is not None:
                low, high = arm.ci95
                yield (
                    f"  {tier:8s} {arm.rate:.3f}   {low:.3f} to {high:.3f}   {_seconds(arm.mean_s)}"
                    f"   {arm.cold_rate:.3f}  {_seconds(arm.cold_mean_s)}"
                    f"   {arm.typed_rate:.3f}    {_seconds(arm.typed_mean_s)}"
                )
        if (refined := self.refined) is not None:
            low, high = refined.ci95
            yield (
                f"  refined  {refined.rate:.3f}   {low:.3f} to {high:.3f}   after a pause"
                f"{'':19s}{refined.typed_rate:.3f}"
            )
            yield f"    changed {refined.changed} of {self.n} lines: {refined.better} better, {refined.worse} worse"
            at = refined.shown
            yield (
                f"    shown from confidence {at.least_confidence:g} and right: "
                f"fast {at.fast:.3f}, strong {at.strong:.3f}, refined {at.refined:.3f}"
            )
            yield f"    of these {at.added} added, {at.changed} changed: {at.better} better, {at.worse} worse"
        if self.multi is not None:
            yield f"  several lines missing, {self.multi.n} tasks:"
            for tier in TIERS:
                if (runs := getattr(self.multi, tier, None)) is not None:
                    yield f"  {tier:8s} {runs.rate:.3f}   {runs.ci95[0]:.3f} to {runs.ci95[1]:.3f}"


def _seconds(value: float | None) -> str:
    return "      -" if value is None else f"{value:5.2f} s"


@dataclass(frozen=True, slots=True)
class Run:
    """Conditions of the evaluation."""

    models: Mapping[str, str]
    """Names of the models, by tier."""
    backend: str
    timed: int
    least_confidence: float
    seconds: float


def report(lines: Sequence[Mapping[str, LineResult]], runs: Sequence[Mapping[str, ProgramResult]], run: Run) -> Report:
    """Summarize all tasks by arm. `lines` must not be empty."""
    arms = {name: _arm([each[name] for each in lines]) for name in TIERS if name in lines[0]}
    multi = {name: _pass_rate([each[name] for each in runs]) for name in (runs[0] if runs else ())}
    return Report(
        name="infill",
        n=len(lines),
        models=run.models,
        backend=run.backend,
        seconds=run.seconds,
        timed=min(run.timed, len(lines)),
        cases=tuple(case for each in lines for case in _cases(each)),
        fast=arms.get("fast"),
        strong=arms.get("strong"),
        auto=arms.get("auto"),
        examples=arms.get("examples"),
        refined=_refined(lines, run.least_confidence) if REFINED in lines[0] else None,
        multi=Multi(len(runs), multi.get("fast"), multi.get("strong"), multi.get("auto")) if runs else None,
    )


def _refined(lines: Sequence[Mapping[str, LineResult]], least: float) -> Refined:
    n = len(lines)
    right = sum(each[REFINED].passed("warm") for each in lines)
    pairs = [
        (each["fast"].passed("warm"), each[REFINED].passed("warm"))
        for each in lines
        if each["fast"].answers["warm"].text != each[REFINED].answers["warm"].text
    ]
    return Refined(
        rate=right / n,
        ci95=wilson(right, n),
        typed_rate=sum(each[REFINED].passed("typed") for each in lines) / n,
        changed=len(pairs),
        better=sum(now and not before for before, now in pairs),
        worse=sum(before and not now for before, now in pairs),
        shown=_displayed(lines, least),
    )


def _displayed(lines: Sequence[Mapping[str, LineResult]], least: float) -> Displayed:
    """Remove answers below the minimum confidence. Of the others, choose the shown ones as the server does."""
    before = [_shown(each["fast"], least) for each in lines]
    best = [_shown(each[BEST], least) for each in lines]
    pairs = list(zip(before, best, strict=True))
    after = [found if is_better(shown[0], found[0]) else shown for shown, found in pairs]
    changed = [
        (shown[1], now[1]) for shown, now in zip(before, after, strict=True) if shown[0].text and now is not shown
    ]
    n = len(lines)
    return Displayed(
        least_confidence=least,
        fast=sum(right for _, right in before) / n,
        strong=sum(right for _, right in best) / n,
        refined=sum(right for _, right in after) / n,
        added=sum(bool(now[0].text) and not shown[0].text for shown, now in zip(before, after, strict=True)),
        changed=len(changed),
        better=sum(now and not was for was, now in changed),
        worse=sum(was and not now for was, now in changed),
    )


def _shown(result: LineResult, least: float) -> tuple[ModelAnswer, bool]:
    """Return what an editor shows of a warm answer, and whether it shows a right answer."""
    answer = result.answers["warm"]
    if (answer.confidence or 0.0) < least:
        return ModelAnswer("", answer.confidence), False
    return ModelAnswer(answer.text, answer.confidence), result.passed("warm")


def _arm(results: Sequence[LineResult]) -> Arm:
    n = len(results)
    right = {way: sum(each.passed(way) for each in results) for way in WAYS}
    return Arm(
        rate=right["warm"] / n,
        ci95=wilson(right["warm"], n),
        cold_rate=right["cold"] / n,
        typed_rate=right["typed"] / n,
        mean_s=_mean(each.answers["warm"].seconds for each in results),
        cold_mean_s=_mean(each.answers["cold"].seconds for each in results),
        typed_mean_s=_mean(each.answers["typed"].seconds for each in results),
    )


def _pass_rate(outcomes: Sequence[ProgramResult]) -> Rate:
    return Rate.of(sum(each == "passed" for each in outcomes), len(outcomes))


def _mean(seconds: Iterable[float | None]) -> float | None:
    measured = [each for each in seconds if each is not None]
    return fmean(measured) if measured else None


def _cases(arms: Mapping[str, LineResult]) -> Iterator[Case]:
    for way in WAYS:
        arms = {name: each for name, each in arms.items() if name != BEST}
        outcomes = {name: each.outcomes[way] for name, each in arms.items()}
        if len({each.passed(way) for each in arms.values()}) > 1:
            first = next(iter(arms.values()))
            typed = first.typed if way == "typed" else ""
            answers = {name: each.answers[way].text for name, each in arms.items()}
            yield Case(first.task.name, way, typed, first.task.missing[len(typed) :], answers, outcomes)
