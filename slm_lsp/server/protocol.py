"""pygls, with our own documents in place of its own, and an answer to every message that is wrong.

pygls splits lines at form feeds and U+2028, which editors do not, and leaves a request with wrong parameters without
an answer.
"""

import asyncio
import hmac
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidRequest, JsonRpcParseError
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method

from slm_lsp.server.documents import Documents

log = logging.getLogger(__name__)

TOKEN = "token"  # noqa: S105 - a name
"""The key of it among the initialization options."""

WRONG_TOKEN = types.LSPErrorCodes.RequestFailed.value

request_id: ContextVar[int | str | None] = ContextVar("request_id", default=None)
"""The number of the request that is being handled."""


class AlreadyAnswered(Exception):  # noqa: N818 - not a mistake: the client has its answer
    """A message was wrong and its sender has been told."""


class Protocol(LanguageServerProtocol):
    """Keeps documents in `documents`."""

    def __init__(self, server: LanguageServer, converter: Any) -> None:
        super().__init__(server, converter)
        self.documents = Documents()
        self.token: str | None = None
        """What `initialize` has to name in its options, where anybody might connect."""

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> Any:
        """End the session of this client; pygls would leave the process from within its reader."""
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection. What was written before still goes out."""
        closing = self.writer.close() if self.writer is not None else None
        if inspect.isawaitable(closing):
            self._closing = asyncio.ensure_future(closing)

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> Any:
        """Remember the document, then tell the server."""
        self.documents.open(params.text_document)
        yield from self._user(types.TEXT_DOCUMENT_DID_OPEN, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Any:
        """Apply the changes, then tell the server."""
        self.documents.change(params)
        yield from self._user(types.TEXT_DOCUMENT_DID_CHANGE, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> Any:
        """Forget the document, then tell the server."""
        self.documents.close(params.text_document.uri)
        yield from self._user(types.TEXT_DOCUMENT_DID_CLOSE, params)

    @property
    def was_shut_down(self) -> bool:
        """Whether the client said `shutdown`."""
        return bool(self._shutdown)

    @property
    def is_initialized(self) -> bool:
        """Whether the client has begun its session."""
        return self._workspace is not None

    def _user(self, method: str, params: Any) -> Any:
        if (handler := self.fm.features.get(method)) is not None:
            yield handler, (params,), None

    def structure_message(self, data: dict[str, Any]) -> Any:
        """A message's typed form; what cannot be one is answered here, where its number is still known."""
        try:
            message = super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
                raise AlreadyAnswered from error
            raise
        return message

    def handle_message(self, message: Any) -> None:
        """Answer what is JSON but no JSON-RPC; pass on the rest. After `shutdown` requests are refused, not ignored."""
        if not hasattr(message, "jsonrpc"):
            number = message.get("id") if isinstance(message, dict) else None
            self.answer_wrong(JsonRpcInvalidRequest("this is no JSON-RPC 2.0 message"), number)
            return
        number = getattr(message, "id", None)
        method = getattr(message, "method", None)
        if message.jsonrpc != self.VERSION:
            self.answer_wrong(JsonRpcInvalidRequest("this is no JSON-RPC 2.0 message"), number)
            return
        if not self.is_initialized and method not in (types.INITIALIZE, types.EXIT):
            if number is not None and method is not None:
                error = JsonRpcException("Send initialize first.", types.ErrorCodes.ServerNotInitialized.value)
                self.answer_wrong(error, number)
            return
        if self._shutdown and getattr(message, "id", None) is not None and hasattr(message, "method"):
            self.answer_wrong(JsonRpcInvalidRequest("the server is shutting down"), message.id)
            return
        if method == types.INITIALIZE and not self._knows_token(message.params):
            error = JsonRpcException("initializationOptions.token is not the server's.", WRONG_TOKEN)
            self.answer_wrong(error, number)
            self.hang_up()
            return
        if self._shutdown and method not in (None, types.EXIT):
            return  # a notification: what it would change was released
        request_id.set(number)
        super().handle_message(message)
        if method == types.SHUTDOWN:
            self._shutdown = True  # pygls sets it when the answer is there, which may be after `exit`

    def _knows_token(self, params: Any) -> bool:
        if self.token is None:
            return True
        options = params.initialization_options
        said = options.get(TOKEN) if isinstance(options, dict) else None
        return isinstance(said, str) and hmac.compare_digest(said.encode(), self.token.encode())

    def answer_wrong(self, error: JsonRpcException, number: int | str | None) -> None:
        """An error for a message; `number` is None where the message did not say."""
        self._send_data({"jsonrpc": self.VERSION, "id": number, "error": error.to_response_error()})


class Server(LanguageServer):
    """The language server as pygls sees it."""

    protocol: Protocol
    close: Callable[[], Awaitable[None]]
    """Lets go of everything that a session holds; set by who puts the server together."""

    def report_server_error(self, error: Exception, source: Any) -> None:
        """What pygls could not handle: malformed messages are answered, the rest goes to the log, not into popups."""
        if isinstance(error, AlreadyAnswered):
            return
        if isinstance(error, JsonRpcException) and source is not JsonRpcException:
            log.info("a request was answered with an error: %s", error)
            return
        if isinstance(error, ValueError) and source is JsonRpcException:
            self.protocol.answer_wrong(JsonRpcParseError(f"the message is no JSON: {error}"), None)
            return
        if source is JsonRpcException:
            self.protocol.answer_wrong(JsonRpcInvalidRequest(f"this is no message: {error}"), None)
            return
        log.error("%s", error, exc_info=error)
