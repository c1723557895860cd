"""Valid messages are decoded unchanged; invalid messages are rejected."""

import asyncio
import struct

import pytest

from slm_lsp.engine.api import (
    Adapter,
    Cancel,
    Describe,
    Done,
    Event,
    Failed,
    Generate,
    ModelRef,
    Priority,
    Request,
    Segment,
    Stop,
    Token,
)
from slm_lsp.engine.wire import MAX_FRAME_BYTES, frame, read_event, read_request


def reader_of(raw: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(raw)
    reader.feed_eof()
    return reader


REQUESTS = [
    Generate(
        ModelRef("/m.gguf", (Adapter("/a.gguf", 0.5),)),
        (Segment("<|x|>", True), Segment("é\n")),
        5,
        Stop(("\n",), True),
        Priority.BULK,
        explicit=True,
        id=1,
    ),
    Describe(ModelRef("/m.gguf"), id=2),
    Cancel(1),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
async def test_requests_are_decoded_unchanged(request_: Request) -> None:
    assert await read_request(reader_of(frame(request_))) == request_


@pytest.mark.parametrize("event", [Token(1, "é", -0.5), Done(1, "stop", 3, 1.0, 2.0), Failed(1, "K", "what", "cure")])
async def test_events_are_decoded_unchanged(event: Event) -> None:
    assert await read_event(reader_of(frame(event))) == event


async def test_consecutive_messages_are_read_in_order() -> None:
    reader = reader_of(b"".join(frame(request) for request in REQUESTS))
    assert [await read_request(reader) for _ in REQUESTS] == REQUESTS


async def test_truncated_message_raises_incomplete_read_error() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        await read_request(reader_of(frame(Cancel(1))[:-1]))


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x80", frame(Token(1, "", 0.0))[4:]])
async def test_invalid_request_is_rejected(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        await read_request(reader_of(struct.pack(">I", len(body)) + body))


async def test_oversized_frame_is_rejected() -> None:
    with pytest.raises(ValueError, match="exceeds"):
        await read_request(reader_of(struct.pack(">I", MAX_FRAME_BYTES + 1)))
