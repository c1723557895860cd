"""An edit that is being made for a document. It ends early if the document changes or if a newer edit replaces it."""

import asyncio

from pygls.exceptions import JsonRpcException

from slm_lsp.server.errors import stale


class EditInFlight:
    """One edit, which runs in the current task. Use it on the event loop only."""

    def __init__(self) -> None:
        self.answer: JsonRpcException | None = None
        """The answer to the request if the server cancelled the edit; None if the client cancelled it."""
        self.is_applying = False
        """Whether the edit was sent to the client. From then on, changes of the document are expected."""
        self._task = asyncio.current_task()
        self._changed = asyncio.Event()

    def cancel(self, answer: JsonRpcException | None = None) -> None:
        """Stop the edit, unless it was already sent to the client.

        Args:
            answer: the answer to the request; None for the answer `RequestCancelled`.
        """
        if not self.is_applying:
            self.abort(answer)

    def abort(self, answer: JsonRpcException | None = None) -> None:
        """Stop the edit, even if the client is applying it now. The argument is as in `cancel`."""
        if self._task is not None and not self._task.done() and self.answer is None:
            self.answer = answer
            self._task.cancel()

    def document_changed(self) -> None:
        """Stop the edit because the document was changed. While the edit is applied, wake `change` instead."""
        self._changed.set()
        self.cancel(stale("The document has changed while the edit was made."))

    async def change(self) -> None:
        """Wait until the document is changed."""
        await self._changed.wait()
        self._changed.clear()

    async def ended(self) -> None:
        """Wait until the task of the edit has ended."""
        if self._task is not None:
            await asyncio.wait({self._task})
