"""Framing of messages on the Unix socket between clients and the engine daemon.

A frame is a length (4 bytes, big-endian) followed by that many bytes of msgpack.
"""

import asyncio
import struct

import msgspec

from slm_lsp.engine.api import Event, Request

PROTOCOL = 6
"""Version of the messages, part of the socket's name: a client never connects to a daemon of another version."""

MAX_FRAME_BYTES = 16 * 1024 * 1024
_LENGTH = struct.Struct(">I")

_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_events = msgspec.msgpack.Decoder(Event)


def frame(message: Request | Event) -> bytes:
    """`message` as it goes over the wire."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request.

    Raises:
        asyncio.IncompleteReadError: the other side has gone.
        ValueError: what came is no request; the connection is of no use any more.
    """
    request: Request = _requests.decode(await _read_frame(reader))
    return request


async def read_event(reader: asyncio.StreamReader) -> Event:
    """The next event; errors as in `read_request`."""
    event: Event = _events.decode(await _read_frame(reader))
    return event


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {length} bytes is longer than {MAX_FRAME_BYTES}")
    return await reader.readexactly(length)
