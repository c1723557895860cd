"""Refines a suggestion of the fast model: asks the strong model at the same place while the user pauses.

The refined suggestion goes into the cache, so a client that asks again at the place gets it at once. Clients that
announced it are told so by `slm/refined` (see `docs/protocol.md`).
"""

from dataclasses import dataclass, replace
from uuid import uuid4

from lsprotocol import types

from slm_lsp.config import Settings
from slm_lsp.context.window import PromptParts
from slm_lsp.engine.api import Provider
from slm_lsp.features.completion.cache import Cache
from slm_lsp.features.completion.complete import Completion, complete
from slm_lsp.features.completion.refine import ModelAnswer, is_better
from slm_lsp.features.completion.request import Trigger, completion_request
from slm_lsp.routing.choose import refining_model
from slm_lsp.server.documents import Document, Documents
from slm_lsp.server.projects import Projects
from slm_lsp.server.stream import Stream
from slm_lsp.server.tally import Tally


@dataclass(frozen=True, slots=True)
class Spot:
    """The place where the cursor rests, and what the prompt there is made of."""

    document: Document
    position: types.Position
    settings: Settings
    parts: PromptParts


class Refining:
    """Decides whether the strong model's answer replaces what is shown. State of the server's loop."""

    def __init__(
        self,
        documents: Documents,
        projects: Projects,
        engine: Provider,
        cache: Cache,
        stream: Stream,
        tally: Tally,
    ) -> None:
        self._documents = documents
        self._projects = projects
        self._engine = engine
        self._cache = cache
        self._stream = stream
        self._tally = tally

    async def refine(self, spot: Spot, shown: Completion) -> Completion:
        """Return what is to be shown at a place: the strong model's answer where it is better, else `shown`.

        Cancelling this coroutine cancels the request to the model; then nothing changes.

        Args:
            spot: where the cursor rests.
            shown: the answer to the last request there; its text may be empty.

        Raises:
            SlmError: the engine did not answer.
        """
        strong = None if shown.confirmed else await refining_model(shown.tier, spot.settings)
        if strong is None:
            return shown
        request = completion_request(
            spot.parts,
            strong,
            spot.settings,
            trigger=Trigger.AHEAD,
            learned_confidence=self._tally.threshold(spot.document.language, strong.tier),
            is_known=self._projects.knows(spot.document.uri),
        )
        found = await complete(request, self._engine)
        if not self._documents.is_current(spot.document):
            return shown
        if not is_better(ModelAnswer(shown.text, shown.confidence), ModelAnswer(found.text, found.confidence)):
            # What is typed of it, or accepted in part, need not be refined again.
            self._cache.put(spot.parts.cursor, replace(shown, confirmed=True))
            return shown
        replaced = shown.id if shown.text else ""
        refined = replace(found, id=uuid4().hex, model=strong.name, tier=strong.tier, replaces=replaced)
        self._cache.put(spot.parts.cursor, refined)
        self._stream.refined(spot.document, spot.position, refined.id)
        return refined
