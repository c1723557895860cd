"""Which of a file's rows stay when the file changes: a save touches some lines, and moves those below them."""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key")
At = TypeVar("At")


@dataclass(frozen=True, slots=True)
class Difference(Generic[At]):
    """How to get from the rows that are held to those that are wanted."""

    gone: Sequence[int]
    """Numbers of held rows that nothing wants any more."""
    moved: Sequence[tuple[int, At]]
    """Numbers of held rows that say the same elsewhere, and where."""
    fresh: Sequence[int]
    """Positions of wanted rows that say something new."""


def difference(held: Iterable[tuple[int, Key, At]], wanted: Iterable[tuple[Key, At]]) -> Difference[At]:
    """Match rows by what they say; of several that say the same, the first with the first.

    Args:
        held: the number of each row, what it says and where it stands.
        wanted: what each row says and where it stands.
    """
    free: defaultdict[Key, deque[tuple[int, At]]] = defaultdict(deque)
    for number, key, at in held:
        free[key].append((number, at))
    moved: list[tuple[int, At]] = []
    fresh: list[int] = []
    for position, (key, at) in enumerate(wanted):
        if not (same := free.get(key)):
            fresh.append(position)
            continue
        number, before = same.popleft()
        if before != at:
            moved.append((number, at))
    return Difference([number for left in free.values() for number, _ in left], moved, fresh)
