"""A suggestion in the making, and what is typed meanwhile: as long as that follows it, it goes on."""

import asyncio
from collections.abc import Awaitable, Callable

from slm_lsp.context.cursor import Cursor
from slm_lsp.features.completion.cache import remainder
from slm_lsp.features.completion.complete import Completion

Work = Callable[["Flight"], Awaitable[Completion]]


class Flight:
    """One generation of a document. State of the server's loop.

    Args:
        cursor: where it was begun.
        explicit: the user triggered the request by hand.
        work: makes the completion; says by `grown` how far it has come.
        landed: called when it has ended, however.
    """

    def __init__(self, cursor: Cursor, explicit: bool, work: Work, landed: Callable[[], None]) -> None:
        self.cursor = cursor
        self.explicit = explicit
        self.said = ""
        """All that the model said so far, before it is checked."""
        self.watched = True
        """Whether a request waits for it, or its rest is to be kept."""
        self._landed = landed
        self._changed = asyncio.Event()
        self._task = asyncio.ensure_future(work(self))
        self._task.add_done_callback(self._ended)

    def follows(self, cursor: Cursor) -> bool:
        """Whether it is still on the way to what is wanted at a place."""
        before, after = cursor.text[: cursor.offset], cursor.text[cursor.offset :]
        begun = self.cursor.text[: self.cursor.offset]
        if cursor.path != self.cursor.path or not before.startswith(begun):
            return False
        if not after.endswith(self.cursor.text[self.cursor.offset :]):
            return False
        typed = before[len(begun) :].replace("\r\n", "\n")
        said = self.said
        return not typed or said.startswith(typed) or typed.startswith(said) or remainder(said, typed) is not None

    def _ended(self, task: "asyncio.Future[Completion]") -> None:
        if not task.cancelled():
            task.exception()  # Whoever waits hears of it; nobody may.
        self._changed.set()
        self._landed()

    def grown(self) -> None:
        """There is more of it to show."""
        self._changed.set()

    async def change(self) -> None:
        """Wait until there is more of it, or all."""
        await self._changed.wait()
        self._changed.clear()

    @property
    def done(self) -> bool:
        """Whether it has ended, however."""
        return self._task.done()

    def result(self) -> Completion:
        """The whole completion, when it is done.

        Raises:
            SlmError: it failed.
            asyncio.CancelledError: it was cancelled.
        """
        return self._task.result()

    def cancel(self) -> None:
        """It is of no use any more."""
        self._task.cancel()
