"""The engine's server: accepts clients on a Unix socket, passes requests to the scheduler, and exits when idle."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from slm_lsp.config import EngineSettings
from slm_lsp.engine.api import (
    FINAL,
    Cancel,
    Event,
    Failed,
    GetStats,
    Request,
    Stats,
)
from slm_lsp.engine.daemon.job import Job
from slm_lsp.engine.daemon.scheduler import Scheduler
from slm_lsp.engine.paths import PACKAGE, socket_path
from slm_lsp.engine.wire import frame, read_request
from slm_lsp.errors import EngineError
from slm_lsp.platform import memory, sockets

log = logging.getLogger(__name__)

LINGER_S = 10.0
"""Seconds that an engine without models waits for another client before it exits."""

WATCH_S = 10.0
"""Seconds between two checks that the socket still exists and that new clients would still connect to it."""


class Connection:
    """One client: its pending requests and its socket.

    The thread that creates an event also sends it. If events were passed to the event loop, it would wake up at every
    token and the decoding thread would wait for the interpreter's lock. That costs 4 % of the speed on two cores.
    """

    def __init__(self, outgoing: socket.socket) -> None:
        self._outgoing = outgoing
        self._writing = threading.Lock()
        self.jobs: dict[int, Job] = {}

    def emit(self, event: Event) -> None:
        """Send an event; callable from any thread. Disconnect the client if it does not read."""
        if isinstance(event, FINAL):
            self.jobs.pop(event.id, None)
        raw = frame(event)
        with self._writing, contextlib.suppress(OSError):  # the client has disconnected
            if self._sent(raw) < len(raw):
                log.warning("a client does not read; its connection is closed")
                self._outgoing.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        """End the connection, so that the client immediately connects to the next engine."""
        with self._writing, contextlib.suppress(OSError):  # the client has disconnected
            self._outgoing.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        with self._writing:
            self._outgoing.close()

    def _sent(self, raw: bytes) -> int:
        try:
            return self._outgoing.send(raw)
        except BlockingIOError:
            return 0


class Service:
    """Accepts clients until the process is terminated, or until it has no clients and no models.

    Args:
        scheduler: the scheduler; `run` starts its thread.
        settings: the settings that the engine was started with, for `Stats`.
        linger_s: see `LINGER_S`.
    """

    def __init__(self, scheduler: Scheduler, settings: EngineSettings, linger_s: float = LINGER_S) -> None:
        self._scheduler = scheduler
        self._settings = settings
        self._linger_s = linger_s
        self._clients: set[Connection] = set()
        self._done = asyncio.Event()

    async def run(self, path: Path, signals: Callable[[Callable[[], None]], None]) -> None:
        """Serve clients at `path` until the engine should exit.

        Args:
            path: path of the Unix socket. An old socket is replaced, since the caller holds the engine's lock.
            signals: installs the given function as the handler of termination signals.
        """
        loop = asyncio.get_running_loop()
        signals(self._done.set)
        thread = threading.Thread(target=self._decode, args=(loop,), name="decode")
        server = await sockets.serve(self._client, path)
        thread.start()
        self._leave_soon()
        while not await self._finished(WATCH_S):
            if not await asyncio.to_thread(path.exists):  # without the file, no new client can connect
                log.warning("%s was deleted; creating it again", path)
                server.close()
                server = await sockets.serve(self._client, path)
            elif not self._clients and await asyncio.to_thread(socket_path, path.parent) != path:
                log.info("the code of this installation has changed, so no new client will connect: exiting")
                self._done.set()
        server.close()
        await asyncio.to_thread(path.unlink, missing_ok=True)
        for connection in self._clients:
            connection.hang_up()
        self._scheduler.stop()
        await asyncio.to_thread(thread.join)

    async def _finished(self, seconds: float) -> bool:
        """Wait at most `seconds` seconds for the signal to exit. Return whether the engine should exit."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._done.wait()
        return self._done.is_set()

    def _decode(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._scheduler.run(lambda: self._from_decoding_thread(loop, self._leave_soon))
        except Exception:
            log.exception("the decoding thread failed")
        finally:
            self._from_decoding_thread(loop, self._done.set)

    @staticmethod
    def _from_decoding_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(call)

    def _leave_soon(self) -> None:
        asyncio.get_running_loop().call_later(self._linger_s, self._leave_if_unneeded)

    def _leave_if_unneeded(self) -> None:
        if not self._clients and not self._scheduler.loaded() and self._scheduler.counts() == (0, 0):
            log.info("no models and no clients: exiting")
            self._done.set()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming = writer.get_extra_info("socket")
        uid = sockets.peer_uid(incoming)
        if uid != sockets.own_uid():
            log.warning("rejected a client of user %d", uid)
            writer.close()
            return
        connection = Connection(incoming.dup())
        self._clients.add(connection)
        try:
            while True:
                self._request(connection, await read_request(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has disconnected
        except ValueError as error:
            log.warning("a client sent an invalid request: %s", error)
        finally:
            self._clients.discard(connection)
            for job in list(connection.jobs.values()):
                self._scheduler.cancel(job)
            connection.close()
            writer.close()
            self._leave_soon()

    def _request(self, connection: Connection, request: Request) -> None:
        if isinstance(request, Cancel):
            if (job := connection.jobs.get(request.id)) is not None:
                self._scheduler.cancel(job)
        elif isinstance(request, GetStats):
            connection.emit(self._stats(request.id))
        elif request.id in connection.jobs:
            what = f"Request number {request.id} is already running."
            connection.emit(Failed(request.id, EngineError.__name__, what))
        else:
            job = connection.jobs[request.id] = Job(request, connection.emit)
            self._scheduler.submit(job)

    def _stats(self, number: int) -> Stats:
        running, queued = self._scheduler.counts()
        return Stats(
            id=number,
            pid=os.getpid(),
            resident_bytes=memory.resident_bytes(),
            clients=len(self._clients),
            running=running,
            queued=queued,
            served=self._scheduler.served,
            loaded=self._scheduler.loaded(),
            settings=self._settings,
            executable=sys.executable,
            package=str(PACKAGE),
            slowdown=self._scheduler.machine.slowdown.value,
            contended=self._scheduler.machine.last_contended,
        )
