"""Refines a suggestion of the fast model: asks the strong model at the same position while the user pauses.

The refined suggestion goes into the cache, so a client that asks again at the position gets it at once. Clients that
announced support also get the notification `slm/refined` (see `docs/protocol.md`).
"""

from dataclasses import dataclass, replace
from uuid import uuid4

from lsprotocol import types

from slm_lsp.config import Settings
from slm_lsp.context.window import PromptParts
from slm_lsp.features.completion.complete import Completion, complete
from slm_lsp.features.completion.refine import ModelAnswer, is_better
from slm_lsp.features.completion.request import Trigger, completion_request
from slm_lsp.routing.choose import refining_model
from slm_lsp.server.document import Document
from slm_lsp.server.services import Services


@dataclass(frozen=True, slots=True)
class RestingCursor:
    """The position where the user paused, and the parts of the prompt at this position."""

    document: Document
    position: types.Position
    settings: Settings
    parts: PromptParts


async def refine(services: Services, cursor: RestingCursor, shown: Completion) -> Completion:
    """Return the completion to show at a position: the strong model's answer if it is better, else `shown`.

    Cancelling this coroutine cancels the request to the model and changes nothing.

    Args:
        services: the shared objects of the server.
        cursor: the position where the user paused.
        shown: the answer to the last request at this position; its text may be empty.

    Raises:
        SlmError: the engine did not answer.
    """
    strong = None if shown.confirmed else await refining_model(shown.tier, cursor.settings)
    if strong is None:
        return shown
    request = completion_request(
        cursor.parts,
        strong,
        cursor.settings,
        trigger=Trigger.AHEAD,
        learned_confidence=services.outcomes.threshold(cursor.document.language, strong.tier),
        is_known=services.projects.knows(cursor.document.uri),
    )
    found = await complete(request, services.engine)
    if not services.sessions.is_current(cursor.document):
        return shown
    if not is_better(ModelAnswer(shown.text, shown.confidence), ModelAnswer(found.text, found.confidence)):
        # When the user has typed or accepted a part of this suggestion, its rest need not be refined again.
        services.cache.put(cursor.parts.cursor, replace(shown, confirmed=True))
        return shown
    replaced = shown.id if shown.text else ""
    refined = replace(found, id=uuid4().hex, model=strong.name, tier=strong.tier, replaces=replaced)
    services.cache.put(cursor.parts.cursor, refined)
    services.stream.refined(cursor.document, cursor.position, refined.id)
    return refined
