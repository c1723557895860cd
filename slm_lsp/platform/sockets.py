"""Unix sockets that only the current user can connect to. Also finds the user of the process at the other end."""

import asyncio
import ctypes
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

from slm_lsp.platform.c_library import c_library

_CREDENTIALS = struct.Struct("3i")
"""Ids of a process, its user and its group (`struct ucred`, unix(7))."""


def listen(path: Path) -> socket.socket:
    """Bind a Unix socket at `path` that only this user can connect to. Replaces an old socket there."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(mask)
    return listening


async def serve(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], path: Path
) -> asyncio.Server:
    """Accept connections at `path` in the running loop; `handle` is called for each."""
    return await asyncio.start_unix_server(handle, sock=listen(path))


async def connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the socket at `path`.

    Raises:
        OSError: no process listens there.
    """
    return await asyncio.open_unix_connection(path)


def own_uid() -> int:
    """Return the id of the user who runs this process."""
    return os.getuid()


def peer_uid(connection: socket.socket) -> int:
    """Return the id of the user who runs the process at the other end of a Unix socket."""
    if hasattr(socket, "SO_PEERCRED"):
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        uid: int = _CREDENTIALS.unpack(raw)[1]
        return uid
    found, group = ctypes.c_uint(), ctypes.c_uint()
    if c_library().getpeereid(connection.fileno(), ctypes.byref(found), ctypes.byref(group)) != 0:
        raise OSError("the system does not say which user is at the other end of the socket")
    return found.value
