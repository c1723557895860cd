"""Framing of messages on the Unix socket between clients and the engine daemon.

A frame is a length (4 bytes, big-endian) followed by that many bytes of msgpack.
"""

import asyncio
import struct

import msgspec

from slm_lsp.engine.api import Event, Request

PROTOCOL = 7
"""Version of the messages, part of the socket's name: a client never connects to a daemon with another version."""

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""Maximum size of a frame in bytes. A longer frame is an error of the sender."""
_LENGTH = struct.Struct(">I")

_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_events = msgspec.msgpack.Decoder(Event)


def frame(message: Request | Event) -> bytes:
    """Return `message` as a frame."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Read the next request.

    Raises:
        asyncio.IncompleteReadError: the other side closed the connection.
        ValueError: the frame is not a valid request. The connection must be closed.
    """
    request: Request = _requests.decode(await _read_frame(reader))
    return request


async def read_event(reader: asyncio.StreamReader) -> Event:
    """Read the next event. Raises the same errors as `read_request`."""
    event: Event = _events.decode(await _read_frame(reader))
    return event


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {length} bytes exceeds the maximum of {MAX_FRAME_BYTES}")
    return await reader.readexactly(length)
