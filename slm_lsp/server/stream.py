"""`slm/stream`: a suggestion as it grows, for clients that want it. Described in `docs/protocol.md`."""

from collections.abc import Callable
from typing import Any

from lsprotocol import types

from slm_lsp.server.documents import Document
from slm_lsp.server.protocol import request_id

STREAM = "slm/stream"
EXPERIMENTAL = "slmStream"
"""Under `capabilities.experimental`: the client wants the messages."""


def wants_stream(capabilities: types.ClientCapabilities) -> bool:
    """Whether a client asked for the messages."""
    experimental: Any = capabilities.experimental
    value = experimental.get(EXPERIMENTAL) if isinstance(experimental, dict) else getattr(experimental, EXPERIMENTAL, 0)
    return value is True


class Stream:
    """Sends the messages; none to a client that did not ask for them."""

    def __init__(self, notify: Callable[[str, object], None]) -> None:
        self._notify = notify
        self.wanted = False

    def of(self, document: Document) -> "Sending":
        """The messages about the request that is being handled, for a version of a document."""
        return Sending(self._notify if self.wanted else lambda _, __: None, document, request_id.get())


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
