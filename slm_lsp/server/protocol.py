"""Extends pygls: uses our documents instead of those of pygls, and answers every malformed message.

The documents of pygls split lines at form feeds and U+2028, unlike editors. pygls also does not answer a request that
has wrong parameters.
"""

import asyncio
import hmac
import inspect
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextvars import ContextVar
from enum import Enum
from typing import Any

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcRequestCancelled,
)
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.language_server import lsp_method

from slm_lsp.server.sessions import Sessions

log = logging.getLogger(__name__)

TOKEN = "token"  # noqa: S105 - a name
"""Key of the token in the initialization options."""

WRONG_TOKEN = types.LSPErrorCodes.RequestFailed.value

NOT_JSON_RPC = "the message is not a JSON-RPC 2.0 message"

request_id: ContextVar[int | str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being handled."""

work_done_token: ContextVar[int | str | None] = ContextVar("work_done_token", default=None)
"""The client's token for progress of the command that is being executed; None if the client sent no token."""


class AlreadyAnswered(Exception):  # noqa: N818 - it does not report a failure
    """A malformed message has been answered with an error, so pygls must not handle it."""


class Protocol(LanguageServerProtocol):
    """The protocol of one client. The client's open documents are in `sessions`."""

    def __init__(self, server: LanguageServer, converter: Any) -> None:
        super().__init__(server, converter)
        self.sessions = Sessions()
        self.token: str | None = None
        """The token that `initialize` must contain; None to accept every client."""

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> Any:
        """End the session of this client only. The method of pygls would exit the process and so end all sessions."""
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection after all messages written so far have been sent."""
        closing = self.writer.close() if self.writer is not None else None
        if inspect.isawaitable(closing):
            self._closing = asyncio.ensure_future(closing)

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> Any:
        """Open a session for the document, then call our handler."""
        self.sessions.open(params.text_document)
        yield from self._our_handler(types.TEXT_DOCUMENT_DID_OPEN, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Any:
        """Apply the changes, then call our handler."""
        self.sessions.change(params)
        yield from self._our_handler(types.TEXT_DOCUMENT_DID_CHANGE, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> Any:
        """Close the session of the document, then call our handler."""
        self.sessions.close(params.text_document.uri)
        yield from self._our_handler(types.TEXT_DOCUMENT_DID_CLOSE, params)

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Any:
        """Execute a command. Unlike pygls, cancel the command's coroutine when the client cancels the request."""
        work_done_token.set(params.work_done_token)
        handler, arguments, named = next(super().lsp_workspace__execute_command(params))
        if inspect.iscoroutinefunction(handler) and self.msg_id is not None:
            handler = _cancelled_with(self._request_futures[self.msg_id], handler)
        result = yield handler, arguments, named
        return result

    @property
    def was_shut_down(self) -> bool:
        """Whether the client sent `shutdown`."""
        return bool(self._shutdown)

    @property
    def is_initialized(self) -> bool:
        """Whether the client sent `initialize`."""
        return self._workspace is not None

    def encode(self, value: Any) -> Any:
        """Return a message, or a part of one, as plain dictionaries and lists that can be sent as JSON."""
        return self._converter.unstructure(value)

    def _our_handler(self, method: str, params: Any) -> Any:
        if (handler := self.fm.features.get(method)) is not None:
            yield handler, (params,), None

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Return the typed message. Answer a malformed message here, because only here its request id is known."""
        try:
            message = super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
                raise AlreadyAnswered from error
            raise
        return message

    def handle_message(self, message: Any) -> None:
        """Handle a message.

        Answer with an error if the message is not JSON-RPC, or if it is a request before `initialize` or after
        `shutdown`.
        """
        if not hasattr(message, "jsonrpc"):
            number = message.get("id") if isinstance(message, dict) else None
            self.answer_error(JsonRpcInvalidRequest(NOT_JSON_RPC), number)
            return
        number = getattr(message, "id", None)
        method = getattr(message, "method", None)
        if message.jsonrpc != self.VERSION:
            self.answer_error(JsonRpcInvalidRequest(NOT_JSON_RPC), number)
            return
        if not self.is_initialized and method not in (types.INITIALIZE, types.EXIT):
            if number is not None and method is not None:
                error = JsonRpcException("Send initialize first.", types.ErrorCodes.ServerNotInitialized.value)
                self.answer_error(error, number)
            return
        if self._shutdown and getattr(message, "id", None) is not None and hasattr(message, "method"):
            self.answer_error(JsonRpcInvalidRequest("the server is shutting down"), message.id)
            return
        if method == types.INITIALIZE and not self._has_token(message.params):
            error = JsonRpcException("initializationOptions.token is not the token of the server.", WRONG_TOKEN)
            self.answer_error(error, number)
            self.hang_up()
            return
        if self._shutdown and method not in (None, types.EXIT):
            return  # Ignore the notification: the state that it would change has been released.
        request_id.set(number)
        super().handle_message(message)
        if method == types.SHUTDOWN:
            self._shutdown = True  # pygls sets this only with the answer, which may be after `exit` arrives.

    def _has_token(self, params: Any) -> bool:
        if self.token is None:
            return True
        options = params.initialization_options
        token = options.get(TOKEN) if isinstance(options, dict) else None
        return isinstance(token, str) and hmac.compare_digest(token.encode(), self.token.encode())

    def answer_error(self, error: JsonRpcException, number: int | str | None) -> None:
        """Answer a message with an error. `number` is the id of the message, or None if the message has no id."""
        self._send_data({"jsonrpc": self.VERSION, "id": number, "error": error.to_response_error()})


def _cancelled_with(answer: "Future[Any]", handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return a handler that is cancelled when its answer is cancelled.

    pygls executes a command's handler in a task that it does not cancel together with the request, and it does not
    answer the request if this task is cancelled.
    """

    async def run(*arguments: Any, **named: Any) -> Any:
        task = asyncio.current_task()
        answer.add_done_callback(lambda done: task.cancel() if task is not None and done.cancelled() else None)
        try:
            return await handler(*arguments, **named)
        except (asyncio.CancelledError, JsonRpcException) as error:
            if answer.cancelled():
                return None  # The request has been answered already.
            if isinstance(error, JsonRpcException):
                raise
            raise JsonRpcRequestCancelled from error

    return run


class Runs(Enum):
    """Where the work of a handler runs. Each handler declares it."""

    LOOP = "loop"
    """On the event loop. The handler is a plain function that takes microseconds and reads no file."""
    THREAD = "thread"
    """In a thread. The handler is a coroutine that waits for the thread."""
    ENGINE = "engine"
    """In the engine and in threads. The handler is a coroutine that can be cancelled."""


class Server(LanguageServer):
    """The language server as pygls sees it."""

    protocol: Protocol
    close: Callable[[], Awaitable[None]]
    """A function that releases everything that a session holds. `create_server` sets it."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(name, version, protocol_cls=Protocol)
        self.runs: dict[str, Runs] = {}
        """Where the handler of each method and command runs."""

    def handles(self, method: str, runs: Runs, options: Any = None) -> Callable[[Callable[..., Any]], Any]:
        """Return a decorator that registers the handler of a method.

        Args:
            method: the protocol's method, such as `textDocument/didOpen`.
            runs: where the work of the handler runs.
            options: announced to the client as the server's capability.
        """
        return self._declared(method, runs, self.feature(method, options))

    def runs_command(self, name: str, runs: Runs) -> Callable[[Callable[..., Any]], Any]:
        """Return a decorator that registers the handler of a command. The arguments are as in `handles`."""
        return self._declared(name, runs, self.command(name))

    def _declared(self, name: str, runs: Runs, register: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
        """Return a decorator that registers a handler: a plain function for `Runs.LOOP`, otherwise a coroutine.

        Raises:
            TypeError: the handler does not fit its declaration.
        """

        def decorate(handler: Callable[..., Any]) -> Any:
            if inspect.iscoroutinefunction(handler) == (runs is Runs.LOOP):
                expected = "a plain function" if runs is Runs.LOOP else "a coroutine function"
                raise TypeError(f"{handler.__name__} runs in {runs.value}, so it must be {expected}")
            self.runs[name] = runs
            return register(handler)

        return decorate

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Answer malformed messages and log all other errors. pygls by default shows these errors in the editor."""
        if isinstance(error, AlreadyAnswered):
            return
        if isinstance(error, JsonRpcException) and source is not JsonRpcException:
            log.info("a request was answered with an error: %s", error)
            return
        if isinstance(error, ValueError) and source is JsonRpcException:
            self.protocol.answer_error(JsonRpcParseError(f"the message is not JSON: {error}"), None)
            return
        if source is JsonRpcException:
            self.protocol.answer_error(JsonRpcInvalidRequest(f"the message is malformed: {error}"), None)
            return
        log.error("%s", error, exc_info=error)
