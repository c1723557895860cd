"""`slm/status`: what a status bar shows, sent when it changes. Described in `docs/protocol.md`."""

import asyncio
from collections.abc import Callable
from typing import Literal, TypedDict

STATUS = "slm/status"

QUIET_S = 0.25
"""Between two messages that only say that a request began or ended: while somebody types there are several at a key,
and an editor draws each of them."""

State = Literal["idle", "loading", "working", "ready", "failed"]


class Status(TypedDict):
    """The message. Values are null while they are not known."""

    state: State
    model: str | None
    tier: str | None
    where: Literal["local"]
    tokensPerSecond: float | None
    indexed: int | None
    reason: str | None
    chosen: str | None


def passes(before: Status, after: Status) -> bool:
    """Whether a change is of the kind that comes with every request: work begins or ends, at some speed."""
    told = (before["state"], after["state"])
    same = all(before[key] == after[key] for key in ("model", "tier", "indexed"))
    return same and all(state in ("working", "ready") for state in told)


class StatusReport:
    """Keeps the current status and sends it on when it changes; what passes, a few times a second. In an event loop."""

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
        self._told = self.current
        self._quiet: asyncio.TimerHandle | None = None

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
        """Note a change. Model, tier, speed and why that model stay as they were where none is given."""
        before = self.current
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
        self._tell(passing=passes(before, self.current))

    def set_indexed(self, percent: int | None) -> None:
        """Note how much of what changed in the project is indexed; None without an index."""
        if percent != self.current["indexed"]:
            self.current = Status(**{**self.current, "indexed": percent})
            self._tell()

    def close(self) -> None:
        """Nobody listens any more."""
        if self._quiet is not None:
            self._quiet.cancel()

    def _tell(self, *, passing: bool = False) -> None:
        if self.current == self._told or (passing and self._quiet is not None):
            return
        self._told = self.current
        self._send(self.current)
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._quiet_ends)

    def _quiet_ends(self) -> None:
        self._quiet = None
        self._tell()
