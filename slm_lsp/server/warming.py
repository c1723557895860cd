"""Works in pauses of typing: evaluates the prompt at the cursor, refines the suggestion and prefetches the next one."""

from dataclasses import replace
from functools import partial
from uuid import uuid4

from lsprotocol import types

from slm_lsp.config import Settings
from slm_lsp.context.anchor import at_line
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.retrieve import RETRIEVAL_LIMIT_S
from slm_lsp.context.snippets import Snippet
from slm_lsp.context.window import PromptParts, snippet_budget
from slm_lsp.features.completion.complete import Completion, complete, warm
from slm_lsp.features.completion.request import Trigger, completion_request
from slm_lsp.routing.choose import models_to_warm
from slm_lsp.routing.policy import Choice
from slm_lsp.server.idle import IdleQueue
from slm_lsp.server.refining import RestingCursor, refine
from slm_lsp.server.services import Services
from slm_lsp.server.session import DocumentSession

PAUSE_S = 0.7
"""Seconds without a request after which the anchor moves to the cursor's line and the prompt is evaluated there."""

CURSOR_S = 0.15
"""Seconds that a cursor must rest at a new position before the prompt is evaluated there."""


class Warming:
    """Schedules the work in pauses: one document at a time, the most recent first. Use it on the event loop only."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._queue = IdleQueue(lambda reason: services.status.set("failed", reason))

    async def choose_snippets(
        self, session: DocumentSession, cursor: Cursor, choice: Choice, settings: Settings
    ) -> tuple[Snippet, ...]:
        """Return the snippets of other files for a prompt, and keep them in the session.

        Keep the current snippets as long as they are nearly as good as the best snippets now.
        """
        info = await self._services.engine.describe(choice.model)
        tokens = snippet_budget(info, settings.completion)
        found = await self._services.projects.retrieve(session.document, cursor, tokens, RETRIEVAL_LIMIT_S)
        if not tokens:
            session.snippets = ()
        return session.settle(found.snippets)

    def pause(self) -> None:
        """Interrupt the work because of something more urgent. The interrupted task stays in the queue."""
        self._queue.pause()

    def resume(self) -> None:
        """Continue with the tasks in the queue after a pause. Call this when nothing more urgent is running."""
        self._queue.resume(PAUSE_S)

    def changed(self, session: DocumentSession) -> None:
        """Drop the task of a document that was changed, because its cursor is no longer where the task expects it."""
        self.pause()
        self._queue.drop(session.uri)
        if session.anchor is None:
            self._queue.put(session.uri, partial(self._work, session, types.Position(0, 0)))

    def forget(self, uri: str) -> None:
        """Drop the task of a document that was closed."""
        self._queue.drop(uri)

    def opened(self, session: DocumentSession) -> None:
        """Load the model and evaluate the start of the prompt, which is the same for every cursor position."""
        if session.anchor is None:
            self._queue.put(session.uri, partial(self._work, session, types.Position(0, 0)))
            self._queue.resume(CURSOR_S)

    def schedule(
        self,
        session: DocumentSession,
        position: types.Position,
        after_s: float,
        shown: Completion | None = None,
        *,
        may_refine: bool = False,
    ) -> None:
        """After a delay, evaluate the prompt at a position; then refine the suggestion and prefetch the next one.

        Args:
            session: the session of the document.
            position: position of the cursor.
            after_s: the delay in seconds.
            shown: the answer to the last request there; None if the answer is incomplete or there was no request.
            may_refine: whether to ask the strong model if the fast model has answered.
        """
        self._queue.put(session.uri, partial(self._work, session, position, shown, may_refine))
        self._queue.restart(after_s)

    async def _work(
        self,
        session: DocumentSession,
        position: types.Position,
        shown: Completion | None = None,
        may_refine: bool = False,
    ) -> None:
        services, document = self._services, session.document
        cursor = services.sessions.cursor(document, position)
        settings = await services.settings(session.uri)
        anchor = at_line(cursor)
        choices = await models_to_warm(PromptParts(cursor, anchor), services.engine, settings)
        for choice in choices:
            await services.engine.describe(choice.model, on_loading=partial(self._show_loading, choice))
            snippets = await self.choose_snippets(session, cursor, choice, settings)
            parts = PromptParts(cursor, anchor, snippets)
            await warm(completion_request(parts, choice, settings, trigger=Trigger.AHEAD), services.engine)
            session.anchor = anchor
            services.status.set("ready", services.status.current["reason"], model=choice.name, tier=choice.tier)
        resting = RestingCursor(document, position, settings, PromptParts(cursor, anchor, session.snippets))
        if shown is not None and may_refine:
            shown = await refine(services, resting, shown)
        if shown is not None and shown.text:
            await self._prefetch(resting, shown, choices[0])

    def _show_loading(self, choice: Choice, _: float) -> None:
        self._services.status.set("loading", model=choice.name, tier=choice.tier)

    async def _prefetch(self, resting: RestingCursor, shown: Completion, choice: Choice) -> None:
        """Generate the next suggestion in advance, for the case that the user accepts the suggestion that is shown."""
        services, cursor = self._services, resting.parts.cursor
        text = cursor.text[: shown.start] + shown.text + cursor.text[shown.end :]
        accepted = replace(cursor, text=text, offset=shown.start + len(shown.text))
        if services.cache.get(accepted) is None:
            parts = replace(resting.parts, cursor=accepted)
            is_known = services.projects.knows(resting.document.uri)
            request = completion_request(parts, choice, resting.settings, trigger=Trigger.AHEAD, is_known=is_known)
            found = await complete(request, services.engine)
            services.cache.put(accepted, replace(found, id=uuid4().hex, model=choice.name, tier=choice.tier))
