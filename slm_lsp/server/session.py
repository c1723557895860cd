"""The state of one open document: text, anchor and snippets of the prompt, pending request, and generation."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from lsprotocol import types

from slm_lsp.context.anchor import Anchor, follow
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.head import choose_head
from slm_lsp.context.snippets import Snippet
from slm_lsp.features.completion.complete import Completion
from slm_lsp.server.debounce import Debounce
from slm_lsp.server.document import Document
from slm_lsp.server.edit_in_flight import EditInFlight
from slm_lsp.server.errors import stale
from slm_lsp.server.in_flight import InFlightGeneration
from slm_lsp.text import Encoding


@dataclass(eq=False)
class DocumentSession:
    """One open document. Use it on the event loop only; other threads may use the immutable `document`."""

    document: Document
    """The current version of the document."""
    anchor: Anchor | None = None
    """The position where the prefix of the last prompt ended; None before the first prompt."""
    snippets: tuple[Snippet, ...] = ()
    """Snippets of other files at the start of the prompt. They change only while the user pauses."""
    pending: "asyncio.Task[Completion] | None" = None
    """The newest request that has no answer yet."""
    generation: InFlightGeneration | None = None
    """The newest generation; it may have ended."""
    edit: EditInFlight | None = None
    """The edit that is being made; None if no edit runs."""
    debounce: Debounce = field(default_factory=Debounce)

    @property
    def uri(self) -> str:
        """The URI of the document."""
        return self.document.uri

    def change(self, changes: Sequence[types.TextDocumentContentChangeEvent], version: int, encoding: Encoding) -> None:
        """Apply the changes of a `textDocument/didChange`. The result is the current version."""
        self.document = self.document.changed(changes, version, encoding)
        if self.edit is not None:
            self.edit.document_changed()

    def anchor_at(self, cursor: Cursor) -> Anchor:
        """Return the anchor for a prompt, and keep it for the next prompt."""
        self.anchor = follow(cursor, self.anchor)
        return self.anchor

    def settle(self, chosen: Sequence[Snippet]) -> tuple[Snippet, ...]:
        """Return and keep the snippets to use: the current snippets if nearly as good as `chosen`, else `chosen`."""
        self.snippets = choose_head(self.snippets, chosen)
        return self.snippets

    def cancel_pending(self) -> None:
        """Cancel the pending request; its client gets `ServerCancelled`."""
        if self.pending is not None:
            self.pending.cancel()

    def cancel_generation(self) -> None:
        """Cancel the generation, if there is one."""
        if self.generation is not None:
            self.generation.cancel()

    def cancel_if_unused(self) -> None:
        """Cancel the generation if no request needs its result, or if the document no longer contains its context.

        While a request is pending, do nothing: that request decides.
        """
        generation = self.generation
        if generation is None or generation.done or self.pending is not None:
            return
        if not generation.wanted or not generation.continues_in(self.document.text):
            generation.cancel()

    def close(self) -> None:
        """Cancel the pending request, the generation and the edit, because the document was closed."""
        pending, self.pending = self.pending, None
        if pending is not None:
            pending.cancel()
        self.cancel_generation()
        self.generation = None
        if self.edit is not None:
            self.edit.cancel(stale("The document was closed while the edit was made."))
