"""The engine's surface: a Unix socket, its clients, and when to leave. Requests go on to the scheduler."""

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
"""How long an engine without models waits for another client before it leaves."""


WATCH_S = 10.0
"""Seconds between two checks that the socket is still there and that new clients would still look for it."""


class Connection:
    """One client: its unfinished requests, and the way back to it.

    Events are written by the thread they arise on. Handing them to the event loop would wake it at every token, and
    the decoding threads would wait for the interpreter meanwhile: 4 % of the speed on two cores.
    """

    def __init__(self, outgoing: socket.socket) -> None:
        self._outgoing = outgoing
        self._writing = threading.Lock()
        self.jobs: dict[int, Job] = {}

    def emit(self, event: Event) -> None:
        """Send an event; from any thread. A client that has stopped reading is hung up on."""
        if isinstance(event, FINAL):
            self.jobs.pop(event.id, None)
        raw = frame(event)
        with self._writing, contextlib.suppress(OSError):  # the client has gone
            if self._sent(raw) < len(raw):
                log.warning("a client does not read; its connection is closed")
                self._outgoing.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        """Have the client see at once that nothing more comes, so that it turns to the next engine."""
        with self._writing, contextlib.suppress(OSError):  # the client has gone
            self._outgoing.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give up the socket."""
        with self._writing:
            self._outgoing.close()

    def _sent(self, raw: bytes) -> int:
        try:
            return self._outgoing.send(raw)
        except BlockingIOError:
            return 0


class Service:
    """Accepts clients until told to stop, or until nobody needs it.

    Args:
        scheduler: runs on a thread of its own, started by `run`.
        settings: what the engine was started with, for who asks.
        linger_s: see `LINGER_S`.
    """

    def __init__(self, scheduler: Scheduler, settings: EngineSettings, linger_s: float = LINGER_S) -> None:
        self._scheduler = scheduler
        self._settings = settings
        self._linger_s = linger_s
        self._clients: set[Connection] = set()
        self._done = asyncio.Event()

    async def run(self, path: Path, signals: Callable[[Callable[[], None]], None]) -> None:
        """Listen at `path`; returns when it is time to leave.

        Args:
            path: of a Unix socket; an old one there is replaced: the caller holds the engine's lock.
            signals: installs the given function for termination signals.
        """
        loop = asyncio.get_running_loop()
        signals(self._done.set)
        thread = threading.Thread(target=self._decode, args=(loop,), name="decode")
        server = await sockets.serve(self._client, path)
        thread.start()
        self._leave_soon()
        while not await self._finished(WATCH_S):
            if not await asyncio.to_thread(path.exists):  # somebody tidied up; nobody could reach us any more
                log.warning("%s was removed; it is made anew", path)
                server.close()
                server = await sockets.serve(self._client, path)
            elif not self._clients and await asyncio.to_thread(socket_path, path.parent) != path:
                log.info("the code of this installation has changed, so no client will come any more: leaving")
                self._done.set()
        server.close()
        await asyncio.to_thread(path.unlink, missing_ok=True)
        for connection in self._clients:
            connection.hang_up()
        self._scheduler.stop()
        await asyncio.to_thread(thread.join)

    async def _finished(self, seconds: float) -> bool:
        """Wait until it is time to leave, but no longer than so many seconds; whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._done.wait()
        return self._done.is_set()

    def _decode(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._scheduler.run(lambda: self._from_decoding_thread(loop, self._leave_soon))
        except Exception:
            log.exception("the decoding thread died")
        finally:
            self._from_decoding_thread(loop, self._done.set)

    @staticmethod
    def _from_decoding_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            loop.call_soon_threadsafe(call)

    def _leave_soon(self) -> None:
        asyncio.get_running_loop().call_later(self._linger_s, self._leave_if_unneeded)

    def _leave_if_unneeded(self) -> None:
        if not self._clients and not self._scheduler.loaded() and self._scheduler.counts() == (0, 0):
            log.info("no models and no clients: leaving")
            self._done.set()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming = writer.get_extra_info("socket")
        uid = sockets.peer_uid(incoming)
        if uid != sockets.own_uid():
            log.warning("user %d may not use this engine", uid)
            writer.close()
            return
        connection = Connection(incoming.dup())
        self._clients.add(connection)
        try:
            while True:
                self._request(connection, await read_request(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        except ValueError as error:
            log.warning("a client sent what is no request: %s", error)
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
            what = f"Request number {request.id} is running already."
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
