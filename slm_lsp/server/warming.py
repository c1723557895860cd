"""What is done in pauses: the prompt where the cursor rests is evaluated, and what would follow is thought of."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from uuid import uuid4

from lsprotocol import types

from slm_lsp.config import Settings
from slm_lsp.context.anchor import Anchor, at_line, follow
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.head import choose_head
from slm_lsp.context.retrieve import RETRIEVAL_LIMIT_S
from slm_lsp.context.snippets import Snippet
from slm_lsp.context.window import PromptParts, snippet_budget
from slm_lsp.engine.api import Provider
from slm_lsp.features.completion.cache import Cache
from slm_lsp.features.completion.complete import Completion, complete, warm
from slm_lsp.features.completion.request import Trigger, completion_request
from slm_lsp.routing.choose import models_to_warm
from slm_lsp.routing.policy import Choice
from slm_lsp.server.documents import Document, Documents
from slm_lsp.server.idle import IdleQueue
from slm_lsp.server.projects import Projects
from slm_lsp.server.refining import Refining, Spot
from slm_lsp.server.status import StatusReport

PAUSE_S = 0.7
"""After so long without a request the anchor moves to the cursor's line, and its prompt is evaluated."""

CURSOR_S = 0.15
"""A cursor that rests so long at a new place is going to type there."""


class Warming:
    """The anchors and heads of the prompts, and the work of pauses: one document at a time, the most recent first."""

    def __init__(
        self,
        documents: Documents,
        projects: Projects,
        engine: Provider,
        settings: Callable[[str | None], Settings],
        status: StatusReport,
        cache: Cache,
        refining: Refining,
    ) -> None:
        self._documents = documents
        self._projects = projects
        self._engine = engine
        self._settings = settings
        self._status = status
        self._cache = cache
        self._refining = refining
        self._anchors: dict[str, Anchor] = {}
        self._heads: dict[str, tuple[Snippet, ...]] = {}
        self._queue = IdleQueue(lambda reason: status.set("failed", reason))

    def anchor(self, uri: str, cursor: Cursor) -> Anchor:
        """Where the prompt's prefix ends at a place."""
        found = self._anchors[uri] = follow(cursor, self._anchors.get(uri))
        return found

    def head(self, uri: str) -> tuple[Snippet, ...]:
        """What of other files was read for a document."""
        return self._heads.get(uri, ())

    async def read(self, document: Document, cursor: Cursor, choice: Choice, settings: Settings) -> tuple[Snippet, ...]:
        """What of other files is to be read for a place, by a model.

        What was read before stays as long as that is nearly as good.
        """
        tokens = snippet_budget(await self._engine.describe(choice.model), settings.completion)
        found = await self._projects.retrieve(document, cursor, tokens, RETRIEVAL_LIMIT_S)
        earlier = self._heads.get(document.uri, ()) if tokens else ()
        head = self._heads[document.uri] = choose_head(earlier, found.snippets)
        return head

    def rest(self) -> None:
        """Stop because something more urgent has come. What was interrupted is taken up again later."""
        self._queue.interrupt()

    def resume(self) -> None:
        """Go on after a pause with what is left; nothing more urgent is under way."""
        self._queue.resume(PAUSE_S)

    def changed(self, uri: str) -> None:
        """A document was changed, so that nothing needs to be evaluated at the place where the cursor was."""
        self.rest()
        self._queue.drop(uri)
        if uri not in self._anchors:
            self._queue.put(uri, partial(self._work, uri, types.Position(0, 0)))

    def forget(self, uri: str) -> None:
        """A document was closed."""
        self._queue.drop(uri)
        self._anchors.pop(uri, None)
        self._heads.pop(uri, None)

    def opened(self, uri: str) -> None:
        """A document was opened: load the model, and read what stands before the file wherever the cursor is."""
        if uri not in self._anchors:
            self._queue.put(uri, partial(self._work, uri, types.Position(0, 0)))
            self._queue.resume(CURSOR_S)

    def soon(
        self,
        uri: str,
        position: types.Position,
        after_s: float,
        shown: Completion | None = None,
        *,
        refine: bool = False,
    ) -> None:
        """After a pause, evaluate the prompt at a place; refine what is shown there, and think of what would follow it.

        Args:
            uri: the document.
            position: where the cursor is.
            after_s: the pause.
            shown: the answer to the last request at this place; None: it is not whole, or there was no request.
            refine: ask the strong model too, where the fast one has answered.
        """
        self._queue.put(uri, partial(self._work, uri, position, shown, refine))
        self._queue.restart(after_s)

    async def _work(
        self, uri: str, position: types.Position, shown: Completion | None = None, refine: bool = False
    ) -> None:
        document = self._documents.get(uri)
        cursor = self._documents.cursor(document, position)
        settings = self._settings(uri)
        anchor = at_line(cursor)
        choices = await models_to_warm(PromptParts(cursor, anchor), self._engine, settings)
        for choice in choices:
            loading = partial(self._loading, choice)
            await self._engine.describe(choice.model, on_loading=loading)
            head = await self.read(document, cursor, choice, settings)
            parts = PromptParts(cursor, anchor, head)
            await warm(completion_request(parts, choice, settings, trigger=Trigger.AHEAD), self._engine)
            self._anchors[uri] = anchor
            self._status.set("ready", self._status.current["reason"], model=choice.name, tier=choice.tier)
        spot = Spot(document, position, settings, PromptParts(cursor, anchor, self.head(uri)))
        if shown is not None and refine:
            shown = await self._refining.refine(spot, shown)
        if shown is not None and shown.text:
            await self._think_ahead(spot, shown, choices[0])

    def _loading(self, choice: Choice, _: float) -> None:
        self._status.set("loading", model=choice.name, tier=choice.tier)

    async def _think_ahead(self, spot: Spot, shown: Completion, choice: Choice) -> None:
        """Make the suggestion that would follow the one that is shown, once it is accepted."""
        cursor = spot.parts.cursor
        text = cursor.text[: shown.start] + shown.text + cursor.text[shown.end :]
        accepted = replace(cursor, text=text, offset=shown.start + len(shown.text))
        if self._cache.get(accepted) is None:
            parts = replace(spot.parts, cursor=accepted)
            is_known = self._projects.knows(spot.document.uri)
            request = completion_request(parts, choice, spot.settings, trigger=Trigger.AHEAD, is_known=is_known)
            found = await complete(request, self._engine)
            self._cache.put(accepted, replace(found, id=uuid4().hex, model=choice.name, tier=choice.tier))
