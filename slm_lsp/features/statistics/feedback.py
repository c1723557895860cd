"""Converts suggestions and their outcomes to rows of the database.

Runs in the background thread that writes the rows.
"""

import math
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from slm_lsp.features.statistics.store import StatisticsDatabase
from slm_lsp.features.statistics.threshold import threshold

SuggestionSource = Literal["engine", "cache"]
SuggestionOutcome = Literal["accepted", "partial", "rejected", "ignored"]
Group = tuple[str, str]
"""Language and tier, as stored. A threshold is learned for each group."""

KEEP_DAYS = 180
"""Rows older than this many days are deleted."""

PENDING = 256
"""Number of the latest suggestions whose outcome may still be reported. Older suggestions keep their outcome."""

OTHER = "other"
"""Stored instead of a name or reason that does not match `_NAME` or `_REASON`."""

# Editors choose the names of languages, and model names come from file names. Both might contain paths or code, which
# must not be stored.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+#-]{0,79}")
_REASON = re.compile(r"[A-Za-z][A-Za-z ,;:.'-]{0,119}")

_RANK: dict[SuggestionOutcome | None, int] = {None: 0, "ignored": 1, "rejected": 2, "partial": 3, "accepted": 4}


@dataclass(frozen=True, slots=True)
class ShownSuggestion:
    """A suggestion that was sent to an editor."""

    id: str
    """Identifies the suggestion when its outcome is reported; not stored. While the user types the suggestion, its rest
    keeps the id."""
    language: str
    tier: str | None
    model: str
    source: SuggestionSource
    confidence: float
    """Confidence, from 0 to 1."""
    characters: int
    lines: int
    latency_ms: float
    """Milliseconds from the editor's request to the answer."""
    tokens: int
    """Number of tokens generated for the suggestion; 0 if it came from the cache."""


@dataclass(slots=True)
class _Pending:
    """A suggestion whose outcome may still be reported."""

    row: int
    group: Group
    characters: int
    outcome: SuggestionOutcome | None
    """None as long as the editor has never reported an outcome."""
    taken: int = 0
    """Number of characters that were accepted."""


class Feedback:
    """Writes suggestions and outcomes, and learns thresholds from them.

    Every method must be called inside a transaction of the database.

    Args:
        database: where to write.
        today: returns the local date.
        thresholds: the learned thresholds; this object keeps them up to date.
    """

    def __init__(self, database: StatisticsDatabase, today: Callable[[], date], thresholds: dict[Group, float]) -> None:
        self._database = database
        self._today = today
        self._thresholds = thresholds
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._editor_reports = False
        self._cleaned_on: date | None = None
        self._changed: set[Group] = set(database.groups())
        self.learn()

    def shown(self, suggestion: ShownSuggestion, day: date) -> None:
        """See `Statistics.shown`."""
        if suggestion.id in self._pending:
            return
        group = group_of(suggestion.language, suggestion.tier)
        outcome: SuggestionOutcome | None = "ignored" if self._editor_reports else None
        confidence = min(max(suggestion.confidence, 0.0), 1.0) if math.isfinite(suggestion.confidence) else 0.0
        names = (*group, stored_name(suggestion.model), suggestion.source)
        size = (suggestion.characters, suggestion.lines)
        row = self._database.add(
            (day.isoformat(), *names, confidence, *size, suggestion.latency_ms, suggestion.tokens, outcome)
        )
        self._pending[suggestion.id] = _Pending(row, group, suggestion.characters, outcome)
        if len(self._pending) > PENDING:
            self._pending.popitem(last=False)
        self._changed.add(group)

    def outcome(self, id: str, outcome: SuggestionOutcome, characters: int | None) -> None:  # noqa: A002 - the field's name
        """See `Statistics.outcome`."""
        pending = self._pending.get(id)
        if pending is None:
            return
        if outcome != "ignored" and not self._editor_reports:
            # The editor reports outcomes, so earlier suggestions without one were ignored.
            self._editor_reports = True
            for each in self._pending.values():
                each.outcome = "ignored"
                self._save(each)
        if outcome in ("accepted", "partial"):
            by_default = pending.characters if outcome == "accepted" else 0
            taken = by_default if characters is None else min(max(characters, 0), pending.characters)
            pending.taken = max(pending.taken, taken)
        if self._editor_reports and _RANK[outcome] > _RANK[pending.outcome]:
            pending.outcome = outcome
        self._save(pending)

    def replaced(self, id: str) -> None:  # noqa: A002 - the field's name
        """See `Statistics.replaced`."""
        pending = self._pending.get(id)
        if pending is None or pending.outcome in ("accepted", "partial"):
            return
        del self._pending[id]
        self._database.remove(pending.row)
        self._changed.add(pending.group)

    def not_shown(self, language: str, tier: str | None, reason: str, day: date) -> None:
        """See `Statistics.not_shown`."""
        stored = reason if _REASON.fullmatch(reason) else OTHER
        self._database.add_not_shown(day.isoformat(), *group_of(language, tier), stored)

    def delete_old(self) -> None:
        """Delete rows older than `KEEP_DAYS`, once a day."""
        today = self._today()
        if today != self._cleaned_on:
            self._database.delete_before((today - timedelta(days=KEEP_DAYS)).isoformat())
            self._cleaned_on = today

    def learn(self) -> None:
        """Update the thresholds of the groups that have changed."""
        for group in self._changed:
            self._thresholds[group] = threshold(*self._database.bands(*group))
        self._changed.clear()

    def _save(self, pending: _Pending) -> None:
        self._database.set_outcome(pending.row, pending.outcome, pending.taken)
        self._changed.add(pending.group)


def group_of(language: str, tier: str | None) -> Group:
    """Return a language and a tier as they are stored."""
    return stored_name(language), stored_name(tier or "")


def stored_name(name: str) -> str:
    """Return the name of a language, tier or model if it matches `_NAME`, otherwise `other`."""
    return name if _NAME.fullmatch(name) else OTHER
