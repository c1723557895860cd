"""`textDocument/inlineCompletion`: one suggestion at the cursor; a newer request of a document ends the older one."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from lsprotocol import types

from slm_lsp.config import Settings
from slm_lsp.context.anchor import Anchor, at_line, follow
from slm_lsp.context.fim import Place
from slm_lsp.context.head import settled
from slm_lsp.context.retrieve import ON_REQUEST_S
from slm_lsp.context.snippets import Snippet
from slm_lsp.engine.client import EngineClient
from slm_lsp.engine.router import choose_model
from slm_lsp.errors import SlmError
from slm_lsp.features.completion import Completion, complete, describe, snippet_budget, warm
from slm_lsp.models.store import Store
from slm_lsp.server.documents import Document, Documents
from slm_lsp.server.errors import lsp_error, overtaken
from slm_lsp.server.projects import Projects
from slm_lsp.server.status import StatusReport

PAUSE_S = 0.7
"""After so long without a request the anchor moves to the cursor's line, and its prompt is evaluated."""

CURSOR_S = 0.15
"""A cursor that rests so long at a new place is going to type there."""


class InlineCompletions:
    """Requests for inline completions, at most one a document."""

    def __init__(
        self,
        documents: Documents,
        projects: Projects,
        engine: EngineClient,
        settings: Callable[[str | None], Settings],
        status: StatusReport,
    ) -> None:
        self._documents = documents
        self._projects = projects
        self._engine = engine
        self._settings = settings
        self._status = status
        self._running: dict[str, asyncio.Task[Completion]] = {}
        self._anchors: dict[str, Anchor] = {}
        self._heads: dict[str, tuple[Snippet, ...]] = {}
        self._warming: asyncio.Task[None] | None = None

    async def complete(self, params: types.InlineCompletionParams) -> types.InlineCompletionList:
        """What the editor shows as ghost text: one item, or none.

        Raises:
            JsonRpcException: overtaken by a newer request, or the reason why there is no answer.
        """
        uri = params.text_document.uri
        asked = params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
        self.rest()
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
            if not self._running and self._status.current["state"] in ("working", "loading"):
                self._status.set("ready")
        self.warm_soon(uri, params.position, PAUSE_S)
        if not self._documents.is_current(document):
            raise overtaken()
        return self._items(document, completion)

    async def load(self, uri: str) -> None:
        """Load the model before the first request needs it."""
        try:
            settings = self._settings(uri)
            choice = choose_model(settings.model, Store(settings.models_dir))
            async for _ in self._engine.describe(choice.path):
                self._status.set("loading", model=choice.name, tier=choice.tier)
            self._status.set("ready", model=choice.name, tier=choice.tier)
        except SlmError as error:
            self._status.set("failed", str(error))
        if self._warming is None and uri not in self._anchors:
            # Nobody said where the cursor is: what stands before the file is the same everywhere in it.
            self.warm_soon(uri, types.Position(0, 0), CURSOR_S)

    def warm_soon(self, uri: str, position: types.Position, after_s: float) -> None:
        """After a pause, have the prompt at a place evaluated; any request before that comes first."""
        self.rest()
        self._warming = asyncio.ensure_future(self._warm(uri, position, after_s))

    def rest(self) -> None:
        """Stop evaluating ahead."""
        if self._warming is not None:
            self._warming.cancel()
            self._warming = None

    def forget(self, uri: str) -> None:
        """A document was closed."""
        self._anchors.pop(uri, None)
        self._heads.pop(uri, None)

    async def _warm(self, uri: str, position: types.Position, after_s: float) -> None:
        await asyncio.sleep(after_s)
        try:
            document = self._documents.get(uri)
            place = self._documents.place(document, position)
            settings = self._settings(uri)
            choice = choose_model(settings.model, Store(settings.models_dir))
            anchor = at_line(place)
            head = await self._head(document, place, choice.path, settings, ON_REQUEST_S)
            await warm(place, choice.path, self._engine, settings.completion, anchor, head)
            self._anchors[uri], self._heads[uri] = anchor, head
        except SlmError as error:
            self._status.set("failed", str(error))

    async def _head(
        self, document: Document, place: Place, model: Path, settings: Settings, limit_s: float
    ) -> tuple[Snippet, ...]:
        """What of other files is read first; what was read before, as long as that is nearly as good."""
        tokens = snippet_budget(await describe(self._engine, model), settings.completion)
        found = await self._projects.retrieve(document, place, tokens, limit_s)
        return settled(self._heads.get(document.uri, ()), found.snippets)

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
        anchor = self._anchors[document.uri] = follow(place, self._anchors.get(document.uri))
        self._status.set("working", model=choice.name, tier=choice.tier)
        if asked and document.uri not in self._heads:
            self._heads[document.uri] = await self._head(document, place, choice.path, settings, ON_REQUEST_S)
        completion = await complete(
            place,
            choice.path,
            self._engine,
            settings.completion,
            snippets=self._heads.get(document.uri, ()),
            anchor=anchor,
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
