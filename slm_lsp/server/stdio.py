"""The server over standard input and output.

This module reads standard input on the event loop, while pygls reads it in a thread. Therefore a cancellation is
handled at once, and `exit` ends the process even if the client keeps its end of the pipe open.
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
from slm_lsp.server.watchdog import watch_loop

if TYPE_CHECKING:
    from pygls.io_ import AsyncReader

log = logging.getLogger(__name__)

RELEASE_S = 5.0
"""Maximum seconds that the server, when it ends, waits for the indexers and the statistics."""

MAX_LINE_BYTES = 64 * 1024
"""Maximum length of a header line. A longer line is skipped."""


def serve_stdio(overrides: Mapping[str, object], *, debug: bool = False) -> int:
    """Serve until the client sends `exit` or closes the connection.

    Args:
        overrides: settings of the command line. They take precedence over the editor's settings.
        debug: log callbacks that block the event loop.

    Returns:
        The exit code that the protocol requires: 0 after `shutdown`, else 1.
    """
    log_to_stderr()
    server = create_server(overrides)
    with watch_loop() if debug else contextlib.nullcontext():
        asyncio.run(_serve(server))
    return 0 if server.protocol.was_shut_down else 1


def log_to_stderr() -> None:
    """Log to standard error, without the user's code."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # The log messages of pygls contain the user's code.


async def _serve(server: Server) -> None:
    """Serve over the real standard output. Meanwhile, redirect all other output of the process to standard error."""
    output = Output(os.fdopen(os.dup(sys.stdout.fileno()), "wb"))
    server.protocol.set_writer(output)
    with contextlib.redirect_stdout(sys.stderr):
        serving = asyncio.ensure_future(
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
            await asyncio.wait({serving, closed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            output.close()
            await release(server)
        if serving.done():
            with contextlib.suppress(ConnectionError):
                serving.result()


async def release(server: Server) -> None:
    """Release everything that a session holds, within `RELEASE_S`.

    Without this, the end of the event loop may wait for an indexer forever: see `IndexerClient.stop`.
    """
    try:
        async with asyncio.timeout(RELEASE_S):
            await server.close()
    except TimeoutError:
        log.warning("the indexers or the statistics did not end within %.0f s", RELEASE_S)


class Output:
    """Standard output, with the interface that pygls writes to. Drops messages after the client has disconnected.

    Attributes:
        closed: set when the client has sent `exit` or no longer reads.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.closed = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Send a message. After `close`, drop it."""
        if self.closed.is_set():
            return
        try:
            self._stream.write(data)
            self._stream.flush()
        except OSError:
            log.info("the client has closed the connection")
            self.close()

    def close(self) -> None:
        """Send no more messages, not even the answers to pending requests."""
        self.closed.set()
        with contextlib.suppress(OSError):
            self._stream.close()


async def _reader() -> "AsyncReader":
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    try:
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    except (ValueError, OSError):  # Standard input is a file or a terminal, which the loop cannot wait for.
        return StdinAsyncReader(sys.stdin.buffer)
    return Input(reader)


class Input:
    """A stream with the interface that pygls reads from.

    Accepts header names in upper or lower case, and skips header lines that are too long.

    Args:
        reader: the stream.
        max_bytes: maximum length of a message; reading ends at a longer message. None for no limit.
    """

    def __init__(self, reader: asyncio.StreamReader, max_bytes: int | None = None) -> None:
        self._reader, self._max_bytes = reader, max_bytes

    async def readline(self) -> bytes:
        """Return the next header line. For a line that is too long, return a header line without meaning."""
        try:
            line = await self._reader.readline()
        except ValueError:
            log.warning("skipped a header line of more than %d bytes", MAX_LINE_BYTES)
            return b"?\r\n"
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() == b"content-length":
            return b"Content-Length: %s\r\n" % value.strip()
        return line

    async def readexactly(self, count: int) -> bytes:
        """Return the body of a message; empty at the end of the input."""
        if self._max_bytes is not None and count > self._max_bytes:
            log.warning("refused a message of %d bytes", count)
            return b""
        try:
            return await self._reader.readexactly(count)
        except asyncio.IncompleteReadError:
            return b""
