"""`textDocument/inlineCompletion`: a suggestion at the cursor; a newer request of a document ends the older one."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from uuid import uuid4

from lsprotocol import types

from slm_lsp.config import Settings
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.window import PromptParts
from slm_lsp.engine.api import Provider
from slm_lsp.errors import SlmError
from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.cache import Cache
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
from slm_lsp.server.documents import Document, Documents
from slm_lsp.server.errors import lsp_error, overtaken
from slm_lsp.server.flights import Flight
from slm_lsp.server.pace import Pace
from slm_lsp.server.projects import Projects
from slm_lsp.server.refining import Refining
from slm_lsp.server.status import StatusReport
from slm_lsp.server.stream import Stream
from slm_lsp.server.tally import Tally, outcome_command
from slm_lsp.server.warming import PAUSE_S, Warming

KEPT_S = 0.2
"""A client that types cancels the earlier request first and sends the next one then: so long a generation waits."""

JUST_S = 0.4
"""For this many seconds after an acceptance, show only cached suggestions."""


class InlineCompletions:
    """Requests for inline completions, at most one a document that waits, and one generation."""

    def __init__(
        self,
        documents: Documents,
        projects: Projects,
        engine: Provider,
        settings: Callable[[str | None], Settings],
        status: StatusReport,
        stream: Stream,
        tally: Tally,
    ) -> None:
        self._documents = documents
        self._projects = projects
        self._engine = engine
        self._settings = settings
        self._status = status
        self._stream = stream
        self._tally = tally
        self._cache = Cache()
        refining = Refining(documents, projects, engine, self._cache, stream, tally)
        self.warming = Warming(documents, projects, engine, settings, status, self._cache, refining)
        self._waiting: dict[str, asyncio.Task[Completion]] = {}
        self._flights: dict[str, Flight] = {}
        self._paces: dict[str, Pace] = {}
        self._accepted_at = -JUST_S

    async def complete(self, params: types.InlineCompletionParams) -> types.InlineCompletionList:
        """What the editor shows as ghost text: one item, or none; some more for who asks by hand.

        Raises:
            JsonRpcException: overtaken by a newer request, or the reason why there is no answer.
        """
        uri = params.text_document.uri
        explicit = params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
        document, completion = await self.answer(uri, params.position, explicit)
        return types.InlineCompletionList(self._items(document, completion))

    async def answer(self, uri: str, position: types.Position, explicit: bool) -> tuple[Document, Completion]:
        """The completion at a place, and the version of the document that it is for. Errors as in `complete`."""
        begun = asyncio.get_running_loop().time()
        try:
            document = self._documents.get(uri)
            cursor = self._documents.cursor(document, position)
        except SlmError as error:
            raise lsp_error(error) from error
        self.warming.rest()
        if (older := self._waiting.get(uri)) is not None:
            older.cancel()
        task = self._waiting[uri] = asyncio.ensure_future(self._find(document, cursor, explicit))
        answered = False
        try:
            completion = await self._result(task)
            answered = True
        finally:
            if self._waiting.get(uri) is task:
                del self._waiting[uri]
                if (flight := self._flights.get(uri)) is not None:
                    flight.watched = answered
                self._let_go_soon(uri)
            self._rest_state()
            if not self._waiting:
                self.warming.resume()
        self._status.set("ready", completion.reason, tokens_per_second=completion.tokens_per_second)
        if not self._documents.is_current(document):
            raise overtaken()
        flight = self._flights.get(uri)
        whole = flight is None or flight.done
        self.warming.soon(uri, position, PAUSE_S, completion if whole else None, refine=not explicit)
        self._tally.shown(document.language, completion, asyncio.get_running_loop().time() - begun)
        return document, completion

    def changed(self, uri: str) -> None:
        """A document was changed."""
        self.warming.changed(uri)
        if not self._waiting:
            self.warming.resume()
        self._let_go_soon(uri)

    def accepted(self) -> None:
        """A suggestion was accepted just now."""
        self._accepted_at = asyncio.get_running_loop().time()

    def forget(self, uri: str) -> None:
        """A document was closed."""
        self.warming.forget(uri)
        self._paces.pop(uri, None)
        if (waiting := self._waiting.pop(uri, None)) is not None:
            waiting.cancel()
        if (flight := self._flights.pop(uri, None)) is not None:
            flight.cancel()

    async def _find(self, document: Document, cursor: Cursor, explicit: bool) -> Completion:
        """From the cache, from the generation that is under way, or from a new one."""
        uri = document.uri
        now = asyncio.get_running_loop().time()
        pause = self._paces.setdefault(uri, Pace()).key(now)
        if not explicit:
            if (found := self._cache.get(cursor)) is not None:
                return found
            if (reason := self._skipped(uri, cursor, now)) is not None:
                return refused(cursor, reason)
        flight = self._flights.get(uri)
        if flight is not None and not flight.done and flight.follows(cursor) and flight.explicit == explicit:
            flight.watched = True
            if (found := await self._follow(flight, cursor)) is not None:
                return found
        if (flight := self._flights.get(uri)) is not None:
            flight.cancel()
        if not explicit:
            await asyncio.sleep(pause)
        make = partial(self._make, document, cursor, explicit)
        flight = self._flights[uri] = Flight(cursor, explicit, make, self._rest_state)
        found = await self._follow(flight, cursor)
        return found if found is not None else flight.result()

    async def _follow(self, flight: Flight, cursor: Cursor) -> Completion | None:
        """What a generation gives at a place, as soon as its first line is there; None where it went another way."""
        while True:
            if flight.done:
                whole = flight.result()
                return whole if flight.cursor == cursor else self._cache.get(cursor)
            if not flight.explicit and (found := self._cache.get(cursor)) is not None:
                return found
            if not flight.follows(cursor):
                return None
            await flight.change()

    def _skipped(self, uri: str, cursor: Cursor, now: float) -> str | None:
        if now - self._accepted_at < JUST_S:
            return ACCEPTED
        around = surroundings(cursor.text, cursor.offset, cursor.path, language=cursor.language)
        return skip_reason(cursor, around, self._settings(uri).completion)

    async def _make(self, document: Document, cursor: Cursor, explicit: bool, flight: Flight) -> Completion:
        """Generate; every line of a block is shown as soon as it is whole and checked."""
        uri, settings = document.uri, self._settings(document.uri)
        anchor = self.warming.anchor(uri, cursor)
        head = self.warming.head(uri)
        self._status.set("working")
        parts = PromptParts(cursor, anchor, head)
        choice = await choose(parts, self._engine, settings, explicit=explicit)
        self._status.set("working", model=choice.name, tier=choice.tier, chosen=choice.why)
        if explicit and not head:
            parts = replace(parts, snippets=await self.warming.read(document, cursor, choice, settings))
        sending = self._stream.of(document)
        origin = partial(replace, id=uuid4().hex, model=choice.name, tier=choice.tier)

        def on_text(said: str) -> None:
            flight.said = said

        def on_lines(shown: Alternative) -> None:
            self._cache.put(cursor, origin(_so_far(cursor, shown)))
            sending.show(shown.text)
            flight.grown()

        request = completion_request(
            parts,
            choice,
            settings,
            trigger=Trigger.EXPLICIT if explicit else Trigger.TYPING,
            alternatives=ALTERNATIVES if explicit else 1,
            learned_confidence=self._tally.threshold(document.language, choice.tier),
            is_known=self._projects.knows(uri),
        )
        completion = origin(await complete(request, self._engine, Progress(self._loading, on_text, on_lines)))
        self._cache.put(cursor, completion)
        sending.end(completion.text)
        return completion

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

    def _loading(self, fraction: float) -> None:
        self._status.set("loading" if fraction < 1 else "working")

    def _rest_state(self) -> None:
        """Nobody waits any more, or a generation that nobody waited for has ended: the status is not left at work."""
        if not self._waiting and self._status.current["state"] in ("working", "loading"):
            self._status.set("ready", self._status.current["reason"])

    def _let_go_soon(self, uri: str) -> None:
        """End a generation that neither a request nor the text follows any more, unless the next request does."""
        asyncio.get_running_loop().call_later(KEPT_S, self._let_go, uri)

    def _let_go(self, uri: str) -> None:
        flight = self._flights.get(uri)
        if flight is None or flight.done or uri in self._waiting:
            return
        if not flight.watched or not self._still_there(uri, flight):
            flight.cancel()

    def _still_there(self, uri: str, flight: Flight) -> bool:
        """Whether the document still has the text that a generation goes on from."""
        try:
            text = self._documents.get(uri).text
        except SlmError:
            return False
        at = flight.cursor.offset
        return text.startswith(flight.cursor.text[:at]) and text.endswith(flight.cursor.text[at:])

    def _items(self, document: Document, completion: Completion) -> list[types.InlineCompletionItem]:
        if not completion.text:
            return []
        shown = (Alternative(completion.text, completion.end, completion.confidence), *completion.others)
        encoding = self._documents.encoding
        start = document.position(completion.start, encoding)
        return [
            types.InlineCompletionItem(
                each.text,
                range=types.Range(start, document.position(each.end, encoding)),
                command=outcome_command(completion),
            )
            for each in shown
        ]


def _so_far(cursor: Cursor, shown: Alternative) -> Completion:
    """The lines of a block that are there already."""
    nothing = Timing(0.0, 0.0, None, 0.0), Tokens(0, 0, 0)
    return Completion(shown.text, cursor.offset, shown.end, None, shown.confidence, "", *nothing, block=True)


def _being_cancelled() -> bool:
    """Whether the client cancelled the request that is being handled."""
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
