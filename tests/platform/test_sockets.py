"""Unix sockets that only the current user can connect to."""

import asyncio
import os
import socket
import stat
from pathlib import Path

from slm_lsp.platform import sockets


def test_the_peer_uid_of_a_socket_pair_is_the_current_user() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert sockets.peer_uid(one) == os.getuid() == sockets.own_uid()


def test_only_the_user_can_connect_and_an_old_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("left behind")
    with sockets.listen(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_client_reaches_a_server_at_the_same_path(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await sockets.serve(echo, tmp_path / "s")
    reader, writer = await sockets.connect(tmp_path / "s")
    writer.write(b"hello\n")
    assert await reader.readline() == b"hello\n"
    writer.close()
    server.close()
