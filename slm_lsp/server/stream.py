"""Notifications about suggestions, for clients that announced them. Described in `docs/protocol.md`.

`slm/stream` is a suggestion as it grows. `slm/refined` says that a better one can be asked for at the same place.
"""

from collections.abc import Callable
from typing import Any

from lsprotocol import types

from slm_lsp.server.documents import Document
from slm_lsp.server.protocol import request_id

STREAM = "slm/stream"
REFINED = "slm/refined"

WANTS_STREAM = "slmStream"
"""Under `capabilities.experimental`: the client wants `slm/stream`."""

WANTS_REFINED = "slmRefined"
"""Under `capabilities.experimental`: the client wants `slm/refined`."""


def announced(capabilities: types.ClientCapabilities, name: str) -> bool:
    """Whether a client has set `capabilities.experimental.<name>` to true."""
    experimental: Any = capabilities.experimental
    value = experimental.get(name) if isinstance(experimental, dict) else getattr(experimental, name, False)
    return value is True


class Stream:
    """Sends the messages; none to a client that did not ask for them."""

    def __init__(self, notify: Callable[[str, object], None]) -> None:
        self._notify = notify
        self.wanted = False
        self.wants_refined = False

    def listen(self, capabilities: types.ClientCapabilities) -> None:
        """Take from a client's capabilities which messages it wants."""
        self.wanted = announced(capabilities, WANTS_STREAM)
        self.wants_refined = announced(capabilities, WANTS_REFINED)

    def of(self, document: Document) -> "Sending":
        """The messages about the request that is being handled, for a version of a document."""
        return Sending(self._notify if self.wanted else lambda _, __: None, document, request_id.get())

    def refined(self, document: Document, position: types.Position, suggestion: str) -> None:
        """Send `slm/refined`: a request at a position of this version would get another suggestion, of this id."""
        if self.wants_refined:
            identifier = {"uri": document.uri, "version": document.version}
            at = {"line": position.line, "character": position.character}
            self._notify(REFINED, {"textDocument": identifier, "position": at, "id": suggestion})


class Sending:
    """The messages about one suggestion: what was sent is never taken back, only gone on with."""

    def __init__(self, notify: Callable[[str, object], None], document: Document, number: int | str | None) -> None:
        self._notify = notify
        self._document = {"uri": document.uri, "version": document.version}
        self._number = number
        self._sent = ""

    def show(self, text: str, *, done: bool = False) -> None:
        """All that is checked so far; nothing is sent where it is not more than was sent before."""
        more = text.startswith(self._sent) and len(text) > len(self._sent)
        if not more and not done:
            return
        delta = text[len(self._sent) :] if more else ""
        self._sent += delta
        message = {"id": self._number, "kind": "completion", "delta": delta, "done": done}
        self._notify(STREAM, {**message, "textDocument": self._document})

    def end(self, text: str) -> None:
        """The whole suggestion is there, and can be asked for."""
        self.show(text, done=True)
