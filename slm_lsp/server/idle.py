"""A queue of work for pauses: one piece per document, run one after the other while nothing more urgent runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from slm_lsp.errors import SlmError

log = logging.getLogger(__name__)

LIMIT = 16
"""Documents whose work waits; beyond that the oldest is dropped. An engine holds the prompts of fewer."""

Work = Callable[[], Awaitable[None]]


class IdleQueue:
    """Runs the most recent piece first. A piece that is interrupted stays in the queue. For one event loop.

    Args:
        failed: called with the reason when a piece fails; the queue goes on with the next one.
    """

    def __init__(self, failed: Callable[[str], None]) -> None:
        self._failed = failed
        self._pending: dict[str, Work] = {}
        self._running: str | None = None
        self._task: asyncio.Task[None] | None = None

    def put(self, uri: str, work: Work) -> None:
        """Add the work for a document as the most recent, in place of earlier work for it. Starts nothing."""
        self._pending.pop(uri, None)
        self._pending[uri] = work
        if len(self._pending) > LIMIT:
            del self._pending[next(iter(self._pending))]

    def drop(self, uri: str) -> None:
        """Remove the work for a document; end it if it runs, and go on with the rest."""
        self._pending.pop(uri, None)
        if self._running == uri and self._task is not None:
            self.interrupt()
            self.resume(0.0)

    def interrupt(self) -> None:
        """Stop until `restart` or `resume`."""
        if self._task is not None:
            self._task.cancel()
        self._task = self._running = None

    def restart(self, after_s: float) -> None:
        """Interrupt what runs, and begin again with the most recent piece after a pause."""
        self.interrupt()
        self._task = asyncio.ensure_future(self._run(after_s))

    def resume(self, after_s: float) -> None:
        """Go on after a pause, if something is in the queue and it does not run or wait already."""
        if self._pending and (self._task is None or self._task.done()):
            self.restart(after_s)

    async def _run(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        while self._pending:
            uri, work = next(reversed(self._pending.items()))
            self._running = uri
            try:
                await work()
            except SlmError as error:
                self._failed(str(error))
            except Exception as error:
                log.exception("work in a pause failed for %s", uri)
                self._failed(
                    f"Unexpected {type(error).__name__} in a pause: {error}. The server's log has the details."
                )
            if self._task is not asyncio.current_task():
                return  # interrupted, though the work has not heeded it
            if self._pending.get(uri) is work:
                del self._pending[uri]
        self._running = None
