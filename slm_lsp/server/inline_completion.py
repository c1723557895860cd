"""`textDocument/inlineCompletion`: one suggestion at the cursor; a newer request of a document ends the older one."""

import asyncio
from collections.abc import Callable

from lsprotocol import types

from slm_lsp.config import Settings
from slm_lsp.engine.client import EngineClient
from slm_lsp.engine.router import choose_model
from slm_lsp.errors import SlmError
from slm_lsp.features.completion import Completion, complete
from slm_lsp.models.store import Store
from slm_lsp.server.documents import Document, Documents
from slm_lsp.server.errors import lsp_error, overtaken
from slm_lsp.server.status import StatusReport


class InlineCompletions:
    """Requests for inline completions, at most one a document."""

    def __init__(
        self,
        documents: Documents,
        engine: EngineClient,
        settings: Callable[[str | None], Settings],
        status: StatusReport,
    ) -> None:
        self._documents = documents
        self._engine = engine
        self._settings = settings
        self._status = status
        self._running: dict[str, asyncio.Task[Completion]] = {}

    async def complete(self, params: types.InlineCompletionParams) -> types.InlineCompletionList:
        """What the editor shows as ghost text: one item, or none.

        Raises:
            JsonRpcException: overtaken by a newer request, or the reason why there is no answer.
        """
        uri = params.text_document.uri
        asked = params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
        if (older := self._running.get(uri)) is not None:
            older.cancel()
        try:
            document = self._documents.get(uri)
        except SlmError as error:
            raise lsp_error(error) from error
        task = self._running[uri] = asyncio.ensure_future(self._complete(document, params.position, asked))
        try:
            completion = await self._result(task)
        finally:
            if self._running.get(uri) is task:
                del self._running[uri]
        if not self._documents.is_current(document):
            raise overtaken()
        return self._items(document, completion)

    async def warm_up(self, uri: str) -> None:
        """Load the model before the first request needs it."""
        try:
            settings = self._settings(uri)
            choice = choose_model(settings.model, Store(settings.models_dir))
            async for _ in self._engine.describe(choice.path):
                self._status.set("loading", model=choice.name, tier=choice.tier)
            self._status.set("ready", model=choice.name, tier=choice.tier)
        except SlmError as error:
            self._status.set("failed", str(error))

    async def _result(self, task: "asyncio.Task[Completion]") -> Completion:
        try:
            return await task
        except asyncio.CancelledError:
            if task.cancelled() and not _being_cancelled():
                raise overtaken() from None
            task.cancel()
            raise
        except SlmError as error:
            self._status.set("failed", str(error))
            raise lsp_error(error) from error

    async def _complete(self, document: Document, position: types.Position, asked: bool) -> Completion:
        place = self._documents.place(document, position)
        settings = self._settings(document.uri)
        choice = choose_model(settings.model, Store(settings.models_dir))
        self._status.set("working", model=choice.name, tier=choice.tier)
        completion = await complete(
            place,
            choice.path,
            self._engine,
            settings.completion,
            asked=asked,
            on_loading=lambda fraction: self._status.set("loading" if fraction < 1 else "working"),
        )
        self._status.set("ready", completion.reason, tokens_per_second=completion.tokens_per_second)
        return completion

    def _items(self, document: Document, completion: Completion) -> types.InlineCompletionList:
        if not completion.text:
            return types.InlineCompletionList([])
        encoding = self._documents.encoding
        start, end = (document.position(each, encoding) for each in (completion.start, completion.end))
        return types.InlineCompletionList([types.InlineCompletionItem(completion.text, range=types.Range(start, end))])


def _being_cancelled() -> bool:
    """Whether the client cancelled the request that is being handled."""
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
