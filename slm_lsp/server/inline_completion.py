"""Answers `textDocument/inlineCompletion` with a suggestion at the cursor.

A newer request for a document cancels the older one.
"""

import asyncio
from dataclasses import replace
from functools import partial
from uuid import uuid4

from lsprotocol import types

from slm_lsp.config import CompletionSettings
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.window import PromptParts
from slm_lsp.errors import SlmError
from slm_lsp.features.completion.around import surroundings_of
from slm_lsp.features.completion.complete import (
    ALTERNATIVES,
    Alternative,
    Completion,
    Progress,
    Timing,
    Tokens,
    complete,
    refused,
)
from slm_lsp.features.completion.request import Trigger, completion_request
from slm_lsp.features.completion.skip import ACCEPTED, skip_reason
from slm_lsp.routing.choose import choose
from slm_lsp.server.document import Document
from slm_lsp.server.errors import lsp_error, superseded
from slm_lsp.server.in_flight import InFlightGeneration
from slm_lsp.server.outcomes import accepted_command
from slm_lsp.server.services import Services
from slm_lsp.server.session import DocumentSession
from slm_lsp.server.warming import PAUSE_S, Warming

GRACE_S = 0.2
"""Seconds that a generation continues without a request. While the user types, a client cancels the earlier request and
then sends the next one, which may use the same generation."""

AFTER_ACCEPTANCE_S = 0.4
"""For this many seconds after an acceptance, show only cached suggestions."""


class InlineCompletions:
    """Answers requests, with at most one pending request and one generation per document.

    Use it on the event loop only.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self.warming = Warming(services)
        self._accepted_at = -AFTER_ACCEPTANCE_S

    async def complete(self, params: types.InlineCompletionParams) -> types.InlineCompletionList:
        """Return what the editor shows as ghost text: at most one item, or several for an explicit request.

        Raises:
            JsonRpcException: the request was cancelled or failed.
        """
        uri = params.text_document.uri
        explicit = params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
        document, completion = await self.answer(uri, params.position, explicit)
        return types.InlineCompletionList(self._items(document, completion))

    async def answer(self, uri: str, position: types.Position, explicit: bool) -> tuple[Document, Completion]:
        """Return the completion at a position, and the version of the document to which the completion belongs.

        Raises:
            JsonRpcException: as in `complete`.
        """
        services = self._services
        started_at = asyncio.get_running_loop().time()
        try:
            session = services.sessions.get(uri)
            document = session.document
            cursor = services.sessions.cursor(document, position)
        except SlmError as error:
            raise lsp_error(error) from error
        self.warming.pause()
        session.cancel_pending()
        task = session.pending = asyncio.ensure_future(self._find(session, document, cursor, explicit))
        answered = False
        try:
            completion = await self._result(task)
            answered = True
        finally:
            if session.pending is task:
                session.pending = None
                if session.generation is not None:
                    session.generation.wanted = answered
                self._cancel_unused_soon(session)
            self._show_ready()
            if not services.sessions.has_pending:
                self.warming.resume()
        services.status.set("ready", completion.reason, tokens_per_second=completion.tokens_per_second)
        if not services.sessions.is_current(document):
            raise superseded()
        whole = session.generation is None or session.generation.done
        self.warming.schedule(session, position, PAUSE_S, completion if whole else None, may_refine=not explicit)
        services.outcomes.answered(document.language, completion, asyncio.get_running_loop().time() - started_at)
        return document, completion

    def changed(self, uri: str) -> None:
        """Stop work that has become useless because a document was changed."""
        session = self._services.sessions.get(uri)
        self.warming.changed(session)
        if not self._services.sessions.has_pending:
            self.warming.resume()
        self._cancel_unused_soon(session)

    def accepted(self) -> None:
        """Note that the user has just accepted a suggestion."""
        self._accepted_at = asyncio.get_running_loop().time()

    async def _find(self, session: DocumentSession, document: Document, cursor: Cursor, explicit: bool) -> Completion:
        """Return a completion from the cache, from the generation in flight, or from a new generation."""
        now = asyncio.get_running_loop().time()
        delay_s = session.debounce.delay(now)
        if not explicit:
            if (found := self._services.cache.get(cursor)) is not None:
                return found
            if (reason := await self._skip_reason(session, cursor, now)) is not None:
                return refused(cursor, reason)
        generation = session.generation
        if generation is not None and generation.serves(cursor, explicit):
            generation.wanted = True
            if (found := await self._first_lines(generation, cursor)) is not None:
                return found
        session.cancel_generation()
        if not explicit:
            await asyncio.sleep(delay_s)
        work = partial(self._generate, session, document, cursor)
        generation = session.generation = InFlightGeneration(cursor, explicit, work, self._show_ready)
        found = await self._first_lines(generation, cursor)
        return found if found is not None else generation.result()

    async def _first_lines(self, generation: InFlightGeneration, cursor: Cursor) -> Completion | None:
        """Wait until a generation has lines to show at a cursor, and return them.

        Return None if the generation no longer matches the text.
        """
        while True:
            if generation.done:
                whole = generation.result()
                return whole if generation.cursor == cursor else self._services.cache.get(cursor)
            if not generation.explicit and (found := self._services.cache.get(cursor)) is not None:
                return found
            if not generation.matches(cursor):
                return None
            await generation.progress()

    async def _skip_reason(self, session: DocumentSession, cursor: Cursor, now: float) -> str | None:
        if now - self._accepted_at < AFTER_ACCEPTANCE_S:
            return ACCEPTED
        settings = await self._services.settings(session.uri)
        return await asyncio.to_thread(_skip_reason, cursor, settings.completion)

    async def _generate(
        self, session: DocumentSession, document: Document, cursor: Cursor, generation: InFlightGeneration
    ) -> Completion:
        """Generate a completion. Show each line of a block as soon as it is complete and has passed the filters."""
        services, explicit = self._services, generation.explicit
        anchor, snippets = session.anchor_at(cursor), session.snippets
        settings = await services.settings(session.uri)
        services.status.set("working")
        parts = PromptParts(cursor, anchor, snippets)
        choice = await choose(parts, services.engine, settings, explicit=explicit)
        services.status.set("working", model=choice.name, tier=choice.tier, chosen=choice.why)
        if explicit and not snippets:
            chosen = await self.warming.choose_snippets(session, cursor, choice, settings)
            parts = replace(parts, snippets=chosen)
        stream = services.stream.suggestion(document)
        labelled = partial(replace, id=uuid4().hex, model=choice.name, tier=choice.tier)

        def on_text(text: str) -> None:
            generation.text = text

        def on_lines(shown: Alternative) -> None:
            services.cache.put(cursor, labelled(_incomplete(cursor, shown)))
            stream.show(shown.text)
            generation.notify()

        request = completion_request(
            parts,
            choice,
            settings,
            trigger=Trigger.EXPLICIT if explicit else Trigger.TYPING,
            alternatives=ALTERNATIVES if explicit else 1,
            learned_confidence=services.outcomes.threshold(document.language, choice.tier),
            is_known=services.projects.knows(session.uri),
        )
        progress = Progress(self._show_loading, on_text, on_lines)
        completion = labelled(await complete(request, services.engine, progress))
        services.cache.put(cursor, completion)
        stream.end(completion.text)
        return completion

    async def _result(self, task: "asyncio.Task[Completion]") -> Completion:
        try:
            return await task
        except asyncio.CancelledError:
            if task.cancelled() and not _cancelled_by_client():
                raise superseded() from None
            task.cancel()
            raise
        except SlmError as error:
            self._services.status.set("failed", str(error))
            raise lsp_error(error) from error

    def _show_loading(self, fraction: float) -> None:
        self._services.status.set("loading" if fraction < 1 else "working")

    def _show_ready(self) -> None:
        """Set the status from `working` to `ready` when no request is pending any more."""
        status = self._services.status
        if not self._services.sessions.has_pending and status.current["state"] in ("working", "loading"):
            status.set("ready", status.current["reason"])

    def _cancel_unused_soon(self, session: DocumentSession) -> None:
        """Cancel the generation after `GRACE_S`, unless it is needed then (`DocumentSession.cancel_if_unused`)."""
        asyncio.get_running_loop().call_later(GRACE_S, session.cancel_if_unused)

    def _items(self, document: Document, completion: Completion) -> list[types.InlineCompletionItem]:
        if not completion.text:
            return []
        shown = (Alternative(completion.text, completion.end, completion.confidence), *completion.others)
        encoding = self._services.sessions.encoding
        start = document.position(completion.start, encoding)
        return [
            types.InlineCompletionItem(
                each.text,
                range=types.Range(start, document.position(each.end, encoding)),
                command=accepted_command(completion),
            )
            for each in shown
        ]


def _skip_reason(cursor: Cursor, settings: CompletionSettings) -> str | None:
    """Return the reason not to answer an automatic request; None to answer it.

    Call this in a thread, because it parses the document.
    """
    return skip_reason(cursor, surroundings_of(cursor), settings)


def _incomplete(cursor: Cursor, shown: Alternative) -> Completion:
    """Return a completion with the first lines of a block whose generation continues."""
    unknown = Timing(0.0, 0.0, None, 0.0), Tokens(0, 0, 0)
    return Completion(shown.text, cursor.offset, shown.end, None, shown.confidence, "", *unknown, block=True)


def _cancelled_by_client() -> bool:
    """Return whether the client cancelled the request that is being handled."""
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
