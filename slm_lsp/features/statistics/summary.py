"""Summarizes the statistics for `slm-lsp stats`. `docs/statistics.md` explains each figure."""

import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from slm_lsp.features.statistics.store import bands, groups, reading
from slm_lsp.features.statistics.threshold import threshold
from slm_lsp.proportions import percentile, wilson

BIN_EDGES_MS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Edges of the latency histogram. Below 100 ms a user notices no delay; after more than 1 s most users have continued
to type."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of suggestions by outcome."""

    shown: int
    accepted: int
    partial: int
    """Suggestions of which some words or lines were accepted, but not all."""
    rejected: int
    ignored: int
    silent: int
    """Number of ignored suggestions whose editor had not reported any outcome, so that the user may have accepted
    them."""
    characters_shown: int
    characters_accepted: int
    rate: float | None
    """Share of the shown suggestions that were accepted, at least in part; None if no suggestion was shown."""
    ci95: tuple[float, float]
    """95 % Wilson interval of `rate`."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Number of answers, and nearest-rank percentiles of the time from request to answer."""

    n: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class LatencyBin:
    """One bin of the latency histogram, which counts answers of the engine. `to_ms` is None in the last bin."""

    from_ms: int
    to_ms: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Day:
    """Counts of one day. `accepted` includes partial acceptance."""

    day: str
    shown: int
    accepted: int


@dataclass(frozen=True, slots=True)
class Learned:
    """The threshold learned for a language and a tier."""

    language: str
    tier: str
    outcomes: int
    """Number of outcomes from which the threshold was learned."""
    threshold: float
    """Automatic suggestions with a lower confidence are not shown."""


@dataclass(frozen=True, slots=True)
class Summary:
    """All statistics, or those of the last `days` days."""

    days: int | None
    first: str | None
    """First day on which a suggestion was shown, as `YYYY-MM-DD`."""
    last: str | None
    """Last day on which a suggestion was shown."""
    total: Counts
    by_language: dict[str, Counts]
    """This and the next three dictionaries are sorted by `shown`, the largest first."""
    by_tier: dict[str, Counts]
    by_model: dict[str, Counts]
    by_source: dict[str, Counts]
    """The keys are `engine` and `cache`."""
    latency: dict[str, Latency]
    """The keys are the tiers (for answers of the engine) and `cache` (for answers from the cache)."""
    histogram: tuple[LatencyBin, ...]
    daily: tuple[Day, ...]
    """Every day from the first to the last, including days without suggestions."""
    tokens: int
    """Number of tokens generated for the suggestions shown."""
    nothing: dict[str, int]
    """Number of requests without a suggestion by reason, the most frequent reason first."""
    thresholds: tuple[Learned, ...]
    """The current thresholds; they do not depend on `days`."""


class _Row(NamedTuple):
    """Sums over the suggestions of one day, language, tier, model and source."""

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
    """Summarize a database. A missing database has no suggestions.

    Args:
        path: the database.
        today: the local date.
        days: number of days to include, up to today; None: all days.

    Raises:
        StatisticsError: the database cannot be read.
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
        thresholds = tuple(_learned(db, *group) for group in groups(db))
    return _summary(days, rows, latencies, nothing, thresholds)


def _rows(db: sqlite3.Connection, since: str) -> list[_Row]:
    """Return the suggestions from the day `since` on, grouped by day, language, tier, model and source."""
    rows = db.execute(
        "SELECT day, language, tier, model, source, count(*), sum(outcome IS 'accepted'), sum(outcome IS 'partial'), "
        "sum(outcome IS 'rejected'), sum(outcome IS NULL), sum(characters), sum(taken), sum(tokens) "
        "FROM suggestion WHERE day >= ? GROUP BY day, language, tier, model, source",
        (since,),
    )
    return [_Row(*row) for row in rows]


def _learned(db: sqlite3.Connection, language: str, tier: str) -> Learned:
    shown, accepted = bands(db, language, tier)
    return Learned(language, tier, sum(shown), threshold(shown, accepted))


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
    from_engine = [values for key, values in by_key.items() if key != "cache"]
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
        histogram=_histogram(from_engine),
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


def _histogram(tiers: Sequence[Sequence[float]]) -> tuple[LatencyBin, ...]:
    """Count the latencies of all tiers in each bin. The latencies of each tier must be sorted."""
    below = [sum(bisect_left(values, edge) for values in tiers) for edge in (0, *BIN_EDGES_MS)]
    counts = (high - low for low, high in pairwise((*below, sum(map(len, tiers)))))
    return tuple(LatencyBin(*each) for each in zip((0, *BIN_EDGES_MS), (*BIN_EDGES_MS, None), counts, strict=True))
