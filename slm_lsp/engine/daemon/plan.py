"""Decides which KV cells a prompt reuses. `plan` is a pure function; `session.py` carries the plan out.

One of the sequences holds the longest beginning of the prompt. The prompt reuses the cells of this beginning, and the
rest of the prompt is evaluated. There are two ways to reuse the cells:

- **continue**: the sequence is cut to the common beginning and continued.
- **copy**: an empty sequence shares the cells of the common beginning (each cell gets a second owner). The first
  sequence does not change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

MIN_SHARED = 16
"""Minimum length of a common beginning, in tokens, that is shared. Fewer tokens are evaluated in one batch anyway."""


@dataclass(frozen=True, slots=True)
class Held:
    """The tokens whose cells one sequence holds."""

    sequence: int
    tokens: Sequence[int]
    used: int
    """Time of the last use; a larger number is later."""
    busy: bool = False
    reserved: int = 0
    """Cells that a busy sequence may need, including those it holds."""

    @property
    def cells(self) -> int:
        """Cells that other sequences cannot have while this one is kept."""
        return max(len(self.tokens), self.reserved)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which sequence evaluates a prompt, and how many tokens it reuses."""

    sequence: int
    reused: int
    """Number of tokens at the start of the prompt whose cells exist, in `sequence` or in `copy_from`."""
    copy_from: int | None
    """Another sequence that already has the cells of the first `reused` tokens; `sequence` then shares them. None: the
    reused cells, if any, are in `sequence` itself."""
    emptied: tuple[int, ...]
    """Sequences to empty, in this order, to make room."""


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the number of tokens that both sequences have in common at the start."""
    limit = min(len(one), len(other))
    return next((index for index in range(limit) if one[index] != other[index]), limit)


def plan(
    held: Iterable[Held], wanted: Sequence[int], room: int, cells: int, *, fresh: bool = False, alone: bool = False
) -> Plan | None:
    """Return the cheapest way to evaluate `wanted` with room for `room` more cells.

    The last wanted token is always evaluated, since only evaluation gives logits. A sequence that has most of its
    tokens in common with the prompt is continued. If only a shorter beginning is common, this beginning is shared.

    Args:
        held: all sequences that have sessions.
        wanted: the whole prompt; not empty.
        room: cells that generation may need.
        cells: cells of the context. Shared cells are counted once for each owner, so the estimate is never too low.
        fresh: reuse nothing.
        alone: continue the idle sequence with the longest common beginning, and empty all other idle ones. Attention
            reads all cells up to the last one in use, so idle sequences slow every batch down.

    Returns:
        The plan; None while every sequence is busy, or while the busy ones leave too few cells.
    """
    everything = sorted(held, key=lambda each: each.used)
    free = [each for each in everything if not each.busy]
    if not free:
        return None
    common = {each.sequence: 0 if fresh else common_prefix(each.tokens, wanted[:-1]) for each in everything}
    nearest = max(everything, key=lambda each: (common[each.sequence], each.used))
    found = _choose(free, nearest, common[nearest.sequence], len(wanted), alone)
    if alone:
        found = replace(found, emptied=_other_idle(found, free))
    return _with_room(found, everything, nearest, len(wanted) + room, cells)


def _other_idle(found: Plan, free: Sequence[Held]) -> tuple[int, ...]:
    """Return the idle sequences with cells that a plan neither continues nor copies from."""
    kept = (found.sequence, found.copy_from)
    return tuple(each.sequence for each in free if each.tokens and each.sequence not in kept)


def _choose(free: Sequence[Held], nearest: Held, shared: int, wanted: int, alone: bool) -> Plan:
    """Return the plan for the sequence `nearest`, which has `shared` tokens in common with the prompt."""
    mostly_the_same = 2 * shared >= min(len(nearest.tokens), wanted) or (alone and shared >= MIN_SHARED)
    if nearest in free and nearest.tokens and mostly_the_same:
        return Plan(nearest.sequence, shared, None, ())
    others = [each for each in free if each is not nearest] or list(free)
    target = next((each for each in free if not each.tokens), others[0])
    if target is nearest:
        return Plan(target.sequence, shared, None, ())
    if shared >= MIN_SHARED:
        return Plan(target.sequence, shared, nearest.sequence, ())
    return Plan(target.sequence, 0, None, ())


def _with_room(found: Plan, everything: Sequence[Held], nearest: Held, needed: int, cells: int) -> Plan | None:
    """Add to a plan the sequences to empty, the least recently used first.

    Return None if there are too few cells even when all idle sequences are emptied.
    """
    others = [each for each in everything if each.sequence != found.sequence and each.sequence not in found.emptied]
    taken = sum(each.cells for each in others)
    emptied = list(found.emptied)
    evictable = sorted((each for each in others if not each.busy and each.tokens), key=lambda each: each is nearest)
    for each in evictable:
        if taken + needed <= cells:
            break
        emptied.append(each.sequence)
        taken -= each.cells
    if taken + needed > cells:
        return None
    return replace(found, emptied=tuple(emptied))
