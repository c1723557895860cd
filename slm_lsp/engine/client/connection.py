"""A connection to the engine daemon: finds or starts the daemon, sends requests and returns their events.

A connection is used in one event loop only.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from filelock import AsyncFileLock

from slm_lsp.engine.api import (
    FINAL,
    Cancel,
    Describe,
    Described,
    Estimate,
    Estimated,
    Event,
    Failed,
    Generate,
    GetStats,
    Loading,
    ModelInfo,
    ModelRef,
    OnLoading,
    Request,
    Stats,
    Warm,
    ignore_loading,
)
from slm_lsp.engine.crashes import backoff_s
from slm_lsp.engine.paths import launch_environment, log_path, recorded_pid, socket_path
from slm_lsp.engine.wire import frame, read_event
from slm_lsp.errors import EngineLostError, EngineUnavailableError, error_of_kind
from slm_lsp.platform import sockets, spawn
from slm_lsp.platform.runtime_dir import runtime_dir

log = logging.getLogger(__name__)

START_TIMEOUT_S = 30.0
"""Maximum seconds to wait for a new engine."""

POLL_S = 0.02
"""Seconds between two attempts to connect to a new engine."""

LEAVING_S = 0.3
"""Seconds to wait before the next attempt to start an engine, if another engine is exiting."""

MOST_STARTS = 10
"""Maximum number of attempts to start an engine while an exiting engine holds the lock, which may take seconds."""

STATS_TIMEOUT_S = 5.0
"""Maximum seconds to wait for `Stats`."""

SILENCE_S = 10.0
"""After this many seconds without an event of a request, check that the engine still answers."""

DESCRIBE_AGAIN_S = 1.0
"""Minimum seconds between two `Describe` requests for a model that was not measured yet."""

MAX_LOG_BYTES = 1024 * 1024
"""Size of the engine's log, in bytes, above which the log is rotated."""

_LOST = EngineLostError(
    "The model process ended while the request was running.",
    "Repeat the request; it starts a new process. See `slm-lsp doctor`.",
)


class EngineClient:
    """A connection to the shared engine. It is opened when first needed, and opened again when lost.

    Args:
        environ: environment variables. They define the runtime folder and are passed to a new engine. If the attribute
            is changed later, engines that are started after the change get the new variables.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self.environ = environ
        self._numbers = itertools.count(1)
        self._events: dict[int, asyncio.Queue[Event | None]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._infos: dict[ModelRef, ModelInfo] = {}
        self._described_at = 0.0

    async def __aenter__(self) -> Self:
        """Return the client; it connects when first used."""
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self.close()

    async def generate(self, request: Generate) -> AsyncGenerator[Event, None]:
        """Yield the events of a request, up to `Done`. Closing the generator early cancels the request.

        This method sets the request's number.

        Raises:
            SlmError: the engine's error; `EngineLostError` if the engine ended; `EngineUnavailableError` if no engine
                could be started.
        """
        async with aclosing(self._exchange(request)) as events:
            async for event in events:
                yield event

    async def warm(self, request: Warm) -> None:
        """Evaluate a prompt. Cancelling this coroutine cancels the request. Raises the same errors as `generate`."""
        async with aclosing(self._exchange(request)) as events:
            async for _ in events:
                pass

    async def describe(
        self, model: ModelRef, *, explicit: bool = False, on_loading: OnLoading = ignore_loading
    ) -> ModelInfo:
        """Load a model if needed and describe it; see `Provider`. The description is cached for the connection.

        Raises the same errors as `generate`.
        """
        known, now = self._infos.get(model), asyncio.get_running_loop().time()
        unmeasured = known is not None and known.prefill_rate is None
        if known is not None and not (unmeasured and now - self._described_at > DESCRIBE_AGAIN_S):
            return known
        self._described_at = now
        return await self._describe(Describe(model, explicit), on_loading)

    async def measure(self, model: ModelRef, *, on_loading: OnLoading = ignore_loading) -> ModelInfo:
        """Describe a model. The engine measures its speed again as soon as no request runs.

        Raises the same errors as `generate`.
        """
        return await self._describe(Describe(model, explicit=True, measure=True), on_loading)

    async def _describe(self, request: Describe, on_loading: OnLoading) -> ModelInfo:
        async with aclosing(self._exchange(request)) as events:
            async for event in events:
                if isinstance(event, Loading):
                    on_loading(event.fraction)
                elif isinstance(event, Described):
                    self._infos[request.model] = event.info
                    self._described_at = asyncio.get_running_loop().time()
                    return event.info
        raise EngineLostError(_LOST.what, _LOST.cure)

    async def loaded(self, model: ModelRef) -> ModelInfo | None:
        """Describe a model; None if it is not in memory. Raises the same errors as `generate`."""
        if (known := self._infos.get(model)) is not None:
            return known
        if any(each.model == model for each in (await self.stats()).loaded):
            return await self.describe(model)
        return None

    async def estimate(self, request: Estimate) -> Estimated:
        """Estimate how long a prompt takes; see `Estimate`. Raises the same errors as `generate`."""
        async with aclosing(self._exchange(request)) as events:
            async for event in events:
                if isinstance(event, Estimated):
                    return event
        raise EngineLostError(_LOST.what, _LOST.cure)

    async def stats(self) -> Stats:
        """Return the engine's state; starts an engine if needed. Raises the same errors as `generate`."""
        try:
            async with asyncio.timeout(STATS_TIMEOUT_S + START_TIMEOUT_S):
                await self._ensure_connected()
            async with asyncio.timeout(STATS_TIMEOUT_S), aclosing(self._exchange(GetStats())) as events:
                async for event in events:
                    if isinstance(event, Stats):
                        return event
        except TimeoutError:
            raise self._silent() from None
        raise EngineLostError(_LOST.what, _LOST.cure)

    async def running(self) -> bool:
        """Return whether an engine is running; does not start one."""
        async with self._connecting:
            if self._writer is None or self._writer.is_closing():
                try:
                    await self._connect(runtime_dir(self.environ))
                except (OSError, EngineUnavailableError):
                    return False
        return True

    async def close(self) -> None:
        """Close the connection. The engine cancels its running requests."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading

    async def _exchange(self, request: Generate | Warm | Describe | Estimate | GetStats) -> AsyncGenerator[Event, None]:
        """Yield the events of a request. If the connection is lost before the first event, send the request once more.

        In that case the engine was probably just exiting.
        """
        answered = False
        try:
            async with aclosing(self._attempt(request)) as events:
                async for event in events:
                    answered = True
                    yield event
        except EngineLostError:
            if answered:
                raise
            async with aclosing(self._attempt(request)) as events:
                async for event in events:
                    yield event

    async def _attempt(self, request: Generate | Warm | Describe | Estimate | GetStats) -> AsyncGenerator[Event, None]:
        number = next(self._numbers)
        events = self._events[number] = asyncio.Queue()
        finished = False
        try:
            await self._send(msgspec.structs.replace(request, id=number))
            while not finished:
                event = await self._next(events)
                if event is None:
                    finished = True
                    raise EngineLostError(_LOST.what, _LOST.cure)
                finished = isinstance(event, FINAL)
                if isinstance(event, Failed):
                    raise error_of_kind(event.kind, event.what, event.cure)
                yield event
        finally:
            self._events.pop(number, None)
            if not finished and self._writer is not None and not self._writer.is_closing():
                self._writer.write(frame(Cancel(number)))

    async def _next(self, events: "asyncio.Queue[Event | None]") -> Event | None:
        """Return the next event of a request; None if the connection was lost.

        Whenever no event arrives for `SILENCE_S`, check that the engine still answers.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SILENCE_S):
                    return await events.get()
            await self._check_engine()

    async def _check_engine(self) -> None:
        """Check that the engine answers a request for `Stats`, which needs no work of the decoding thread.

        Raises:
            EngineUnavailableError: the engine does not answer.
        """
        number = next(self._numbers)
        answer = self._events[number] = asyncio.Queue()
        try:
            await self._send(GetStats(number))
            async with asyncio.timeout(STATS_TIMEOUT_S):
                await answer.get()
        except TimeoutError:
            raise self._silent() from None
        finally:
            self._events.pop(number, None)

    def _silent(self) -> EngineUnavailableError:
        recorded = recorded_pid(runtime_dir(self.environ))
        named = f" (process {recorded[0]})" if recorded else ""
        cure = "Run `slm-lsp stop`. The next request starts a new process."
        return EngineUnavailableError(f"The model process{named} does not answer.", cure)

    async def _send(self, request: Request) -> None:
        await self._ensure_connected()
        if self._writer is None:
            raise EngineLostError(_LOST.what, _LOST.cure)
        self._writer.write(frame(request))

    async def _ensure_connected(self) -> None:
        async with self._connecting:
            if self._writer is None or self._writer.is_closing():
                folder = runtime_dir(self.environ)
                try:
                    await self._connect(folder)
                except OSError:
                    await self._start(folder)

    async def _connect(self, folder: Path) -> None:
        """Connect to a running engine.

        Raises:
            OSError: no engine is running.
        """
        reader, self._writer = await sockets.connect(socket_path(folder))
        self._infos.clear()
        self._reading = asyncio.create_task(self._read(reader, self._writer))

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                event = await read_event(reader)
                if (queue := self._events.get(event.id)) is not None:
                    queue.put_nowait(event)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            log.info("the engine closed the connection: %r", error)
        finally:
            writer.close()
            if self._writer is writer:
                self._writer = None
                for queue in self._events.values():
                    queue.put_nowait(None)

    async def _start(self, folder: Path) -> None:
        """Start an engine, unless another process just did, and connect to it."""
        async with AsyncFileLock(folder / "start.lock"):
            with contextlib.suppress(OSError):
                await self._connect(folder)
                return
            await asyncio.sleep(backoff_s(folder))
            logfile = log_path(folder)
            if logfile.exists() and logfile.stat().st_size > MAX_LOG_BYTES:
                logfile.replace(logfile.with_suffix(".log.1"))
            command, environ = [sys.executable, "-m", "slm_lsp.engine.daemon"], launch_environment(self.environ)
            process = spawn.spawn_detached(command, logfile, environ)
            loop = asyncio.get_running_loop()
            deadline = loop.time() + START_TIMEOUT_S
            starts = 1
            while loop.time() < deadline:
                with contextlib.suppress(OSError):
                    await self._connect(folder)
                    return
                await asyncio.sleep(POLL_S)
                if process.poll() == 0:
                    # Another engine holds the lock but does not accept connections: it is exiting.
                    if starts == MOST_STARTS:
                        raise EngineUnavailableError(
                            "A model process is running but cannot be reached, perhaps after an upgrade of slm-lsp.",
                            "Restart the editor, or run `slm-lsp stop`.",
                        )
                    await asyncio.sleep(LEAVING_S)
                    process = spawn.spawn_detached(command, logfile, environ)
                    starts += 1
                elif process.poll() is not None:
                    break
            raise EngineUnavailableError("The model process does not start.", f"See its log: {logfile}.")
