"""`eval shown`: what would have been shown to somebody who writes real files, and what it would have been worth.

At every place a completion is asked for as an editor asks, where the cursor has rested before the key: by the tier that
the router takes, with the skip rules, the filters and the least confidence that a user starts with. A suggestion counts
as right when the file goes on just so: its text, white space aside, is how the file goes on, and it is either the rest
of the line at least, or ends where a word ends. So the first part of a line, which a person accepts and goes on from,
is right too; a line with another name in it is not.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from slm_lsp.bench.common import private_engine
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
from slm_lsp.models.store import Store
from slm_lsp.proportions import percentile, wilson
from slm_lsp.routing import choose as routing
from slm_lsp.routing.policy import eligible_models

SEED = 411
MILLISECONDS = 1e3

MIN_RIGHT = 4
"""Characters; a shorter beginning of what was wanted is of no use."""

CURVE = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Confidences at which precision and coverage are reported."""


class Case(msgspec.Struct, frozen=True):
    """A place and what was suggested there."""

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
    """It says the next line of the file again; not one as short as `}`, which a block may well have inside too."""
    breaks: bool
    """A file that parsed does not parse with it."""
    milliseconds: float


class Report(msgspec.Struct, frozen=True):
    """As `--json` prints it."""

    name: str
    n: int
    precision: float
    """Right ones among what is shown."""
    coverage: float
    """Shown ones among all places."""
    duplicated_suffix: int
    parse_breaks: int
    cached_p95_ms: float | None
    """Of finding what is left of a suggestion when a character of it was typed, or its first line accepted."""
    saved: int
    """Characters of all right suggestions."""
    wanted: int
    """Characters that were to be written."""
    ci95: Mapping[str, tuple[float, float]]
    by_language: Mapping[str, tuple[int, int, int]]
    """Places, shown ones, right ones."""
    curve: Mapping[str, tuple[float, float]]
    """Precision and coverage by the least confidence that is shown."""
    reasons: Mapping[str, int]
    """Why nothing was shown."""
    model: str
    """As it was set."""
    models: Mapping[str, int]
    """Places by the model that was asked."""
    backend: str
    least_confidence: float
    seconds: float
    cases: tuple[Case, ...]

    def lines(self) -> Iterator[str]:
        """The table for people."""
        yield "  asked        " + ", ".join(f"{name}: {places}" for name, places in self.models.items())
        for figure in ("precision", "coverage"):
            low, high = self.ci95[figure]
            yield f"  {figure:12s} {getattr(self, figure):.3f}   95 % of the time {low:.3f} to {high:.3f}"
        if self.cached_p95_ms is not None:
            yield f"  the rest of a suggestion comes from the cache within {self.cached_p95_ms:g} ms (95 % of the time)"
        yield f"  saved        {self.saved} of {self.wanted} characters"
        yield f"  repeat the next line: {self.duplicated_suffix}   break the file: {self.parse_breaks}"
        for language, (places, shown, right) in self.by_language.items():
            yield f"  {language:12s} {places:4d} places {shown:4d} shown {right:4d} right"
        for least, (precision, coverage) in self.curve.items():
            yield f"  confidence from {least}: precision {precision:.3f}, coverage {coverage:.3f}"
        for reason, count in self.reasons.items():
            yield f"  {count:4d} not shown: {reason}"


def report(
    cases: Sequence[Case],
    model: str,
    backend: str,
    least: float,
    seconds: float,
    cached_s: Sequence[float] = (),
    models: Sequence[str] = (),
) -> Report:
    """The figures of all cases; there is at least one.

    Args:
        cases: all.
        model: as it was set.
        backend: the binding.
        least: the confidence below which nothing is shown.
        seconds: that it took.
        cached_s: what finding the rest of suggestions took.
        models: who was asked, once for each place.
    """
    n = len(cases)
    shown = [each for each in cases if each.text and each.confidence >= least]
    right = [each for each in shown if each.right]
    languages = dict.fromkeys(each.language for each in cases)
    unsaid = [each.reason or UNSURE for each in cases if each not in shown]
    return Report(
        name="shown",
        n=n,
        precision=len(right) / len(shown) if shown else 0.0,
        coverage=len(shown) / n,
        duplicated_suffix=sum(each.repeats for each in shown),
        parse_breaks=sum(each.breaks for each in shown),
        cached_p95_ms=round(percentile(cached_s, 95) * MILLISECONDS, 3) if cached_s else None,
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
        curve={f"{least:g}": _at(cases, least) for least in CURVE},
        reasons={reason: unsaid.count(reason) for reason in dict.fromkeys(unsaid)},
        model=model,
        models={name: models.count(name) for name in dict.fromkeys(models)},
        backend=backend,
        least_confidence=least,
        seconds=seconds,
        cases=tuple(cases),
    )


def _at(cases: Sequence[Case], least: float) -> tuple[float, float]:
    shown = [each for each in cases if each.text and each.confidence >= least]
    precision = sum(each.right for each in shown) / len(shown) if shown else 0.0
    return round(precision, 3), round(len(shown) / len(cases), 3)


def judge(spot: Spot, completion: Completion) -> Case:
    """Whether a suggestion is right, and whether it does harm."""
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
    """Whether a file goes on with a text, as said above.

    Args:
        text: the suggestion.
        rest: of the line.
        following: the file behind the line.
    """
    said, line = _plain(text), _plain(rest)
    if not (line + _plain(following)).startswith(said):
        return False
    if len(said) >= len(line):
        return True
    left = rest[len(text) :]
    inside_a_word = text[-1:].isalnum() and left[:1].isalnum()
    return len(said) >= MIN_RIGHT and not inside_a_word


def looked_up(cache: Cache, cursor: Cursor, found: Completion) -> list[float]:
    """Seconds it takes to find what is left of a suggestion, first when a character was typed, then its first line."""
    cache.put(cursor, found)
    spent = []
    for typed in (found.text[:1], found.text.split("\n")[0]):
        text = cursor.text[: cursor.offset] + typed + cursor.text[cursor.offset :]
        begun = time.perf_counter()
        left = cache.get(replace(cursor, text=text, offset=cursor.offset + len(typed)))
        if left is not None:
            spent.append(time.perf_counter() - begun)
    return spent


def _plain(text: str) -> str:
    return "".join(text.split())


async def run(count: int, settings: Settings, tell: Callable[[int, int], None]) -> Report:
    """Ask at so many places, in an engine of their own.

    Args:
        count: of places.
        settings: the user's; `model` says which tiers there are.
        tell: called with how many are done, and of how many.

    Raises:
        SlmError: a model is not installed, or the engine did not answer.
    """
    began = time.monotonic()
    spots = choose(count, SEED)
    cases: list[Case] = []
    cached_s: list[float] = []
    models: list[str] = []
    cache, backend = Cache(), ""
    asking = replace(settings, completion=replace(settings.completion, least_confidence=0.0))
    async with private_engine(settings.engine.backend) as engine:
        for tier in eligible_models(settings.model, Store(settings.models_dir)):
            await engine.describe(tier.model, explicit=True)  # An editor has loaded both models.
        for spot in spots:
            cursor = spot.cursor
            around = surroundings(cursor.text, cursor.offset, cursor.path)
            reason = skip_reason(cursor, around, asking.completion)
            if reason is None:
                found = await _suggested(cursor, engine, asking)
                models.append(found.model)
                backend = found.backend or backend
            else:
                found = refused(cursor, reason)
            cases.append(judge(spot, found))
            cached_s += looked_up(cache, cursor, found)
            tell(len(cases), len(spots))
    seconds = time.monotonic() - began
    return report(cases, settings.model, backend, settings.completion.least_confidence, seconds, cached_s, models)


async def _suggested(cursor: Cursor, provider: Provider, settings: Settings) -> Completion:
    """What an editor gets where the cursor has rested."""
    parts = PromptParts(cursor, at_line(cursor))
    for each in await routing.models_to_warm(parts, provider, settings):
        await warm(completion_request(parts, each, settings), provider)
    choice = await routing.choose(parts, provider, settings)
    found = await complete(completion_request(parts, choice, settings), provider)
    return replace(found, model=choice.name, tier=choice.tier)
