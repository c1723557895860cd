"""Sends `slm/status`, which an editor shows in its status bar, whenever it changes. See `docs/protocol.md`."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypedDict

STATUS = "slm/status"

MIN_INTERVAL_S = 0.25
"""Minimum seconds between two messages that only say that a request started or ended. While the user types, there are
several such changes for each key press, and an editor redraws its status bar for each message."""

State = Literal["idle", "loading", "working", "ready", "failed"]


class Status(TypedDict):
    """The parameters of `slm/status`. An unknown value is null."""

    state: State
    model: str | None
    tier: str | None
    where: Literal["local"]
    tokensPerSecond: float | None
    indexed: int | None
    reason: str | None
    chosen: str | None


def is_routine(before: Status, after: Status) -> bool:
    """Return whether only the state (`working` or `ready`), the speed or the reasons have changed."""
    states = (before["state"], after["state"])
    same = all(before[key] == after[key] for key in ("model", "tier", "indexed"))
    return same and all(state in ("working", "ready") for state in states)


class StatusReport:
    """Keeps the current status and sends it when it changes. Sends routine changes at most once per `MIN_INTERVAL_S`.

    Use it on the event loop only.
    """

    def __init__(self, send: Callable[[Status], None]) -> None:
        self._send = send
        self.current = Status(
            state="idle",
            model=None,
            tier=None,
            where="local",
            tokensPerSecond=None,
            indexed=None,
            reason=None,
            chosen=None,
        )
        self._sent = self.current
        self._edits = 0
        self._timer: asyncio.TimerHandle | None = None

    def set(
        self,
        state: State,
        reason: str | None = None,
        *,
        model: str | None = None,
        tier: str | None = None,
        tokens_per_second: float | None = None,
        chosen: str | None = None,
    ) -> None:
        """Update the status. Model, tier, speed and `chosen` keep their values if they are not passed."""
        before = self.current
        if state == "ready" and self._edits:
            state = "working"
        self.current = Status(
            state=state,
            model=model or before["model"],
            tier=tier or (before["tier"] if model is None else None),
            where="local",
            tokensPerSecond=round(tokens_per_second, 1) if tokens_per_second else before["tokensPerSecond"],
            indexed=before["indexed"],
            reason=reason,
            chosen=chosen or before["chosen"],
        )
        self._report(routine=is_routine(before, self.current))

    @contextmanager
    def editing(self) -> Iterator[None]:
        """Show `working` instead of `ready` while an edit runs, even if completions are answered meanwhile."""
        self._edits += 1
        try:
            yield
        finally:
            self._edits -= 1

    def set_indexed(self, percent: int | None) -> None:
        """Set the percentage of the project's files that are indexed; None if there is no index."""
        if percent != self.current["indexed"]:
            self.current = Status(**{**self.current, "indexed": percent})
            self._report()

    def close(self) -> None:
        """Send no more messages, because the session has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _report(self, *, routine: bool = False) -> None:
        if self.current == self._sent or (routine and self._timer is not None):
            return
        self._sent = self.current
        self._send(self.current)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(MIN_INTERVAL_S, self._interval_ended)

    def _interval_ended(self) -> None:
        self._timer = None
        self._report()
