"""`slm/status`: what a status bar shows, sent whenever it changes. Described in `docs/protocol.md`."""

from collections.abc import Callable
from typing import Literal, TypedDict

STATUS = "slm/status"

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


class StatusReport:
    """Keeps the current status and sends it on when it changes."""

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
        if self.current != before:
            self._send(self.current)

    def set_indexed(self, percent: int | None) -> None:
        """Note how much of what changed in the project is indexed; None without an index."""
        if percent != self.current["indexed"]:
            self.current = Status(**{**self.current, "indexed": percent})
            self._send(self.current)
