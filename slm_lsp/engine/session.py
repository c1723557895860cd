"""Which tokens the KV cells of a backend hold, and the cheapest way from there to a wanted prompt.

`plan` is pure; `Sessions` executes it. A session is one sequence of the context. Three ways lead to a prompt:

- **common prefix**: what the prompt begins with is there; the rest is evaluated. Exact. Typing behind the sentinel of
  the middle is always this case.
- **copied prefix**: another session's beginning is shared (its cells get a second owner), the session stays as it is.
- **spliced suffix**: the cursor moved or something before it changed, but most of the suffix is the same text. The new
  part of the prefix and the sentinel are evaluated in a scratch sequence, the kept cells of the suffix shifted (RoPE
  is relative), and the two put together. An approximation: the kept cells have read the older prefix. A sequence
  cannot be decoded with a hole in it, hence the scratch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from slm_lsp.engine.backend import Backend
from slm_lsp.engine.prompt import Prompt
from slm_lsp.engine.protocol import Reuse

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
) -> Plan | None:
    """The cheapest way to evaluate `wanted`, with `room` cells more for what follows.

    The last wanted token is always evaluated, since only that gives logits. A sequence that shares most of its tokens
    with the wanted ones is taken over; one that shares only a beginning is left alone and its beginning shared.

    Args:
        held: every sequence of the context but the scratch.
        wanted: the whole prompt; not empty.
        room: cells that generation may need.
        cells: cells of the context. Shared cells are counted for each that shares them: never too few.
        reuse: `all`; `exact` allows no approximation; `nothing` evaluates all afresh.
        seam: suffix tokens evaluated again at the seam of a splice.
        scratch: whether the scratch sequence is free.

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
        found = _prefixed(free, reach, nearest, count, reuse)
    return _with_room(found, everything, nearest, count + room, cells)


def _reach(each: Held, wanted: Prompt, reuse: Reuse) -> int:
    if reuse == "nothing":
        return 0
    reach = common_prefix(each.tokens, wanted.tokens[:-1])
    return reach if reuse == "all" or each.exact is None else min(reach, each.exact)


def _prefixed(free: Sequence[Held], reach: dict[int, int], nearest: Held, wanted: int, reuse: Reuse) -> Plan:
    shared = reach[nearest.sequence]
    mostly_the_same = 2 * shared >= min(len(nearest.tokens), wanted)
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
    others = [each for each in everything if each.sequence != found.sequence]
    taken = sum(each.cells for each in others)
    if found.splice is not None:
        needed += found.splice.lead_end - found.reused
    emptied: list[int] = []
    evictable = sorted((each for each in others if not each.busy and each.tokens), key=lambda each: each is nearest)
    for each in evictable:
        if taken + needed <= cells:
            break
        emptied.append(each.sequence)
        taken -= each.cells
    if taken + needed > cells:
        return None
    return Plan(found.sequence, found.reused, found.copy_from, tuple(emptied), found.splice)


@dataclass(slots=True)
class Session:
    """One sequence and the tokens its cells hold. Positions are token indices."""

    sequence: int
    tokens: list[int] = field(default_factory=list)
    used: int = 0
    busy: bool = False
    exact: int | None = None
    suffix_at: int | None = None
    middle_at: int | None = None
    shared: int = 0
    reserved: int = 0

    def held(self) -> Held:
        """A view of it for `plan`, to be used before anything changes."""
        return Held(
            self.sequence,
            self.tokens,
            self.used,
            self.busy,
            self.exact,
            self.suffix_at,
            self.middle_at,
            self.shared,
            self.reserved,
        )


@dataclass(frozen=True, slots=True)
class Lead:
    """Tokens to evaluate in the scratch sequence before `Sessions.splice` puts a session together."""

    sequence: int
    start: int
    tokens: tuple[int, ...]


class Sessions:
    """All sequences of a backend's context; the last one is the scratch."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._sessions = [Session(number) for number in range(backend.options.sequences - 1)]
        self._scratch = backend.options.sequences - 1
        self._scratch_taken = False
        self._clock = 0

    def count(self) -> int:
        """How many sessions there are."""
        return len(self._sessions)

    def free(self) -> int:
        """How many of them nobody uses."""
        return sum(not each.busy for each in self._sessions)

    def open(
        self, wanted: Prompt, room: int, reuse: Reuse = "all", seam: int = 1
    ) -> tuple[Session, Plan, Lead | None] | None:
        """A session on its way to hold `wanted`; `close` it when done. None: not now.

        With a lead, that is evaluated first and `splice` called; until then the session is as it was.
        """
        held = [each.held() for each in self._sessions]
        cells = self._backend.options.cells
        found = plan(held, wanted, room, cells, reuse, seam=seam, scratch=not self._scratch_taken)
        if found is None:
            return None
        session = self._sessions[found.sequence]
        for number in found.emptied:
            self.cut(self._sessions[number], 0)
        session.busy = True
        session.reserved = len(wanted.tokens) + room
        if found.splice is not None:
            self._scratch_taken = True
            self._backend.copy(session.sequence, self._scratch, 0, found.reused)
            lead = wanted.tokens[found.reused : found.splice.lead_end]
            return session, found, Lead(self._scratch, found.reused, lead)
        if found.copy_from is not None:
            source = self._sessions[found.copy_from]
            self.cut(session, 0)
            self._backend.copy(source.sequence, session.sequence, 0, found.reused)
            session.tokens = list(wanted.tokens[: found.reused])
            session.exact = None if source.exact is None or source.exact >= found.reused else source.exact
            session.shared = found.reused
            source.shared = max(source.shared, found.reused)
        else:
            self.cut(session, found.reused)
        session.suffix_at, session.middle_at = wanted.suffix_at, wanted.middle_at
        return session, found, None

    def splice(self, session: Session, found: Plan, wanted: Prompt) -> None:
        """Put a session together, once its lead is evaluated in the scratch sequence."""
        if found.splice is None:
            raise ValueError("the plan has no splice")
        kept_from, kept_to, lead_end = found.splice.kept_from, found.splice.kept_to, found.splice.lead_end
        backend, sequence = self._backend, session.sequence
        backend.remove(sequence, kept_to, -1)
        backend.remove(sequence, found.reused, kept_from)
        backend.shift(sequence, kept_from, kept_to, lead_end - kept_from)
        backend.copy(self._scratch, sequence, found.reused, lead_end)
        self.release_scratch()
        exact = found.reused if session.exact is None else min(session.exact, found.reused)
        session.tokens = list(wanted.tokens[: lead_end + kept_to - kept_from])
        session.exact = lead_end if exact >= found.reused else exact
        session.suffix_at, session.middle_at = wanted.suffix_at, wanted.middle_at

    def release_scratch(self) -> None:
        """Empty the scratch sequence; the next splice may have it."""
        self._backend.remove(self._scratch, 0, -1)
        self._scratch_taken = False

    def fork(self, session: Session) -> Session | None:
        """Another session that shares all the cells of this one, for another answer to the same prompt."""
        free = [each for each in self._sessions if not each.busy]
        if not free:
            return None
        target = min(free, key=lambda each: (bool(each.tokens), each.used))
        self.cut(target, 0)
        self._backend.copy(session.sequence, target.sequence, 0, len(session.tokens))
        target.tokens, target.busy, target.exact = list(session.tokens), True, session.exact
        target.suffix_at, target.middle_at = session.suffix_at, session.middle_at
        target.shared = session.shared = len(session.tokens)
        return target

    def cut(self, session: Session, length: int) -> None:
        """Keep the first `length` tokens of a session, and forget cells behind them, evaluated or not."""
        self._backend.remove(session.sequence, length, -1)
        del session.tokens[length:]
        session.shared = min(session.shared, length)
        if session.exact is not None and session.exact >= length:
            session.exact = None

    def close(self, session: Session) -> None:
        """Give a session back; its cells stay for whoever can use them."""
        self._clock += 1
        session.used, session.busy, session.reserved = self._clock, False, 0

    def empty_idle(self) -> bool:
        """Give up the cells of every session that nobody uses; False where there were none."""
        idle = [each for each in self._sessions if not each.busy and each.tokens]
        for each in idle:
            self.cut(each, 0)
        return bool(idle)
