"""The statistics summed up: what `slm-lsp stats` prints and draws. `docs/statistics.md` says what each figure means."""

import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from slm_lsp.features.statistics.store import bands, kinds, reading
from slm_lsp.features.statistics.threshold import threshold
from slm_lsp.proportions import percentile, wilson

STEPS_MS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Edges of the latency histogram. Nobody notices what is under 100 ms; what is over 1 s was mostly for nothing."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Suggestions and what became of them."""

    shown: int
    accepted: int
    partial: int
    """A word or a line of it was taken, not all."""
    rejected: int
    ignored: int
    silent: int
    """How many of the ignored were shown by an editor that had not told any outcome."""
    characters_shown: int
    characters_accepted: int
    rate: float | None
    """Accepted, at least in part, of those shown; None where none was."""
    ci95: tuple[float, float]
    """Wilson's interval of `rate`."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from request to answer: percentiles by nearest rank."""

    n: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Step:
    """A bar of the latency histogram, of what the engine was asked for; `to_ms` is None in the last one."""

    from_ms: int
    to_ms: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Day:
    """One day; `accepted` includes what was accepted in part."""

    day: str
    shown: int
    accepted: int


@dataclass(frozen=True, slots=True)
class Learned:
    """The least confidence that is shown, learned from the newest outcomes of a language and a tier."""

    language: str
    tier: str
    outcomes: int
    threshold: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything, or what lies in the last `days`."""

    days: int | None
    first: str | None
    """The first day on which anything was counted, as `YYYY-MM-DD`."""
    last: str | None
    total: Counts
    by_language: dict[str, Counts]
    """Those shown most come first, here and in the next three."""
    by_tier: dict[str, Counts]
    by_model: dict[str, Counts]
    by_source: dict[str, Counts]
    """From the `engine` or the `cache`."""
    latency: dict[str, Latency]
    """By tier, of what the engine was asked for, and of the `cache`."""
    histogram: tuple[Step, ...]
    daily: tuple[Day, ...]
    """Every day from the first to the last."""
    tokens: int
    """Generated for what was shown."""
    nothing: dict[str, int]
    """Why nothing was shown, and how often; the most frequent reason first."""
    thresholds: tuple[Learned, ...]
    """Whatever `days` says: as they are now."""


class _Row(NamedTuple):
    """Suggestions that have all in common but their figures."""

    day: str
    language: str
    tier: str
    model: str
    source: str
    shown: int
    accepted: int
    partial: int
    rejected: int
    silent: int
    characters: int
    taken: int
    tokens: int


def summarize(path: Path, today: date, days: int | None) -> Summary:
    """The summary of a database; without one, of nothing.

    Raises:
        StatisticsError: it cannot be read.
    """
    if not path.exists():
        return _summary(days, [], [], {}, ())
    since = (today - timedelta(days=days - 1)).isoformat() if days else ""
    with reading(path) as db:
        rows = _rows(db, since)
        latencies = db.execute(
            "SELECT CASE source WHEN 'cache' THEN source ELSE tier END, latency_ms FROM suggestion WHERE day >= ?",
            (since,),
        ).fetchall()
        nothing = dict(
            db.execute(
                "SELECT reason, sum(count) AS n FROM unshown WHERE day >= ? GROUP BY reason ORDER BY n DESC, reason",
                (since,),
            )
        )
        thresholds = tuple(_learned(db, *kind) for kind in kinds(db))
    return _summary(days, rows, latencies, nothing, thresholds)


def _rows(db: sqlite3.Connection, since: str) -> list[_Row]:
    """Suggestions grouped by all that is no figure."""
    found = db.execute(
        "SELECT day, language, tier, model, source, count(*), sum(outcome IS 'accepted'), sum(outcome IS 'partial'), "
        "sum(outcome IS 'rejected'), sum(outcome IS NULL), sum(characters), sum(taken), sum(tokens) "
        "FROM suggestion WHERE day >= ? GROUP BY day, language, tier, model, source",
        (since,),
    )
    return [_Row(*row) for row in found]


def _learned(db: sqlite3.Connection, language: str, tier: str) -> Learned:
    shown, taken = bands(db, language, tier)
    return Learned(language, tier, sum(shown), threshold(shown, taken))


def _summary(
    days: int | None,
    rows: Sequence[_Row],
    latencies: Iterable[tuple[str, float]],
    nothing: dict[str, int],
    thresholds: tuple[Learned, ...],
) -> Summary:
    by_key: dict[str, list[float]] = defaultdict(list)
    for key, latency_ms in latencies:
        by_key[key].append(latency_ms)
    for values in by_key.values():
        values.sort()
    asked = [values for key, values in by_key.items() if key != "cache"]
    daily = _daily(rows)
    return Summary(
        days=days,
        first=daily[0].day if daily else None,
        last=daily[-1].day if daily else None,
        total=_counts(rows),
        by_language=_grouped(rows, lambda row: row.language),
        by_tier=_grouped(rows, lambda row: row.tier),
        by_model=_grouped(rows, lambda row: row.model),
        by_source=_grouped(rows, lambda row: row.source),
        latency={
            key: Latency(len(values), percentile(values, 50), percentile(values, 95))
            for key, values in sorted(by_key.items())
        },
        histogram=_histogram(asked),
        daily=daily,
        tokens=sum(row.tokens for row in rows),
        nothing=nothing,
        thresholds=thresholds,
    )


def _counts(rows: Sequence[_Row]) -> Counts:
    shown, accepted = sum(row.shown for row in rows), sum(row.accepted for row in rows)
    partial, rejected = sum(row.partial for row in rows), sum(row.rejected for row in rows)
    taken = accepted + partial
    return Counts(
        shown=shown,
        accepted=accepted,
        partial=partial,
        rejected=rejected,
        ignored=shown - taken - rejected,
        silent=sum(row.silent for row in rows),
        characters_shown=sum(row.characters for row in rows),
        characters_accepted=sum(row.taken for row in rows),
        rate=taken / shown if shown else None,
        ci95=wilson(taken, shown),
    )


def _grouped(rows: Iterable[_Row], key: Callable[[_Row], str]) -> dict[str, Counts]:
    groups: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    counted = [(name, _counts(groups[name])) for name in sorted(groups)]
    return dict(sorted(counted, key=lambda each: -each[1].shown))


def _daily(rows: Sequence[_Row]) -> tuple[Day, ...]:
    days = _grouped(rows, lambda row: row.day)
    if not days:
        return ()
    first, last = date.fromisoformat(min(days)), date.fromisoformat(max(days))
    every = ((first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1))
    return tuple(
        Day(day, days[day].shown, days[day].accepted + days[day].partial) if day in days else Day(day, 0, 0)
        for day in every
    )


def _histogram(tiers: Sequence[Sequence[float]]) -> tuple[Step, ...]:
    """How many values of all tiers, each in order, lie in each step."""
    below = [sum(bisect_left(values, edge) for values in tiers) for edge in (0, *STEPS_MS)]
    counts = (high - low for low, high in pairwise((*below, sum(map(len, tiers)))))
    return tuple(Step(*each) for each in zip((0, *STEPS_MS), (*STEPS_MS, None), counts, strict=True))
