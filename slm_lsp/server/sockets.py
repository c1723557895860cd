"""The server over TCP or a WebSocket, for clients that cannot start a program or are on another machine.

A client can get the content of every file that the server can read. Therefore the server accepts only connections from
this machine, unless a token is set. Web pages in a browser on this machine could connect, too. The server refuses them:
it recognizes them by the `Origin` header that browsers send.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from pygls.io_ import run_async, run_websocket

from slm_lsp.errors import UsageError
from slm_lsp.platform.spawn import on_termination
from slm_lsp.server.app import create_server
from slm_lsp.server.protocol import Server
from slm_lsp.server.stdio import MAX_LINE_BYTES, Input, log_to_stderr, release
from slm_lsp.server.watchdog import watch_loop

log = logging.getLogger(__name__)

Kind = Literal["tcp", "ws"]
Communicate = Callable[[Server], Awaitable[None]]
"""Exchanges messages with one client until the client disconnects."""
Session = Callable[[Communicate], Awaitable[None]]
"""Runs the session of one client from the start to the release of everything that it holds."""
OnListening = Callable[[str, int], None]

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Maximum length of a message in bytes. The server closes the connection of a client that sends a longer message."""

AUTHENTICATION_S = 20.0
"""If a token is set, a connection without a valid `initialize` is closed after this many seconds."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address to listen on."""

    host: str
    port: int
    """Port number; 0 for any free port."""


def parse_address(text: str) -> Address:
    """Parse an address from the command line: `HOST:PORT`, `[HOST]:PORT` for IPv6, or `PORT` for this machine only.

    Raises:
        UsageError: the address is invalid.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else "127.0.0.1"
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(
            f"Invalid address {text!r}; expected HOST:PORT.", "For example 127.0.0.1:2087; port 0 takes any free port."
        )
    return Address(host, int(port))


def check_reach(address: Address, token: str | None) -> None:
    """Check that there is a token if other machines can connect to the server.

    Raises:
        UsageError: other machines can connect and there is no token, or the host is unknown.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"{address.host} is not an address of this machine: {error}.") from error
    public = [each[4][0] for each in found if not ipaddress.ip_address(str(each[4][0]).split("%")[0]).is_loopback]
    if public and not token:
        raise UsageError(
            f"Other machines can connect to {address.host} and could read this machine's files through the server.",
            "Listen on 127.0.0.1, or set a token with --token-file.",
        )


def serve_sockets(
    kind: Kind,
    address: Address,
    token: str | None,
    overrides: Mapping[str, object],
    on_listening: OnListening,
    *,
    debug: bool = False,
) -> int:
    """Serve any number of clients, each with its own session, until the process is interrupted.

    Args:
        kind: `tcp` or `ws`.
        address: the address on which to listen.
        token: clients must send this token as `initializationOptions.token`; None to accept clients without a token.
        overrides: settings of the command line. They take precedence over the editor's settings.
        on_listening: called with the host and the port when the server listens.
        debug: log callbacks that block the event loop.

    Returns:
        The exit code.

    Raises:
        UsageError: other machines could connect and there is no token, or the server cannot listen on the address.
    """
    check_reach(address, token)
    log_to_stderr()
    with watch_loop() if debug else contextlib.nullcontext():
        asyncio.run(_serve(kind, address, token, overrides, on_listening))
    return 0


async def _serve(
    kind: Kind, address: Address, token: str | None, overrides: Mapping[str, object], on_listening: OnListening
) -> None:
    interrupted = asyncio.Event()
    on_termination(interrupted.set)
    listen = _listen_tcp if kind == "tcp" else _listen_ws
    sessions: set[asyncio.Task[Any]] = set()
    connected: set[asyncio.Task[Any]] = set()

    async def session(communicate: Communicate) -> None:
        server = await asyncio.to_thread(create_server, overrides)
        server.protocol.token = token
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        sessions.add(task)
        connected.add(task)
        timer = asyncio.get_running_loop().call_later(AUTHENTICATION_S, _refuse_anonymous, server) if token else None
        try:
            await communicate(server)
        except (ConnectionError, asyncio.CancelledError):
            log.info("a client has closed the connection")
        finally:
            if timer is not None:
                timer.cancel()
            connected.discard(task)
            await release(server)
            sessions.discard(task)

    try:
        listening = await listen(address, token, session)
    except OSError as error:
        raise UsageError(f"Cannot listen on {address.host}:{address.port}: {error.strerror or error}.") from error
    async with listening:
        host, port = listening.sockets[0].getsockname()[:2]
        on_listening(str(host), int(port))
        await interrupted.wait()
        for task in connected:
            task.cancel()
        if sessions:  # This includes sessions that are already being released.
            await asyncio.wait(sessions)


async def _listen_tcp(address: Address, _: str | None, session: Session) -> Any:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def communicate(server: Server) -> None:
            server.protocol.set_writer(writer)
            await run_async(
                stop_event=threading.Event(),
                reader=Input(reader, MAX_MESSAGE_BYTES),
                protocol=server.protocol,
                logger=logging.getLogger("pygls"),
                error_handler=server.report_server_error,
            )

        try:
            await session(communicate)
        finally:
            writer.close()

    return await asyncio.start_server(connected, address.host, address.port, limit=MAX_LINE_BYTES)


async def _listen_ws(address: Address, token: str | None, session: Session) -> Any:
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.exceptions import ConnectionClosed

    class Connection(ServerConnection):
        """Drops messages to a client that has disconnected.

        Without this, `send` would raise an error that nobody handles, because pygls does not await `send`.
        """

        async def send(self, *args: Any, **kwargs: Any) -> None:
            with contextlib.suppress(ConnectionClosed):
                await super().send(*args, **kwargs)

    async def connected(connection: ServerConnection) -> None:
        async def communicate(server: Server) -> None:
            await run_websocket(
                websocket=connection,
                stop_event=threading.Event(),
                protocol=server.protocol,
                logger=logging.getLogger("pygls"),
                error_handler=server.report_server_error,
            )

        await session(communicate)

    origins = None if token else [None]
    return await serve(
        connected,
        address.host,
        address.port,
        origins=origins,
        max_size=MAX_MESSAGE_BYTES,
        create_connection=Connection,
    )


def _refuse_anonymous(server: Server) -> None:
    """Close the connection of a client that has not sent a valid `initialize`."""
    if not server.protocol.is_initialized:
        with contextlib.suppress(Exception):
            server.protocol.hang_up()
