"""What an editor was given and what became of it, on the way into the database: the part that may wait for a disk."""

import math
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from slm_lsp.features.statistics.store import Ledger
from slm_lsp.features.statistics.threshold import threshold

Source = Literal["engine", "cache"]
Outcome = Literal["accepted", "partial", "rejected", "ignored"]
Kind = tuple[str, str]
"""Language and tier."""

KEEP_DAYS = 180
"""What is older is deleted."""

PENDING = 256
"""Suggestions whose outcome is waited for; nobody accepts one after so many others."""

OTHER = "other"
"""Stands for a name or a reason that might be something else."""

# Languages come from editors and models from file names: a path or a piece of code must not get in by them.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+#-]{0,79}")
_REASON = re.compile(r"[A-Za-z][A-Za-z ,;:.'-]{0,119}")

_RANK: dict[Outcome | None, int] = {None: 0, "ignored": 1, "rejected": 2, "partial": 3, "accepted": 4}


@dataclass(frozen=True, slots=True)
class Shown:
    """A suggestion that an editor was given."""

    id: str
    """By which its outcome is told; not stored. While it is typed through, it stays the same suggestion."""
    language: str
    tier: str | None
    model: str
    source: Source
    confidence: float
    """0 to 1."""
    characters: int
    lines: int
    latency_ms: float
    """From the request to the answer."""
    tokens: int
    """Generated for it; 0 where it came from the cache."""


@dataclass(slots=True)
class _Pending:
    """A suggestion whose outcome may still be told. `outcome` is None while nobody who would tell it was heard."""

    row: int
    kind: Kind
    characters: int
    outcome: Outcome | None
    taken: int = 0


class Feedback:
    """Writes suggestions and outcomes, and learns from them. All methods but the constructor inside a transaction.

    Args:
        ledger: where it is written.
        today: the day, of the user's clock.
        thresholds: what was learned, kept up to date.
    """

    def __init__(self, ledger: Ledger, today: Callable[[], date], thresholds: dict[Kind, float]) -> None:
        self._ledger = ledger
        self._today = today
        self._thresholds = thresholds
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._heard = False
        self._tidied: date | None = None
        self._changed: set[Kind] = set(ledger.kinds())
        self.learn()

    def shown(self, each: Shown, day: date) -> None:
        """A suggestion was given to an editor."""
        if each.id in self._pending:
            return
        kind = kind_of(each.language, each.tier)
        outcome: Outcome | None = "ignored" if self._heard else None
        confidence = min(max(each.confidence, 0.0), 1.0) if math.isfinite(each.confidence) else 0.0
        figures = (confidence, each.characters, each.lines, each.latency_ms, each.tokens)
        row = self._ledger.add((day.isoformat(), *kind, name(each.model), each.source, *figures, outcome))
        self._pending[each.id] = _Pending(row, kind, each.characters, outcome)
        if len(self._pending) > PENDING:
            self._pending.popitem(last=False)
        self._changed.add(kind)

    def outcome(self, id: str, kind: Outcome, characters: int | None) -> None:  # noqa: A002 - the field's name
        """What became of a suggestion; of several outcomes the best stands, whatever their order."""
        pending = self._pending.get(id)
        if pending is None:
            return
        if kind != "ignored" and not self._heard:
            # This editor tells what becomes of suggestions, so its silence about earlier ones means something too.
            self._heard = True
            for each in self._pending.values():
                each.outcome = "ignored"
                self._settle(each)
        if kind in ("accepted", "partial"):
            whole = pending.characters if kind == "accepted" else 0
            told = whole if characters is None else min(max(characters, 0), pending.characters)
            pending.taken = max(pending.taken, told)
        if self._heard and _RANK[kind] > _RANK[pending.outcome]:
            pending.outcome = kind
        self._settle(pending)

    def replaced(self, id: str) -> None:  # noqa: A002 - the field's name
        """A better suggestion was shown in its place: it does not count, unless something of it was accepted."""
        pending = self._pending.get(id)
        if pending is None or pending.outcome in ("accepted", "partial"):
            return
        del self._pending[id]
        self._ledger.remove(pending.row)
        self._changed.add(pending.kind)

    def nothing(self, language: str, tier: str | None, reason: str, day: date) -> None:
        """Nothing was shown."""
        said = reason if _REASON.fullmatch(reason) else OTHER
        self._ledger.add_nothing(day.isoformat(), *kind_of(language, tier), said)

    def tidy(self) -> None:
        """Once a day, drop what is old."""
        today = self._today()
        if today != self._tidied:
            self._ledger.forget_before((today - timedelta(days=KEEP_DAYS)).isoformat())
            self._tidied = today

    def learn(self) -> None:
        """Bring the thresholds up to date where something changed."""
        for kind in self._changed:
            self._thresholds[kind] = threshold(*self._ledger.bands(*kind))
        self._changed.clear()

    def _settle(self, pending: _Pending) -> None:
        self._ledger.set_outcome(pending.row, pending.outcome, pending.taken)
        self._changed.add(pending.kind)


def kind_of(language: str, tier: str | None) -> Kind:
    """Language and tier as they are kept."""
    return name(language), name(tier or "")


def name(said: str) -> str:
    """A name as it is kept: what does not look like one is `other`."""
    return said if _NAME.fullmatch(said) else OTHER
