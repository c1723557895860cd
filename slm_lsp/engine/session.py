"""Which tokens the KV cells of a backend hold, and the cheapest way from there to a wanted prompt.

`plan` is pure; `Sessions` executes it. A session is one sequence of the context. Several share the cells: where two
prompts begin alike, the second takes the first one's cells for the common part.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from slm_lsp.engine.backend import Backend

MIN_SHARED = 16
"""Fewer common tokens are not worth sharing: they are evaluated in one batch anyway."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one sequence holds."""

    sequence: int
    tokens: Sequence[int]
    used: int
    """Larger is later."""
    busy: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """How to get a sequence that holds the first `reused` tokens of the wanted ones."""

    sequence: int
    reused: int
    copy_from: int | None
    """Share the cells of this sequence first; None: `sequence` holds them itself."""
    emptied: tuple[int, ...]
    """Sequences whose cells are given up to make room, in this order."""


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens the two have in common from the start."""
    limit = min(len(one), len(other))
    return next((index for index in range(limit) if one[index] != other[index]), limit)


def plan(held: Iterable[Held], wanted: Sequence[int], room: int, cells: int) -> Plan | None:
    """The cheapest way to evaluate `wanted`, with `room` cells more for what follows.

    The last wanted token is always evaluated, since only that gives logits. A sequence that shares most of its tokens
    with the wanted ones is taken over; one that shares only a beginning is left alone and its beginning shared.

    Args:
        held: every sequence of the context.
        wanted: the whole prompt; not empty.
        room: cells that generation may need.
        cells: cells of the context. Shared cells are counted for each that shares them: never too few.

    Returns:
        None while every sequence is busy, or the busy ones leave too few cells.
    """
    everything = sorted(held, key=lambda each: each.used)
    free = [each for each in everything if not each.busy]
    if not free:
        return None
    reach = {each.sequence: common_prefix(each.tokens, wanted[:-1]) for each in everything}
    nearest = max(everything, key=lambda each: (reach[each.sequence], each.used))
    target = _target(free, reach, nearest, len(wanted))
    shared = reach[nearest.sequence]
    if target is nearest:
        reused, copy_from = shared, None
    elif shared >= MIN_SHARED:
        reused, copy_from = shared, nearest.sequence
    else:
        reused, copy_from = 0, None

    needed = len(wanted) + room
    others = [each for each in everything if each is not target]
    taken = sum(len(each.tokens) for each in others)
    emptied: list[int] = []
    evictable = sorted((each for each in others if not each.busy and each.tokens), key=lambda e: e is nearest)
    for each in evictable:
        if taken + needed <= cells:
            break
        emptied.append(each.sequence)
        taken -= len(each.tokens)
    if taken + needed > cells:
        return None
    return Plan(target.sequence, reused, copy_from, tuple(emptied))


def _target(free: Sequence[Held], reach: dict[int, int], nearest: Held, wanted: int) -> Held:
    """The sequence to evaluate in: the nearest if it would lose little, else an empty one, else the oldest."""
    mostly_the_same = 2 * reach[nearest.sequence] >= min(len(nearest.tokens), wanted)
    if nearest in free and nearest.tokens and mostly_the_same:
        return nearest
    empty = next((each for each in free if not each.tokens), None)
    return empty or free[0]


@dataclass(slots=True)
class Session:
    """One sequence and the tokens its cells hold. Positions are token indices."""

    sequence: int
    tokens: list[int] = field(default_factory=list)
    used: int = 0
    busy: bool = False


class Sessions:
    """All sequences of a backend's context."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._sessions = [Session(number) for number in range(backend.options.sequences)]
        self._clock = 0

    def open(self, wanted: Sequence[int], room: int) -> Session | None:
        """A session whose cells hold a prefix of `wanted`; `close` it when done. None: not now."""
        held = [Held(each.sequence, each.tokens, each.used, each.busy) for each in self._sessions]
        found = plan(held, wanted, room, self._backend.options.cells)
        if found is None:
            return None
        session = self._sessions[found.sequence]
        if found.copy_from is not None:
            self.cut(session, 0)
            self._backend.copy(found.copy_from, found.sequence, found.reused)
            session.tokens = list(wanted[: found.reused])
        else:
            self.cut(session, found.reused)
        for number in found.emptied:
            self.cut(self._sessions[number], 0)
        session.busy = True
        return session

    def cut(self, session: Session, length: int) -> None:
        """Keep the first `length` tokens of a session, and forget cells behind them, evaluated or not."""
        self._backend.remove(session.sequence, length, -1)
        del session.tokens[length:]

    def close(self, session: Session) -> None:
        """Give a session back; its cells stay for whoever can use them."""
        self._clock += 1
        session.used, session.busy = self._clock, False
