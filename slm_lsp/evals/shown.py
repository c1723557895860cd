"""`eval shown`: which suggestions an editor would show while real files are written, and whether they would be right.

At each position, a completion is requested as in an editor after the cursor has rested there. The router chooses the
tier, and the skip rules, the filters and the default minimum confidence apply.

A suggestion is right if two conditions hold. First, the file continues with the text of the suggestion (ignoring white
space). Second, the suggestion contains at least the rest of the line, or it ends at the end of a word. So a correct
first part of a line is right too, since the user can accept it and continue. A line with a wrong name is not right.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from slm_lsp.config import Settings
from slm_lsp.context.anchor import at_line
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.window import PromptParts
from slm_lsp.engine.api import Provider
from slm_lsp.evals.shown_places import Spot, choose
from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.cache import Cache
from slm_lsp.features.completion.complete import UNSURE, Completion, complete, refused, warm
from slm_lsp.features.completion.filters import MIN_REPEATED
from slm_lsp.features.completion.request import completion_request
from slm_lsp.features.completion.skip import skip_reason
from slm_lsp.features.completion.syntax import breaks
from slm_lsp.harness.engine import private_engine
from slm_lsp.harness.report import interval
from slm_lsp.harness.tasks import OnProgress, Progress, run_tasks
from slm_lsp.models.store import Store
from slm_lsp.proportions import percentile, wilson
from slm_lsp.routing import choose as routing
from slm_lsp.routing.policy import eligible_models

SEED = 411
MILLISECONDS = 1e3

MIN_RIGHT = 4
"""A suggestion that is only the first part of a line must have at least this many characters to be right."""

CURVE = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Values of the minimum confidence at which precision and coverage are reported."""


class Case(msgspec.Struct, frozen=True):
    """A position and the suggestion there."""

    language: str
    path: str
    line: int
    typed: str
    wanted: str
    text: str
    reason: str | None
    confidence: float
    right: bool
    repeats: bool
    """Whether the suggestion repeats the next line of the file. Very short lines such as `}` are ignored."""
    breaks: bool
    """Whether the file parsed before and does not parse with the suggestion."""
    milliseconds: float


class Report(msgspec.Struct, frozen=True):
    """The result as `--json` prints it."""

    name: str
    n: int
    precision: float
    """Share of shown suggestions that are right."""
    coverage: float
    """Share of positions with a shown suggestion."""
    duplicated_suffix: int
    """Number of shown suggestions that repeat the next line."""
    parse_breaks: int
    """Number of shown suggestions after which the file does not parse."""
    cached_p95_ms: float | None
    """95th percentile of the milliseconds to find the rest of a suggestion in the cache, after its first character or
    its first line was typed."""
    saved: int
    """Total number of characters in right suggestions."""
    wanted: int
    """Total number of characters in the removed rests of lines."""
    ci95: Mapping[str, tuple[float, float]]
    """95 % Wilson intervals of precision and coverage."""
    by_language: Mapping[str, tuple[int, int, int]]
    """For each language, the numbers of positions, of shown suggestions and of right suggestions."""
    curve: Mapping[str, tuple[float, float]]
    """For each minimum confidence in `CURVE`, precision and coverage."""
    reasons: Mapping[str, int]
    """For each reason why no suggestion was shown, the number of positions."""
    model: str
    """The setting `model`."""
    models: Mapping[str, int]
    """For each model, the number of positions at which it answered."""
    backend: str
    least_confidence: float
    seconds: float
    cases: tuple[Case, ...]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield "  answered by  " + ", ".join(f"{name}: {count}" for name, count in self.models.items())
        for figure in ("precision", "coverage"):
            yield f"  {figure:12s} {getattr(self, figure):.3f}   {interval(self.ci95[figure])}"
        if self.cached_p95_ms is not None:
            yield f"  rest of a suggestion from the cache: p95 {self.cached_p95_ms:g} ms"
        yield f"  saved        {self.saved} of {self.wanted} characters"
        yield f"  repeat the next line: {self.duplicated_suffix}   break the file: {self.parse_breaks}"
        for language, (count, shown, right) in self.by_language.items():
            yield f"  {language:12s} {count:4d} positions {shown:4d} shown {right:4d} right"
        for least, (precision, coverage) in self.curve.items():
            yield f"  confidence from {least}: precision {precision:.3f}, coverage {coverage:.3f}"
        for reason, count in self.reasons.items():
            yield f"  {count:4d} not shown: {reason}"


@dataclass(slots=True)
class Run:
    """Conditions of an evaluation, and results that are collected during it."""

    model: str
    """The setting `model`."""
    least_confidence: float
    backend: str = ""
    models: list[str] = field(default_factory=list)
    """Name of the model that answered, one entry for each position with an answer."""
    cached_s: list[float] = field(default_factory=list)
    """Seconds of each cache look-up for the rest of a suggestion."""
    seconds: float = 0.0


def report(cases: Sequence[Case], run: Run) -> Report:
    """Summarize all cases. `cases` must not be empty."""
    n, least = len(cases), run.least_confidence
    shown = [each for each in cases if each.text and each.confidence >= least]
    right = [each for each in shown if each.right]
    languages = dict.fromkeys(each.language for each in cases)
    reasons = [each.reason or UNSURE for each in cases if each not in shown]
    return Report(
        name="shown",
        n=n,
        precision=len(right) / len(shown) if shown else 0.0,
        coverage=len(shown) / n,
        duplicated_suffix=sum(each.repeats for each in shown),
        parse_breaks=sum(each.breaks for each in shown),
        cached_p95_ms=round(percentile(run.cached_s, 95) * MILLISECONDS, 3) if run.cached_s else None,
        saved=sum(len(each.text) for each in right),
        wanted=sum(len(each.wanted) for each in cases),
        ci95={"precision": wilson(len(right), len(shown)), "coverage": wilson(len(shown), n)},
        by_language={
            name: (
                sum(each.language == name for each in cases),
                sum(each.language == name for each in shown),
                sum(each.language == name for each in right),
            )
            for name in languages
        },
        curve={f"{each:g}": _at(cases, each) for each in CURVE},
        reasons={reason: reasons.count(reason) for reason in dict.fromkeys(reasons)},
        model=run.model,
        models={name: run.models.count(name) for name in dict.fromkeys(run.models)},
        backend=run.backend,
        least_confidence=least,
        seconds=run.seconds,
        cases=tuple(cases),
    )


def _at(cases: Sequence[Case], least: float) -> tuple[float, float]:
    shown = [each for each in cases if each.text and each.confidence >= least]
    precision = sum(each.right for each in shown) / len(shown) if shown else 0.0
    return round(precision, 3), round(len(shown) / len(cases), 3)


def judge(spot: Spot, completion: Completion) -> Case:
    """Return a case for the report: whether the suggestion is right, repeats the next line, or breaks the file."""
    cursor = spot.cursor
    around = surroundings(cursor.text, cursor.offset, cursor.path)
    text, over = completion.text, completion.end - completion.start
    written, below = (around.before + text).split("\n"), around.next_line.strip()
    return Case(
        language=spot.language,
        path=cursor.path,
        line=spot.line,
        typed=around.before.lstrip(),
        wanted=spot.rest,
        text=text,
        reason=completion.reason,
        confidence=completion.confidence or 0.0,
        right=bool(text) and is_right(text, spot.rest, spot.following),
        repeats=bool(text) and len(below) >= MIN_REPEATED and any(line.strip() == below for line in written),
        breaks=bool(text) and breaks(text, over, around),
        milliseconds=completion.timing.total_ms,
    )


def is_right(text: str, rest: str, following: str) -> bool:
    """Return whether a suggestion is right, as the module's docstring defines it.

    Args:
        text: the suggestion.
        rest: the rest of the line in the file.
        following: the file after the line.
    """
    suggested, line = _without_space(text), _without_space(rest)
    if not (line + _without_space(following)).startswith(suggested):
        return False
    if len(suggested) >= len(line):
        return True
    left = rest[len(text) :]
    inside_a_word = text[-1:].isalnum() and left[:1].isalnum()
    return len(suggested) >= MIN_RIGHT and not inside_a_word


def lookup_times(cache: Cache, cursor: Cursor, found: Completion) -> list[float]:
    """Return the seconds to find the rest of a suggestion after its first character, or its first line, was typed."""
    cache.put(cursor, found)
    spent = []
    for typed in (found.text[:1], found.text.split("\n")[0]):
        text = cursor.text[: cursor.offset] + typed + cursor.text[cursor.offset :]
        begun = time.perf_counter()
        left = cache.get(replace(cursor, text=text, offset=cursor.offset + len(typed)))
        if left is not None:
            spent.append(time.perf_counter() - begun)
    return spent


def _without_space(text: str) -> str:
    return "".join(text.split())


async def run(count: int, settings: Settings, on_progress: OnProgress) -> Report:
    """Request suggestions at `count` positions, in a private engine.

    Args:
        count: number of positions.
        settings: the user's settings; `model` defines the tiers.
        on_progress: called with the number of finished positions and of all positions.

    Raises:
        SlmError: a model is not installed, or the engine failed.
    """
    began = time.monotonic()
    spots = choose(count, SEED)
    found = Run(settings.model, settings.completion.least_confidence)
    cache = Cache()
    # The minimum confidence is applied in the report, so that the curve can be computed.
    requested = replace(settings, completion=replace(settings.completion, least_confidence=0.0))
    async with private_engine(settings.engine.backend) as engine:
        for tier in eligible_models(settings.model, Store(settings.models_dir)):
            await engine.describe(tier.model, explicit=True)  # load all models now, as in an editor

        async def case(spot: Spot) -> Case:
            completion = await _completion(spot.cursor, engine, requested)
            if completion.model:
                found.models.append(completion.model)
            found.backend = completion.backend or found.backend
            found.cached_s += lookup_times(cache, spot.cursor, completion)
            return judge(spot, completion)

        cases = await run_tasks(spots, case, Progress(len(spots), on_progress))
    found.seconds = time.monotonic() - began
    return report(cases, found)


async def _completion(cursor: Cursor, provider: Provider, settings: Settings) -> Completion:
    """Return the completion that an editor gets after the cursor rested; an empty one if a skip rule applies."""
    around = surroundings(cursor.text, cursor.offset, cursor.path)
    if (reason := skip_reason(cursor, around, settings.completion)) is not None:
        return refused(cursor, reason)
    parts = PromptParts(cursor, at_line(cursor))
    for each in await routing.models_to_warm(parts, provider, settings):
        await warm(completion_request(parts, each, settings), provider)
    choice = await routing.choose(parts, provider, settings)
    found = await complete(completion_request(parts, choice, settings), provider)
    return replace(found, model=choice.name, tier=choice.tier)
