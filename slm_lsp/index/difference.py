"""Compares the stored rows of a file with its new rows, so that a save writes only the rows that changed.

Most saves change a few lines and move the lines below them.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key")
Location = TypeVar("Location")


@dataclass(frozen=True, slots=True)
class Difference(Generic[Location]):
    """The changes that turn the stored rows into the wanted rows."""

    removed: Sequence[int]
    """Ids of stored rows to delete."""
    moved: Sequence[tuple[int, Location]]
    """Pairs of the id of a stored row that keeps its content but moves, and its new location."""
    added: Sequence[int]
    """Indexes, in the wanted rows, of the rows to insert."""


def difference(
    stored: Iterable[tuple[int, Key, Location]], wanted: Iterable[tuple[Key, Location]]
) -> Difference[Location]:
    """Match stored and wanted rows by content. Rows with equal content are matched in order.

    Args:
        stored: the id, content and location of each stored row.
        wanted: the content and location of each wanted row.
    """
    free: defaultdict[Key, deque[tuple[int, Location]]] = defaultdict(deque)
    for number, key, at in stored:
        free[key].append((number, at))
    moved: list[tuple[int, Location]] = []
    added: list[int] = []
    for position, (key, at) in enumerate(wanted):
        if not (same := free.get(key)):
            added.append(position)
            continue
        number, before = same.popleft()
        if before != at:
            moved.append((number, at))
    return Difference([number for left in free.values() for number, _ in left], moved, added)
