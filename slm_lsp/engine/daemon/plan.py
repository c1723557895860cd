"""The cheapest way from the tokens that the KV cells hold to a wanted prompt: a pure plan, executed by `session`.

Three ways lead to a prompt:

- **common prefix**: what the prompt begins with is there; the rest is evaluated. Exact. Typing behind the sentinel of
  the middle is always this case.
- **copied prefix**: another session's beginning is shared (its cells get a second owner), the session stays as it is.
- **spliced suffix**: the cursor moved or something before it changed, but most of the suffix is the same text. The new
  part of the prefix and the sentinel are evaluated in a scratch sequence, the kept cells of the suffix shifted (RoPE
  is relative), and the two put together. An approximation: the kept cells have read the older prefix. A sequence
  cannot be decoded with a hole in it, hence the scratch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from slm_lsp.engine.api import Reuse
from slm_lsp.engine.daemon.prompt import Prompt

MIN_SHARED = 16
"""Fewer common tokens are not worth sharing: they are evaluated in one batch anyway."""

MIN_SPLICED = 32
"""Fewer suffix tokens are evaluated afresh rather than spliced."""

SEAM_SEARCH = 24
"""Tokens at the start of a suffix that are looked up in the other one; tokenisation differs at the first few."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one sequence holds. The cells of the first `exact` tokens are as a fresh evaluation would make them."""

    sequence: int
    tokens: Sequence[int]
    used: int
    """Larger is later."""
    busy: bool = False
    exact: int | None = None
    """None: all of them."""
    suffix_at: int | None = None
    middle_at: int | None = None
    shared: int = 0
    """So many of the first cells have other owners too, and cannot be shifted."""
    reserved: int = 0
    """Cells that a busy sequence may come to need, those it holds included."""

    @property
    def cells(self) -> int:
        """Cells that cannot be given to others while it is kept."""
        return max(len(self.tokens), self.reserved)


@dataclass(frozen=True, slots=True)
class Splice:
    """Tokens `kept_from` to `kept_to` of what is held come to stand behind the first `lead_end` wanted ones."""

    kept_from: int
    kept_to: int
    lead_end: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How a sequence comes to hold a prompt but for its last tokens, which are then evaluated in it.

    The first `reused` wanted tokens are held already, by `sequence` or by `copy_from`. With a `splice` the ones from
    there to `splice.lead_end` are evaluated in the scratch sequence first.
    """

    sequence: int
    reused: int
    copy_from: int | None
    emptied: tuple[int, ...]
    """Sequences whose cells are given up to make room, in this order."""
    splice: Splice | None = None

    def evaluated(self, wanted: int) -> int:
        """How many of so many wanted tokens have to be evaluated."""
        kept = self.splice.kept_to - self.splice.kept_from if self.splice else 0
        return wanted - self.reused - kept


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens the two have in common from the start."""
    limit = min(len(one), len(other))
    return next((index for index in range(limit) if one[index] != other[index]), limit)


def plan(
    held: Iterable[Held],
    wanted: Prompt,
    room: int,
    cells: int,
    reuse: Reuse = "all",
    *,
    seam: int = 1,
    scratch: bool = True,
    alone: bool = False,
) -> Plan | None:
    """The cheapest way to evaluate `wanted`, with `room` cells more for what follows.

    The last wanted token is always evaluated, since only that gives logits. A sequence that shares most of its tokens
    with the wanted ones is taken over; one that shares only a beginning is left alone and its beginning shared. With
    `alone`, the nearest idle sequence is always taken over and all other idle ones are emptied.

    Args:
        held: every sequence of the context but the scratch.
        wanted: the whole prompt; not empty.
        room: cells that generation may need.
        cells: cells of the context. Shared cells are counted for each that shares them: never too few.
        reuse: `all`; `exact` allows no approximation; `nothing` evaluates all afresh.
        seam: suffix tokens evaluated again at the seam of a splice.
        scratch: whether the scratch sequence is free.
        alone: keep no idle sequence beside the planned one. Attention runs over all cells up to the last one in use,
            whoever owns them, so idle sequences slow every batch down.

    Returns:
        None while every sequence is busy, or the busy ones leave too few cells.
    """
    everything = sorted(held, key=lambda each: each.used)
    free = [each for each in everything if not each.busy]
    if not free:
        return None
    found = None
    if reuse == "all" and scratch:
        found = _spliced(free, wanted, seam)
    reach = {each.sequence: _reach(each, wanted, reuse) for each in everything}
    nearest = max(everything, key=lambda each: (reach[each.sequence], each.exact is None, each.used))
    shared = reach[nearest.sequence]
    count = len(wanted.tokens)
    if found is None or found.evaluated(count) >= count - shared - MIN_SPLICED:
        found = _prefixed(free, reach, nearest, count, reuse, alone)
    if alone:
        found = replace(found, emptied=_idle_beside(found, free))
    return _with_room(found, everything, nearest, count + room, cells)


def _reach(each: Held, wanted: Prompt, reuse: Reuse) -> int:
    if reuse == "nothing":
        return 0
    reach = common_prefix(each.tokens, wanted.tokens[:-1])
    return reach if reuse == "all" or each.exact is None else min(reach, each.exact)


def _idle_beside(found: Plan, free: Sequence[Held]) -> tuple[int, ...]:
    """The idle sequences with cells that a plan neither continues nor copies from."""
    kept = (found.sequence, found.copy_from)
    return tuple(each.sequence for each in free if each.tokens and each.sequence not in kept)


def _prefixed(
    free: Sequence[Held], reach: dict[int, int], nearest: Held, wanted: int, reuse: Reuse, alone: bool
) -> Plan:
    shared = reach[nearest.sequence]
    mostly_the_same = 2 * shared >= min(len(nearest.tokens), wanted) or (alone and shared >= MIN_SHARED)
    approximate = reuse == "exact" and nearest.exact is not None and nearest.exact <= shared
    if nearest in free and nearest.tokens and mostly_the_same and not approximate:
        return Plan(nearest.sequence, shared, None, ())
    others = [each for each in free if each is not nearest] or list(free)
    target = next((each for each in free if not each.tokens), others[0])
    if target is nearest:
        return Plan(target.sequence, shared, None, ())
    if shared >= MIN_SHARED:
        return Plan(target.sequence, shared, nearest.sequence, ())
    return Plan(target.sequence, 0, None, ())


def _spliced(free: Sequence[Held], wanted: Prompt, seam: int) -> Plan | None:
    """The best splice that any free sequence allows."""
    plans = [found for each in free if (found := _splice_of(each, wanted, seam)) is not None]
    return min(plans, key=lambda found: found.evaluated(len(wanted.tokens)), default=None)


def _splice_of(each: Held, wanted: Prompt, seam: int) -> Plan | None:
    if each.suffix_at is None or each.middle_at is None or wanted.suffix_at is None or wanted.middle_at is None:
        return None
    old = each.tokens[each.suffix_at + 1 : each.middle_at]
    new = wanted.tokens[wanted.suffix_at + 1 : wanted.middle_at]
    match = align(old, new)
    if match is None:
        return None
    old_start, new_start, length = match
    again = max(seam - new_start, 0)
    old_start, new_start, length = old_start + again, new_start + again, length - again
    kept_from = each.suffix_at + 1 + old_start
    if length < MIN_SPLICED or kept_from < each.shared:
        return None
    reused = min(common_prefix(each.tokens, wanted.tokens), wanted.suffix_at, each.suffix_at)
    lead_end = wanted.suffix_at + 1 + new_start
    if lead_end + length >= len(wanted.tokens):
        return None
    return Plan(each.sequence, reused, None, (), Splice(kept_from, kept_from + length, lead_end))


def align(old: Sequence[int], new: Sequence[int]) -> tuple[int, int, int] | None:
    """A long run that two suffixes share: where it begins in either, and its length.

    The cursor moved down: the new suffix begins inside the old one. It moved up: the other way round.
    """
    best: tuple[int, int, int] | None = None
    for first, second, swapped in ((old, new, False), (new, old, True)):
        for start in range(min(SEAM_SEARCH, len(second))):
            at = _find(first, second[start : start + MIN_SPLICED])
            if at is not None:
                length = common_prefix(first[at:], second[start:])
                found = (start, at, length) if swapped else (at, start, length)
                if best is None or length > best[2]:
                    best = found
                break
    return best


def _find(tokens: Sequence[int], run: Sequence[int]) -> int | None:
    """Where `run` begins in `tokens`."""
    if len(run) < MIN_SPLICED:
        return None
    first, wanted = run[0], list(run)
    for at, token in enumerate(tokens[: len(tokens) - len(run) + 1]):
        if token == first and list(tokens[at : at + len(run)]) == wanted:
            return at
    return None


def _with_room(found: Plan, everything: Sequence[Held], nearest: Held, needed: int, cells: int) -> Plan | None:
    """The plan with the sequences to empty, the least recently used first; None where that is not enough."""
    others = [each for each in everything if each.sequence != found.sequence and each.sequence not in found.emptied]
    taken = sum(each.cells for each in others)
    if found.splice is not None:
        needed += found.splice.lead_end - found.reused
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
