"""Starts the indexer process of a workspace and restarts it when it exits. Used from one event loop."""

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from slm_lsp.index.database import index_dir
from slm_lsp.index.process import IndexerState

log = logging.getLogger(__name__)

LOG_FILE = "indexer.log"
MAX_LOG_BYTES = 1024 * 1024
"""The indexer's log is deleted before the indexer starts if it has more than this number of bytes."""

BACK_OFF_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Delays, in seconds, before the first, second, … restart of an indexer that exited. Later restarts use the last value.
"""

STABLE_AFTER_S = 60.0
"""If the indexer has run for at least this number of seconds, the next restart uses the first delay again."""

EXITS_BEFORE_REPORT = 3
"""Number of exits in a row after which a failure is reported. A single exit may only mean that the index is rebuilt."""

STOP_TIMEOUT_S = 2.0
"""Seconds that the indexer has to exit after its input is closed. Then it is killed."""


class IndexerClient:
    """Runs the indexer of one workspace and restarts it with back-off whenever it exits.

    Args:
        root: the workspace folder.
        on_state: called with every state that the indexer reports.
        environ: environment variables of the process.
        clock: returns the current time in seconds, used to measure how long the indexer ran.
        sleep: waits for a number of seconds before a restart.
    """

    def __init__(
        self,
        root: Path,
        on_state: Callable[[IndexerState], None],
        environ: Mapping[str, str] = os.environ,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._root = root
        self._on_state = on_state
        self._environ = environ
        self._clock = clock
        self._sleep = sleep
        self._process: asyncio.subprocess.Process | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self, folder: Path | None = None) -> None:
        """Start the indexer in the background. May be called again after `stop`.

        Args:
            folder: the folder of the index; by default, the workspace's folder in the user's cache.
        """
        if self._running is None:
            self._folder = folder or index_dir(self._root)
            self._running = asyncio.get_running_loop().create_task(self._keep_running())

    def changed(self, paths: Iterable[str]) -> None:
        """Send the indexer the paths (relative to the workspace) of files that changed on disk."""
        self._send({"changed": list(paths)})

    async def stop(self) -> None:
        """End the process: close its input, and kill it if it still runs after `STOP_TIMEOUT_S`.

        Await this before the event loop ends. Otherwise `asyncio.run` cancels the internal task that starts the process
        and then waits forever for that process.
        """
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait({running})

    async def _keep_running(self) -> None:
        exits = 0
        while True:
            started = self._clock()
            why = f"see {self._folder / LOG_FILE}"
            try:
                await self._run()
            except OSError as error:
                why = str(error)
            exits = 1 if self._clock() - started >= STABLE_AFTER_S else exits + 1
            wait = BACK_OFF_S[min(exits, len(BACK_OFF_S)) - 1]
            log.warning("the indexer of %s exited and restarts in %.0f s: %s", self._root, wait, why)
            if exits == EXITS_BEFORE_REPORT:
                self._on_state(IndexerState("failed", reason=f"The indexer exited {exits} times in a row: {why}."))
            await self._sleep(wait)

    async def _run(self) -> None:
        """Start the process and forward its states until it exits. End the process if this task is cancelled."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        logfile = self._folder / LOG_FILE
        if logfile.exists() and logfile.stat().st_size > MAX_LOG_BYTES:
            logfile.unlink()
        with logfile.open("ab") as sink:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "slm_lsp.index", str(self._root), str(self._folder)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=sink,
                start_new_session=True,
                env=self._environ,
            )
            self._process = process
            try:
                await self._read_states(process)
            finally:
                if self._process is process:
                    self._process = None
                await _end(process)

    async def _read_states(self, process: asyncio.subprocess.Process) -> None:
        while process.stdout is not None and (line := await process.stdout.readline()):
            try:
                self._on_state(msgspec.json.decode(line, type=IndexerState))
            except msgspec.DecodeError:
                log.warning("invalid line from the indexer: %r", line[:200])
        await process.wait()

    def _send(self, message: Mapping[str, object]) -> None:
        process = self._process
        if process is not None and process.stdin is not None and process.returncode is None:
            with contextlib.suppress(OSError, RuntimeError):
                process.stdin.write(json.dumps(message).encode() + b"\n")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
