"""The server over standard input and output.

Standard input is read in the event loop and not, as pygls does, on a thread: a cancel is seen at once, and `exit` ends
the process even while the client keeps its end of the pipe open.
"""

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO

from pygls.io_ import StdinAsyncReader, run_async

from slm_lsp.server.app import create_server
from slm_lsp.server.protocol import Server

if TYPE_CHECKING:
    from pygls.io_ import AsyncReader

log = logging.getLogger(__name__)

RELEASE_S = 5.0
"""How long the end of the server may wait for the indexers and the statistics to end."""

MAX_LINE_BYTES = 64 * 1024
"""Header lines are short; what is longer is no header."""


def serve_stdio(overrides: Mapping[str, object]) -> int:
    """Serve until the client says `exit` or hangs up.

    Args:
        overrides: settings of the command line; they win over the editor's.

    Returns:
        The exit code: 0 after `shutdown`, else 1, as the protocol has it.
    """
    log_to_stderr()
    server = create_server(overrides)
    asyncio.run(_serve(server))
    return 0 if server.protocol.was_shut_down else 1


def log_to_stderr() -> None:
    """Log for people, without any of their code."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # its log has the user's code in it


async def _serve(server: Server) -> None:
    """Speak over the real standard output; what anything else prints goes to standard error meanwhile."""
    output = Output(os.fdopen(os.dup(sys.stdout.fileno()), "wb"))
    server.protocol.set_writer(output)
    with contextlib.redirect_stdout(sys.stderr):
        talking = asyncio.ensure_future(
            run_async(
                stop_event=threading.Event(),
                reader=await _reader(),
                protocol=server.protocol,
                logger=logging.getLogger("pygls"),
                error_handler=server.report_server_error,
            )
        )
        closed = asyncio.ensure_future(output.closed.wait())
        try:
            await asyncio.wait({talking, closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            output.close()
            await release(server)
        if talking.done():
            with contextlib.suppress(ConnectionError):
                talking.result()


async def release(server: Server) -> None:
    """End what a session started, within `RELEASE_S`.

    What is left for the end of the loop may hold it up: see `IndexerClient.stop`.
    """
    try:
        async with asyncio.timeout(RELEASE_S):
            await server.close()
    except TimeoutError:
        log.warning("the indexers or the statistics did not end within %.0f s", RELEASE_S)


class Output:
    """Standard output as pygls writes to it, which fails silently once the client has gone.

    Attributes:
        closed: set when the client has said `exit` or does not read any more.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.closed = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Send a message; nothing after `close`."""
        if self.closed.is_set():
            return
        try:
            self._stream.write(data)
            self._stream.flush()
        except OSError:
            log.info("the client has gone")
            self.close()

    def close(self) -> None:
        """Send nothing more, answers to pending requests included."""
        self.closed.set()
        with contextlib.suppress(OSError):
            self._stream.close()


async def _reader() -> "AsyncReader":
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    try:
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    except (ValueError, OSError):  # a file or a terminal, which the loop cannot wait for
        return StdinAsyncReader(sys.stdin.buffer)
    return Input(reader)


class Input:
    """A stream as pygls reads it: header names in any case, and no line that ends the server by its length.

    Args:
        reader: the stream.
        longest: bytes of the longest message; behind a longer one nothing more is read. None: any.
    """

    def __init__(self, reader: asyncio.StreamReader, longest: int | None = None) -> None:
        self._reader, self._longest = reader, longest

    async def readline(self) -> bytes:
        """The next header line; one that is too long comes as one that says nothing."""
        try:
            line = await self._reader.readline()
        except ValueError:
            log.warning("a header line of over %d bytes is passed over", MAX_LINE_BYTES)
            return b"?\r\n"
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() == b"content-length":
            return b"Content-Length: %s\r\n" % value.strip()
        return line

    async def readexactly(self, count: int) -> bytes:
        """The body of a message; empty at the end of the input."""
        if self._longest is not None and count > self._longest:
            log.warning("a message of %d bytes is not read", count)
            return b""
        try:
            return await self._reader.readexactly(count)
        except asyncio.IncompleteReadError:
            return b""
