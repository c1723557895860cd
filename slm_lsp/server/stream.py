"""Notifications about suggestions, for clients that announced support. They are described in `docs/protocol.md`.

`slm/stream` sends a suggestion piece by piece while it grows. `slm/refined` says that a request at the same position
would now get a better suggestion.
"""

from collections.abc import Callable
from typing import Any, Literal

from lsprotocol import types

from slm_lsp.server.document import Document
from slm_lsp.server.protocol import request_id

STREAM = "slm/stream"
REFINED = "slm/refined"

WANTS_STREAM = "slmStream"
"""Key in `capabilities.experimental`: the client handles `slm/stream`."""

WANTS_REFINED = "slmRefined"
"""Key in `capabilities.experimental`: the client handles `slm/refined`."""


def announced(capabilities: types.ClientCapabilities, name: str) -> bool:
    """Return whether a client has set `capabilities.experimental.<name>` to true."""
    experimental: Any = capabilities.experimental
    value = experimental.get(name) if isinstance(experimental, dict) else getattr(experimental, name, False)
    return value is True


class Stream:
    """Sends the notifications to a client that announced support for them."""

    def __init__(self, notify: Callable[[str, object], None]) -> None:
        self._notify = notify
        self.wanted = False
        self.wants_refined = False

    def configure(self, capabilities: types.ClientCapabilities) -> None:
        """Read from a client's capabilities which notifications the client supports."""
        self.wanted = announced(capabilities, WANTS_STREAM)
        self.wants_refined = announced(capabilities, WANTS_REFINED)

    def suggestion(self, document: Document) -> "SuggestionStream":
        """Return the stream of the suggestion for the request that is being handled."""
        return SuggestionStream(self._notify if self.wanted else lambda _, __: None, document, request_id.get())

    def edit(self, document: Document, identifier: str) -> "SuggestionStream":
        """Return the stream of the text of an edit. `identifier` becomes the `id` of its messages."""
        return SuggestionStream(self._notify if self.wanted else lambda _, __: None, document, identifier, "edit")

    def refined(self, document: Document, position: types.Position, suggestion: str) -> None:
        """Send `slm/refined`.

        Args:
            document: the version of the document that the suggestion is for.
            position: position of the cursor.
            suggestion: id of the suggestion that a request at this position would get.
        """
        if self.wants_refined:
            identifier = {"uri": document.uri, "version": document.version}
            at = {"line": position.line, "character": position.character}
            self._notify(REFINED, {"textDocument": identifier, "position": at, "id": suggestion})


class SuggestionStream:
    """Sends one suggestion or edit piece by piece. Later pieces never change a piece that was sent."""

    def __init__(
        self,
        notify: Callable[[str, object], None],
        document: Document,
        number: int | str | None,
        kind: Literal["completion", "edit"] = "completion",
    ) -> None:
        self._notify = notify
        self._kind = kind
        self._document = {"uri": document.uri, "version": document.version}
        self._number = number
        self._sent = ""

    def show(self, text: str, *, done: bool = False) -> None:
        """Send what was added to the text.

        If `text` does not extend the text sent before, send nothing, or with `done` a message without text.
        """
        more = text.startswith(self._sent) and len(text) > len(self._sent)
        if not more and not done:
            return
        delta = text[len(self._sent) :] if more else ""
        self._sent += delta
        message = {"id": self._number, "kind": self._kind, "delta": delta, "done": done}
        self._notify(STREAM, {**message, "textDocument": self._document})

    def end(self, text: str) -> None:
        """Send the rest and say that the text is complete."""
        self.show(text, done=True)
