"""Which tokens the KV cells of a backend hold, sequence by sequence, and the execution of a plan.

A session is one sequence of the context; the last sequence is the scratch in which splices begin.
"""

from dataclasses import dataclass, field

from slm_lsp.engine.api import Reuse
from slm_lsp.engine.backend import Backend
from slm_lsp.engine.daemon.kv_offload import Parked, Parking
from slm_lsp.engine.daemon.plan import Held, Plan, common_prefix, plan
from slm_lsp.engine.daemon.prompt import Prompt

MIN_LOWERED = 64
"""Cells to skip below a session that are worth moving it down: the padding of the cells in use is 32 to 256."""


LARGE_LOSS = 384
"""Tokens that are cut off a session before it is taken for another document, even one that begins alike. A cursor that
moves inside a document cuts off fewer: its suffix and some lines."""


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
    floor: int = 0
    """Cells of other sessions that lay below its own when it was filled; see `Sessions._lower`."""

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
    """All sequences of a backend's context; the last one is the scratch.

    Args:
        backend: whose cells they are.
        parking: where cells wait that have to make room.
    """

    def __init__(self, backend: Backend, parking: Parking | None = None) -> None:
        self._backend = backend
        self._parking = parking
        self._sessions = [Session(number) for number in range(backend.options.sequences - 1)]
        self.scratch = backend.options.sequences - 1
        self._scratch_taken = False
        self._clock = 0

    def count(self) -> int:
        """How many sessions there are."""
        return len(self._sessions)

    def free(self) -> int:
        """How many of them nobody uses."""
        return sum(not each.busy for each in self._sessions)

    def tokens_held(self) -> int:
        """Tokens of all sessions. Shared cells count for each session that shares them."""
        return sum(len(each.tokens) for each in self._sessions)

    def missing(self, wanted: Prompt, reuse: Reuse, seam: int = 1) -> int:
        """How many tokens of a prompt would be evaluated if it were opened now, or as soon as a session is free."""
        count = len(wanted.tokens)
        found = self._plan(wanted, 0, reuse, seam)
        missing = count if found is None else found.evaluated(count)
        parked = self._worth_fetching(wanted, reuse, missing)
        return missing if parked is None else count - parked[1]

    def open(
        self, wanted: Prompt, room: int, reuse: Reuse = "all", seam: int = 1
    ) -> tuple[Session, Plan, Lead | None] | None:
        """A session on its way to hold `wanted`; `close` it when done. None: not now.

        With a lead, that is evaluated first and `splice` called; until then the session is as it was.
        """
        found = self._plan(wanted, room, reuse, seam)
        if found is not None and self._fetch(wanted, room, reuse, found.evaluated(len(wanted.tokens))):
            found = self._plan(wanted, room, reuse, seam)
        if found is None:
            return None
        session = self._sessions[found.sequence]
        for number in found.emptied:
            self._make_way(self._sessions[number], wanted)
        if not self._lower(session):
            found = Plan(found.sequence, 0, None, ())
        session.busy = True
        session.reserved = len(wanted.tokens) + room
        if found.splice is not None:
            self._scratch_taken = True
            self._backend.copy(session.sequence, self.scratch, 0, found.reused)
            lead = wanted.tokens[found.reused : found.splice.lead_end]
            return session, found, Lead(self.scratch, found.reused, lead)
        if found.copy_from is not None:
            self._copy_prefix(session, self._sessions[found.copy_from], found.reused)
        elif len(session.tokens) - found.reused > min(found.reused, LARGE_LOSS):
            self._evict(session, found.reused)
        else:
            self.cut(session, found.reused)
        if not session.tokens:
            session.floor = self.tokens_held()
        session.suffix_at, session.middle_at = wanted.suffix_at, wanted.middle_at
        return session, found, None

    def _copy_prefix(self, session: Session, source: Session, length: int) -> None:
        """Share the first tokens of a session with another one."""
        self._evict(session)
        self._backend.copy(source.sequence, session.sequence, 0, length)
        session.tokens = source.tokens[:length]
        session.exact = None if source.exact is None or source.exact >= length else source.exact
        session.shared, session.floor = length, source.floor
        source.shared = max(source.shared, length)
        if self._spills() and not source.busy:
            self._evict(source)

    def splice(self, session: Session, found: Plan, wanted: Prompt) -> None:
        """Put a session together, once its lead is evaluated in the scratch sequence."""
        if found.splice is None:
            raise ValueError("the plan has no splice")
        kept_from, kept_to, lead_end = found.splice.kept_from, found.splice.kept_to, found.splice.lead_end
        backend, sequence = self._backend, session.sequence
        backend.remove(sequence, kept_to, -1)
        backend.remove(sequence, found.reused, kept_from)
        backend.shift(sequence, kept_from, kept_to, lead_end - kept_from)
        backend.copy(self.scratch, sequence, found.reused, lead_end)
        self.release_scratch()
        exact = found.reused if session.exact is None else min(session.exact, found.reused)
        session.tokens = list(wanted.tokens[: lead_end + kept_to - kept_from])
        session.exact = lead_end if exact >= found.reused else exact
        session.suffix_at, session.middle_at = wanted.suffix_at, wanted.middle_at

    def release_scratch(self) -> None:
        """Empty the scratch sequence; the next splice may have it."""
        self._backend.remove(self.scratch, 0, -1)
        self._scratch_taken = False

    def fork(self, session: Session) -> Session | None:
        """Another session that shares all the cells of this one, for another answer to the same prompt."""
        free = [each for each in self._sessions if not each.busy]
        if not free:
            return None
        target = min(free, key=_least_missed)
        self._evict(target)
        self._backend.copy(session.sequence, target.sequence, 0, len(session.tokens))
        target.tokens, target.busy, target.exact = list(session.tokens), True, session.exact
        target.suffix_at, target.middle_at = session.suffix_at, session.middle_at
        target.shared = session.shared = len(session.tokens)
        target.floor = session.floor
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
            self._evict(each)
        return bool(idle)

    def _plan(self, wanted: Prompt, room: int, reuse: Reuse, seam: int) -> Plan | None:
        held = [each.held() for each in self._sessions]
        cells = self._backend.options.cells
        scratch = not self._scratch_taken
        return plan(held, wanted, room, cells, reuse, seam=seam, scratch=scratch, alone=self._spills())

    def _spills(self) -> bool:
        """Whether idle sessions are moved out of the context; without a place for them they stay."""
        return self._parking is not None and self._parking.open

    def _make_way(self, session: Session, wanted: Prompt) -> None:
        """Empty an idle session. Save its cells, unless little of it differs from the wanted prompt.

        A session that differs little is usually another candidate of the last request.
        """
        shared = common_prefix(session.tokens, wanted.tokens)
        self._evict(session, 0, len(session.tokens) - shared)

    def _lower(self, session: Session) -> bool:
        """Move a session to the lowest cells when those of other sessions, which lay below it, are empty by now.

        Returns:
            False where there was no place for it: the session is empty then.
        """
        alone = self.tokens_held() == len(session.tokens)
        if not alone or session.floor < max(MIN_LOWERED, len(session.tokens) // 4) or not self._spills():
            return True
        session.floor = 0
        cells = self._backend.save(session.sequence)
        self._backend.remove(session.sequence, 0, -1)
        if self._backend.restore(session.sequence, cells):
            return True
        self.cut(session, 0)
        return False

    def _evict(self, session: Session, kept: int = 0, lost: int | None = None) -> None:
        """Cut a session to its first tokens. Save all of its cells first if enough of them would be lost.

        Args:
            session: an idle one. Approximate cells are never saved.
            kept: how many tokens stay.
            lost: how many tokens no other session has; None: all that are cut off.
        """
        parking = self._parking
        lost = len(session.tokens) - kept if lost is None else lost
        if parking is not None and parking.open and session.exact is None and lost >= parking.least:
            prompt = Prompt(tuple(session.tokens), session.suffix_at, session.middle_at)
            parking.put(prompt, self._backend.save(session.sequence))
        self.cut(session, kept)

    def _worth_fetching(self, wanted: Prompt, reuse: Reuse, missing: int) -> tuple[Parked, int] | None:
        """What waits on disk and saves the evaluation of enough tokens, and how many of the prompt's it has."""
        parking = self._parking
        if parking is None or reuse == "nothing" or missing < parking.least:
            return None
        found = parking.best(wanted.tokens[:-1])
        return found if found is not None and missing - (len(wanted.tokens) - found[1]) >= parking.least else None

    def _fetch(self, wanted: Prompt, room: int, reuse: Reuse, missing: int) -> bool:
        """Bring a prompt back from disk, if that saves enough; True where the sessions hold it now."""
        found = self._worth_fetching(wanted, reuse, missing)
        if found is None or self._parking is None:
            return False
        parked, _ = found
        tokens = max(len(parked.prompt.tokens), len(wanted.tokens) + room)
        if not self._can_hold(tokens) or (cells := self._parking.take(parked)) is None:
            return False
        target = self._place_for(tokens)
        if not self._backend.restore(target.sequence, cells):
            self._parking.put(parked.prompt, cells)
            return False
        target.tokens, target.exact = list(parked.prompt.tokens), None
        target.suffix_at, target.middle_at = parked.prompt.suffix_at, parked.prompt.middle_at
        target.used = self._clock
        target.floor = self.tokens_held() - len(target.tokens)
        return True

    def _can_hold(self, tokens: int) -> bool:
        """Whether some cells can be made free in an idle session."""
        busy = sum(each.held().cells for each in self._sessions if each.busy)
        return self.free() > 0 and busy + tokens <= self._backend.options.cells

    def _place_for(self, tokens: int) -> Session:
        """An empty session with some cells free; the others are evicted first, so that it gets the lowest cells."""
        idle = sorted((each for each in self._sessions if not each.busy), key=_least_missed)
        taken = sum(each.held().cells for each in self._sessions)
        target, *others = idle
        for each in (target, *(each for each in others if each.tokens)):
            if each is target or self._spills() or taken + tokens > self._backend.options.cells:
                taken -= len(each.tokens)
                self._evict(each)
        return target


def _least_missed(session: Session) -> tuple[bool, int]:
    """Empty sessions first, then those that nobody has used for long."""
    return bool(session.tokens), session.used
