"""A queue of work for pauses in typing: at most one task per document. The tasks run one after the other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from slm_lsp.errors import SlmError

log = logging.getLogger(__name__)

LIMIT = 16
"""Maximum number of documents with work in the queue. When one more is added, the work of the oldest is dropped."""

Work = Callable[[], Awaitable[None]]


class IdleQueue:
    """Runs the most recent task first. An interrupted task stays in the queue. Use it on the event loop only.

    Args:
        on_failure: called with the reason when a task fails. The queue continues with the next task.
    """

    def __init__(self, on_failure: Callable[[str], None]) -> None:
        self._on_failure = on_failure
        self._tasks: dict[str, Work] = {}
        self._running: str | None = None
        self._runner: asyncio.Task[None] | None = None

    def put(self, uri: str, work: Work) -> None:
        """Add a document's task as the most recent task and replace its earlier task. Do not start the new task."""
        self._tasks.pop(uri, None)
        self._tasks[uri] = work
        if len(self._tasks) > LIMIT:
            del self._tasks[next(iter(self._tasks))]

    def drop(self, uri: str) -> None:
        """Remove the task of a document. If the task is running, cancel it and continue with the next task."""
        self._tasks.pop(uri, None)
        if self._running == uri and self._runner is not None:
            self.pause()
            self.resume(0.0)

    def pause(self) -> None:
        """Interrupt the running task and run nothing until `restart` or `resume`."""
        if self._runner is not None:
            self._runner.cancel()
        self._runner = self._running = None

    def restart(self, after_s: float) -> None:
        """Interrupt the running task, and after a delay start with the most recent task."""
        self.pause()
        self._runner = asyncio.ensure_future(self._run(after_s))

    def resume(self, after_s: float) -> None:
        """Continue after a delay. Do nothing if the queue is empty, or is already running or waiting."""
        if self._tasks and (self._runner is None or self._runner.done()):
            self.restart(after_s)

    async def _run(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        while self._tasks:
            uri, work = next(reversed(self._tasks.items()))
            self._running = uri
            try:
                await work()
            except SlmError as error:
                self._on_failure(str(error))
            except Exception as error:
                log.exception("background work for %s failed", uri)
                self._on_failure(
                    f"Unexpected {type(error).__name__} in background work: {error}. The server's log has the details."
                )
            if self._runner is not asyncio.current_task():
                return  # The queue was paused, but the task ended without noticing that it was cancelled.
            if self._tasks.get(uri) is work:
                del self._tasks[uri]
        self._running = None
