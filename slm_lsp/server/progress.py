"""Shows the progress of indexing in the editor with `window/workDoneProgress`, and lets the user cancel it."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

from lsprotocol import types
from pygls.exceptions import JsonRpcException, PyglsError
from pygls.progress import Progress

from slm_lsp.index.process import IndexerState

SHOWN_AFTER_S = 1.0
"""Seconds of indexing after which progress is shown. Indexing that ends earlier is not shown."""

PERCENT = 100


class IndexProgress:
    """The progress of indexing one workspace.

    Args:
        progress: pygls's object for progress; None if the client does not show progress.
        name: name of the workspace.
        stop: called when the user cancels indexing.
    """

    def __init__(self, progress: Progress | None, name: str, stop: Callable[[], None]) -> None:
        self._progress = progress
        self._name = name
        self._stop = stop
        self._token: str | None = None
        self._since: float | None = None
        self._creating: asyncio.Task[None] | None = None

    def show(self, state: IndexerState) -> None:
        """Show a state of the indexer."""
        if self._progress is None:
            return
        now = asyncio.get_running_loop().time()
        if state.state != "indexing":
            self.close(f"{state.state}{f': {state.reason}' if state.reason else ''}")
            return
        self._since = self._since or now
        if self._token is None and self._creating is None and now - self._since >= SHOWN_AFTER_S:
            self._creating = asyncio.get_running_loop().create_task(self._begin(self._progress))
        if self._token is not None and state.total:
            if self._progress.tokens[self._token].cancelled():
                self._stop()
                self.close("stopped")
                return
            percent = PERCENT * state.done // state.total
            message = f"{state.done} of {state.total} files"
            self._progress.report(self._token, types.WorkDoneProgressReport(message=message, percentage=percent))

    def close(self, message: str) -> None:
        """End the progress that is shown. A later state of the indexer starts a new progress."""
        self._since = None
        self._end(message)

    async def _begin(self, progress: Progress) -> None:
        token = str(uuid4())
        try:
            await progress.create_async(token)
        except (PyglsError, JsonRpcException):
            return  # The client refused, although it announced support.
        begin = types.WorkDoneProgressBegin(title=f"Indexing {self._name}", cancellable=True, percentage=0)
        progress.begin(token, begin)
        if self._since is None:
            progress.end(token, types.WorkDoneProgressEnd())
        else:
            self._token = token

    def _end(self, message: str) -> None:
        if self._progress is not None and self._token is not None:
            self._progress.end(self._token, types.WorkDoneProgressEnd(message=message))
        self._token = self._creating = None
