"""A generation that is running for a document. It continues while the user types the same text that it generates."""

import asyncio
from collections.abc import Awaitable, Callable

from slm_lsp.context.cursor import Cursor
from slm_lsp.features.completion.cache import remainder
from slm_lsp.features.completion.complete import Completion

Work = Callable[["InFlightGeneration"], Awaitable[Completion]]


class InFlightGeneration:
    """One generation. Used on the event loop only.

    Args:
        cursor: the document and the position at the start of the generation.
        explicit: whether the user triggered the request by hand.
        work: generates the completion. While the completion grows, it sets `text` and calls `notify`.
        on_end: called when the generation has ended, failed or was cancelled.
    """

    def __init__(self, cursor: Cursor, explicit: bool, work: Work, on_end: Callable[[], None]) -> None:
        self.cursor = cursor
        self.explicit = explicit
        self.text = ""
        """The whole text that the model has generated so far, before the filters."""
        self.wanted = True
        """Whether a request waits for the result, or a request was answered with its first lines."""
        self._on_end = on_end
        self._changed = asyncio.Event()
        self._task = asyncio.ensure_future(work(self))
        self._task.add_done_callback(self._ended)

    def serves(self, cursor: Cursor, explicit: bool) -> bool:
        """Return whether a request at a cursor can wait for this generation instead of starting a new generation."""
        return not self.done and self.explicit == explicit and self.matches(cursor)

    def matches(self, cursor: Cursor) -> bool:
        """Return whether the text that the user typed since the start agrees with the text generated so far."""
        before, after = cursor.text[: cursor.offset], cursor.text[cursor.offset :]
        start = self.cursor.text[: self.cursor.offset]
        if cursor.path != self.cursor.path or not before.startswith(start):
            return False
        if not after.endswith(self.cursor.text[self.cursor.offset :]):
            return False
        typed = before[len(start) :].replace("\r\n", "\n")
        text = self.text
        return not typed or text.startswith(typed) or typed.startswith(text) or remainder(text, typed) is not None

    def continues_in(self, text: str) -> bool:
        """Return whether `text`, a later version of the document, still has the text before and after the start."""
        offset = self.cursor.offset
        return text.startswith(self.cursor.text[:offset]) and text.endswith(self.cursor.text[offset:])

    def _ended(self, task: "asyncio.Future[Completion]") -> None:
        if not task.cancelled():
            task.exception()  # Marks the exception as retrieved: there may be no request that waits for the result.
        self._changed.set()
        self._on_end()

    def notify(self) -> None:
        """Wake the requests that wait in `progress`, because there are more checked lines."""
        self._changed.set()

    async def progress(self) -> None:
        """Wait until there are more checked lines or the generation has ended."""
        await self._changed.wait()
        self._changed.clear()

    @property
    def done(self) -> bool:
        """Whether the generation has ended, failed or was cancelled."""
        return self._task.done()

    def result(self) -> Completion:
        """Return the whole completion. Call this only when `done` is true.

        Raises:
            SlmError: the generation failed.
            asyncio.CancelledError: the generation was cancelled.
        """
        return self._task.result()

    def cancel(self) -> None:
        """Cancel the generation and its request to the engine."""
        self._task.cancel()
