"""pygls, with our own documents in place of its own, and an answer to every message that is wrong.

pygls splits lines at form feeds and U+2028, which editors do not, and leaves a request with wrong parameters without
an answer.
"""

import logging
from contextvars import ContextVar
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidRequest, JsonRpcParseError
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method

from slm_lsp.server.documents import Documents

log = logging.getLogger(__name__)

request_id: ContextVar[int | str | None] = ContextVar("request_id", default=None)
"""The number of the request that is being handled."""


class AlreadyAnswered(Exception):  # noqa: N818 - not a mistake: the client has its answer
    """A message was wrong and its sender has been told."""


class Protocol(LanguageServerProtocol):
    """Keeps documents in `documents`."""

    def __init__(self, server: LanguageServer, converter: Any) -> None:
        super().__init__(server, converter)
        self.documents = Documents()

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
        if self._workspace is None and method not in (types.INITIALIZE, types.EXIT):
            if number is not None and method is not None:
                error = JsonRpcException("Send initialize first.", types.ErrorCodes.ServerNotInitialized.value)
                self.answer_wrong(error, number)
            return
        if self._shutdown and getattr(message, "id", None) is not None and hasattr(message, "method"):
            self.answer_wrong(JsonRpcInvalidRequest("the server is shutting down"), message.id)
            return
        request_id.set(number)
        super().handle_message(message)

    def answer_wrong(self, error: JsonRpcException, number: int | str | None) -> None:
        """An error for a message; `number` is None where the message did not say."""
        self._send_data({"jsonrpc": self.VERSION, "id": number, "error": error.to_response_error()})


class Server(LanguageServer):
    """The language server as pygls sees it."""

    protocol: Protocol

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
