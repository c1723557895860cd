"""Shows the progress of one edit in the editor with `$/progress`, and lets the user cancel the edit there."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from uuid import uuid4

from lsprotocol import types
from pygls.exceptions import JsonRpcException, PyglsError
from pygls.progress import Progress

MIN_INTERVAL_S = 0.1
"""Minimum seconds between two messages with the same words, which differ only in a number. The model may write many
lines per second, and an editor redraws its window for each message."""


class WorkDone:
    """The progress of one request. Use it on the event loop only.

    Args:
        progress: pygls's object for progress.
        title: what is done, for the user.
        cancel: called when the user cancels the work.
    """

    def __init__(self, progress: Progress, title: str, cancel: Callable[[], None]) -> None:
        self._progress = progress
        self._title = title
        self._cancel = cancel
        self._token: int | str | None = None
        self._creating: asyncio.Task[None] | None = None
        self._message: str | None = None
        self._sent_at = 0.0
        self._closed = False

    def start(self, token: int | str | None, supported: bool) -> None:
        """Show the progress.

        Args:
            token: the client's token for this request. Without one, a token is created, if the client supports this.
            supported: whether the client has the capability `window.workDoneProgress`.
        """
        if token is not None:
            self._begin(token)
        elif supported:
            self._creating = asyncio.get_running_loop().create_task(self._create(str(uuid4())))

    def report(self, message: str, fraction: float | None = None) -> None:
        """Show what is being done now.

        Args:
            message: the step, for the user.
            fraction: how much of this step is done, from 0 to 1.
        """
        if message == self._message and fraction is None:
            return
        now = asyncio.get_running_loop().time()
        same_words = _words(message) == _words(self._message or "")
        if same_words and now - self._sent_at < MIN_INTERVAL_S:
            return
        self._message, self._sent_at = message, now
        if self._token is not None:
            text = message if fraction is None else f"{message}, {fraction:.0%}"
            self._progress.report(self._token, types.WorkDoneProgressReport(message=text, cancellable=True))

    def end(self, message: str) -> None:
        """End the progress. The client shows `message` last."""
        self._closed = True
        if self._token is not None:
            self._progress.end(self._token, types.WorkDoneProgressEnd(message=message))
            self._progress.tokens.pop(self._token, None)
            self._token = None

    async def _create(self, token: str) -> None:
        try:
            await self._progress.create_async(token)
        except (PyglsError, JsonRpcException):
            return  # The client refused, although it announced support.
        if self._closed:
            self._progress.tokens.pop(token, None)
        else:
            self._begin(token)

    def _begin(self, token: int | str) -> None:
        self._token = token
        begin = types.WorkDoneProgressBegin(title=self._title, cancellable=True, message=self._message)
        self._progress.begin(token, begin)
        self._progress.tokens[token].add_done_callback(self._cancelled)

    def _cancelled(self, token: "Future[Any]") -> None:
        if token.cancelled():
            self._cancel()


def _words(message: str) -> str:
    """Return a message without its digits."""
    return "".join(each for each in message if not each.isdigit())
