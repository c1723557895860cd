"""Tracks which tokens the KV cells of a backend hold, and carries out the plans of `plan.py`.

A session is one sequence of the context. The last sequence has no session; it is reserved for measurements.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from slm_lsp.engine.backend import Backend
from slm_lsp.engine.daemon.kv_offload import KvOffload, OffloadedCells
from slm_lsp.engine.daemon.plan import Held, Plan, common_prefix, plan

MIN_LOWERED = 64
"""A session is moved to the first cells of the context only if at least this many cells there are empty. llama.cpp pads
the number of cells in use to a multiple of 32 to 256, so moving a session by fewer cells saves nothing."""

LARGE_LOSS = 384
"""If a prompt would replace more than this many tokens of a session, the session is treated as another document, even
if both begin with the same tokens: the cells of the session are offloaded first. When the cursor moves inside one
document, the prompt replaces fewer tokens: the suffix and some lines."""


@dataclass(slots=True)
class Session:
    """One sequence and the tokens whose cells it holds. Positions are token indices."""

    sequence: int
    tokens: list[int] = field(default_factory=list)
    used: int = 0
    busy: bool = False
    reserved: int = 0
    floor: int = 0
    """Number of cells of other sessions before this session's first cell, when this session was filled; see
    `Sessions._lower`."""

    def held(self) -> Held:
        """Return the session's state for `plan`. Valid only until the session changes."""
        return Held(self.sequence, self.tokens, self.used, self.busy, self.reserved)


class Sessions:
    """All sessions of a backend's context.

    Args:
        backend: owner of the cells.
        offload: where the cells of idle documents are saved; None: nowhere.
    """

    def __init__(self, backend: Backend, offload: KvOffload | None = None) -> None:
        self._backend = backend
        self._offload = offload
        self._sessions = [Session(number) for number in range(backend.options.sequences - 1)]
        self.measuring_sequence = backend.options.sequences - 1
        """Sequence without a session, in which `rates.measure` evaluates batches."""
        self._clock = 0

    def count(self) -> int:
        """Return the number of sessions."""
        return len(self._sessions)

    def free(self) -> int:
        """Return the number of sessions that no request uses."""
        return sum(not each.busy for each in self._sessions)

    def tokens_held(self) -> int:
        """Return the number of tokens of all sessions. Shared cells count for each session that shares them."""
        return sum(len(each.tokens) for each in self._sessions)

    def missing(self, wanted: Sequence[int]) -> int:
        """Return how many tokens of a prompt must be evaluated if it is opened now, or as soon as a session is free."""
        found = self._plan(wanted, 0)
        missing = len(wanted) - (0 if found is None else found.reused)
        offloaded = self._worth_restoring(wanted, missing)
        return missing if offloaded is None else len(wanted) - offloaded[1]

    def open(self, wanted: Sequence[int], room: int, *, fresh: bool = False) -> Session | None:
        """Return a session that holds the reused beginning of a prompt; None if no session or too few cells are free.

        The caller evaluates the rest of the prompt and calls `close` when the request ends.

        Args:
            wanted: the whole prompt.
            room: cells that generation may need.
            fresh: reuse nothing.
        """
        found = self._plan(wanted, room, fresh)
        if found is not None and not fresh and self._restore(wanted, room, len(wanted) - found.reused):
            found = self._plan(wanted, room)
        if found is None:
            return None
        session = self._sessions[found.sequence]
        for number in found.emptied:
            self._make_way(self._sessions[number], wanted)
        reused = found.reused if self._lower(session) else 0
        session.busy = True
        session.reserved = len(wanted) + room
        if found.copy_from is not None and reused:
            self._copy_prefix(session, self._sessions[found.copy_from], reused)
        elif len(session.tokens) - reused > min(reused, LARGE_LOSS):
            self._evict(session, reused)
        else:
            self.cut(session, reused)
        if not session.tokens:
            session.floor = self.tokens_held()
        return session

    def _copy_prefix(self, session: Session, source: Session, length: int) -> None:
        """Let `session` share the first `length` tokens of `source`."""
        self._evict(session)
        self._backend.copy(source.sequence, session.sequence, 0, length)
        session.tokens = source.tokens[:length]
        session.floor = source.floor
        if self._offloads() and not source.busy:
            self._evict(source)

    def fork(self, session: Session) -> Session | None:
        """Return another session that shares all cells of `session`; None if no session is free."""
        free = [each for each in self._sessions if not each.busy]
        if not free:
            return None
        target = min(free, key=_eviction_order)
        self._evict(target)
        self._backend.copy(session.sequence, target.sequence, 0, len(session.tokens))
        target.tokens, target.busy = list(session.tokens), True
        target.floor = session.floor
        return target

    def cut(self, session: Session, length: int) -> None:
        """Keep the first `length` tokens of a session. Remove all later cells, including those of a failed batch."""
        self._backend.remove(session.sequence, length, -1)
        del session.tokens[length:]

    def close(self, session: Session) -> None:
        """Mark a session as idle; it keeps its cells for later requests."""
        self._clock += 1
        session.used, session.busy, session.reserved = self._clock, False, 0

    def empty_idle(self) -> bool:
        """Empty all idle sessions. Return False if none of them held cells."""
        idle = [each for each in self._sessions if not each.busy and each.tokens]
        for each in idle:
            self._evict(each)
        return bool(idle)

    def _plan(self, wanted: Sequence[int], room: int, fresh: bool = False) -> Plan | None:
        held = [each.held() for each in self._sessions]
        return plan(held, wanted, room, self._backend.options.cells, fresh=fresh, alone=self._offloads())

    def _offloads(self) -> bool:
        """Return whether the cells of idle sessions are moved to disk."""
        return self._offload is not None and self._offload.enabled

    def _make_way(self, session: Session, wanted: Sequence[int]) -> None:
        """Empty an idle session. Save its cells first, unless it differs little from the wanted prompt.

        A session that differs little is usually another candidate of the last request.
        """
        shared = common_prefix(session.tokens, wanted)
        self._evict(session, 0, len(session.tokens) - shared)

    def _lower(self, session: Session) -> bool:
        """Move a session to the first cells of the context, if enough cells before the session are now empty.

        Returns:
            False if moving the cells failed. The session is then empty.
        """
        alone = self.tokens_held() == len(session.tokens)
        if not alone or session.floor < max(MIN_LOWERED, len(session.tokens) // 4) or not self._offloads():
            return True
        session.floor = 0
        cells = self._backend.save(session.sequence)
        self._backend.remove(session.sequence, 0, -1)
        if self._backend.restore(session.sequence, cells):
            return True
        self.cut(session, 0)
        return False

    def _evict(self, session: Session, kept: int = 0, lost: int | None = None) -> None:
        """Cut an idle session to its first `kept` tokens. If many tokens would be lost, first save all of its cells.

        Args:
            session: the session.
            kept: number of tokens to keep.
            lost: number of tokens that no other session has; None: all tokens that are cut off.
        """
        offload = self._offload
        lost = len(session.tokens) - kept if lost is None else lost
        if offload is not None and offload.enabled and lost >= offload.min_tokens:
            offload.put(tuple(session.tokens), self._backend.save(session.sequence))
        self.cut(session, kept)

    def _worth_restoring(self, wanted: Sequence[int], missing: int) -> tuple[OffloadedCells, int] | None:
        """Return the offloaded cells to restore, and how many tokens of the prompt they hold.

        Return None if no offloaded cells would save the evaluation of at least `min_tokens` tokens.
        """
        offload = self._offload
        if offload is None or missing < offload.min_tokens:
            return None
        found = offload.best(wanted[:-1])
        return found if found is not None and missing - (len(wanted) - found[1]) >= offload.min_tokens else None

    def _restore(self, wanted: Sequence[int], room: int, missing: int) -> bool:
        """Restore offloaded cells into a session if this saves enough evaluation. Return whether it was done."""
        found = self._worth_restoring(wanted, missing)
        if found is None or self._offload is None:
            return False
        offloaded, _ = found
        tokens = max(len(offloaded.tokens), len(wanted) + room)
        if not self._can_hold(tokens) or (cells := self._offload.take(offloaded)) is None:
            return False
        target = self._empty_session(tokens)
        if not self._backend.restore(target.sequence, cells):
            self._offload.put(offloaded.tokens, cells)
            return False
        target.tokens = list(offloaded.tokens)
        target.used = self._clock
        target.floor = self.tokens_held() - len(target.tokens)
        return True

    def _can_hold(self, tokens: int) -> bool:
        """Return whether a session is idle and the busy sessions leave enough cells for `tokens` tokens."""
        busy = sum(each.held().cells for each in self._sessions if each.busy)
        return self.free() > 0 and busy + tokens <= self._backend.options.cells

    def _empty_session(self, tokens: int) -> Session:
        """Choose an idle session, empty it, make sure that `tokens` cells are free, and return the session.

        If cells can be offloaded, all other idle sessions are emptied too, so that the returned session gets the first
        cells of the context. Otherwise only as many sessions are emptied as necessary.
        """
        idle = sorted((each for each in self._sessions if not each.busy), key=_eviction_order)
        taken = sum(each.held().cells for each in self._sessions)
        target, *others = idle
        for each in (target, *(each for each in others if each.tokens)):
            if each is target or self._offloads() or taken + tokens > self._backend.options.cells:
                taken -= len(each.tokens)
                self._evict(each)
        return target


def _eviction_order(session: Session) -> tuple[bool, int]:
    """Return the sort key for sessions: empty sessions first, then the least recently used ones."""
    return bool(session.tokens), session.used
