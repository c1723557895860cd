"""The server over TCP or a WebSocket, for clients that cannot start a program, or not on this machine.

Whoever connects may ask about every file that the server can read. So only this machine is listened to, unless a token
is set; web pages, which may connect to it too, are told by the `Origin` that browsers send, and refused.
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

log = logging.getLogger(__name__)

Kind = Literal["tcp", "ws"]
Told = Callable[[str, int], None]

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""No editor sends more at once; who does is not served on."""

STRANGER_S = 20.0
"""Where a token is wanted, a connection that has not named it by then is closed."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int
    """0: any that is free."""


def parse_address(text: str) -> Address:
    """An address as the command line has it: `HOST:PORT`, `[HOST]:PORT` for IPv6, or `PORT` on this machine only.

    Raises:
        UsageError: it is none.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else "127.0.0.1"
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{text!r} is no HOST:PORT.", "Such as 127.0.0.1:2087; port 0 takes any that is free.")
    return Address(host, int(port))


def check_reach(address: Address, token: str | None) -> None:
    """Refuse to listen to other machines without a token.

    Raises:
        UsageError: so it would be, or there is no such host.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"{address.host} is no address of this machine: {error}.") from error
    strangers = [each[4][0] for each in found if not ipaddress.ip_address(str(each[4][0]).split("%")[0]).is_loopback]
    if strangers and not token:
        raise UsageError(
            f"On {address.host} other machines could read this one's files through the server.",
            "Listen on 127.0.0.1, or set a token with --token-file.",
        )


def serve_sockets(kind: Kind, address: Address, token: str | None, overrides: Mapping[str, object], told: Told) -> int:
    """Serve any number of clients, each with a session of its own, until the process is interrupted.

    Args:
        kind: `tcp` or `ws`.
        address: where to listen.
        token: what clients have to send as `initializationOptions.token`.
        overrides: settings of the command line; they win over the editor's.
        told: called with the host and the port once the server listens.

    Returns:
        The exit code.

    Raises:
        UsageError: other machines could connect and there is no token, or the address cannot be had.
    """
    check_reach(address, token)
    log_to_stderr()
    asyncio.run(_serve(kind, address, token, overrides, told))
    return 0


async def _serve(kind: Kind, address: Address, token: str | None, overrides: Mapping[str, object], told: Told) -> None:
    over = asyncio.Event()
    on_termination(over.set)
    listen = _listen_tcp if kind == "tcp" else _listen_ws
    sessions: set[asyncio.Task[Any]] = set()
    talking: set[asyncio.Task[Any]] = set()

    async def session(talk: Callable[[Server], Awaitable[None]]) -> None:
        server = create_server(overrides)
        server.protocol.token = token
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        sessions.add(task)
        talking.add(task)
        stranger = asyncio.get_running_loop().call_later(STRANGER_S, _forget_stranger, server) if token else None
        try:
            await talk(server)
        except (ConnectionError, asyncio.CancelledError):
            log.info("a client has gone")
        finally:
            if stranger is not None:
                stranger.cancel()
            talking.discard(task)
            await release(server)
            sessions.discard(task)

    try:
        listening = await listen(address, token, session)
    except OSError as error:
        raise UsageError(f"{address.host}:{address.port} cannot be listened on: {error.strerror or error}.") from error
    async with listening:
        host, port = listening.sockets[0].getsockname()[:2]
        told(str(host), int(port))
        await over.wait()
        for task in talking:
            task.cancel()
        if sessions:  # those that are being released already are waited for as well
            await asyncio.wait(sessions)


Session = Callable[[Callable[[Server], Awaitable[None]]], Awaitable[None]]


async def _listen_tcp(address: Address, _: str | None, session: Session) -> Any:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def talk(server: Server) -> None:
            server.protocol.set_writer(writer)
            await run_async(
                stop_event=threading.Event(),
                reader=Input(reader, MAX_MESSAGE_BYTES),
                protocol=server.protocol,
                logger=logging.getLogger("pygls"),
                error_handler=server.report_server_error,
            )

        try:
            await session(talk)
        finally:
            writer.close()

    return await asyncio.start_server(connected, address.host, address.port, limit=MAX_LINE_BYTES)


async def _listen_ws(address: Address, token: str | None, session: Session) -> Any:
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.exceptions import ConnectionClosed

    class Connection(ServerConnection):
        """Ignore messages to a client that has disconnected. pygls does not await `send`, so an error would be lost."""

        async def send(self, *args: Any, **kwargs: Any) -> None:
            with contextlib.suppress(ConnectionClosed):
                await super().send(*args, **kwargs)

    async def connected(connection: ServerConnection) -> None:
        async def talk(server: Server) -> None:
            await run_websocket(
                websocket=connection,
                stop_event=threading.Event(),
                protocol=server.protocol,
                logger=logging.getLogger("pygls"),
                error_handler=server.report_server_error,
            )

        await session(talk)

    origins = None if token else [None]
    return await serve(
        connected,
        address.host,
        address.port,
        origins=origins,
        max_size=MAX_MESSAGE_BYTES,
        create_connection=Connection,
    )


def _forget_stranger(server: Server) -> None:
    if not server.protocol.is_initialized:
        with contextlib.suppress(Exception):
            server.protocol.hang_up()
