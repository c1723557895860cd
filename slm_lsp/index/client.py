"""Starts the indexer of a workspace and keeps it going. For one event loop."""

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

BACK_OFF_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Waits before an indexer that ended is started again; the last one repeats."""

STEADY_S = 60.0
"""An indexer that ran for at least this long is started again after the first wait."""

TOLD_AT = 3
"""Consecutive exits of the indexer before the user is told. A single exit may just mean that the index is rebuilt."""

END_S = 2.0
"""How long an indexer may take to end itself before it is killed."""


class IndexerClient:
    """The indexer of one workspace. It is started again whenever it ends, with back-off.

    Args:
        root: the workspace folder.
        told: called with what the indexer says about itself.
        environ: the variables of the process.
        clock: seconds, by which it is measured how long an indexer ran.
        sleep: waits between two starts.
    """

    def __init__(
        self,
        root: Path,
        told: Callable[[IndexerState], None],
        environ: Mapping[str, str] = os.environ,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._root = root
        self._told = told
        self._environ = environ
        self._clock = clock
        self._sleep = sleep
        self._process: asyncio.subprocess.Process | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self, folder: Path | None = None) -> None:
        """Start the indexer, also after `stop`. Returns at once.

        Args:
            folder: the folder of the index; None: the usual one.
        """
        if self._running is None:
            self._folder = folder or index_dir(self._root)
            self._running = asyncio.get_running_loop().create_task(self._keep_running())

    def changed(self, paths: Iterable[str]) -> None:
        """Tell of files, by their paths in the workspace, that changed on disk."""
        self._say({"changed": list(paths)})

    async def stop(self) -> None:
        """End the process: close its input, and kill it if it is still there after `END_S`.

        To be awaited before the loop ends: `asyncio.run` cancels the tasks inside asyncio that start a process, and
        then waits for it without end.
        """
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait({running})

    async def _keep_running(self) -> None:
        ends = 0
        while True:
            begun = self._clock()
            why = f"{self._folder / LOG_FILE} says why"
            try:
                await self._run()
            except OSError as error:
                why = str(error)
            ends = 1 if self._clock() - begun >= STEADY_S else ends + 1
            wait = BACK_OFF_S[min(ends, len(BACK_OFF_S)) - 1]
            log.warning("the indexer of %s ended and is started again in %.0f s; %s", self._root, wait, why)
            if ends == TOLD_AT:
                self._told(IndexerState("failed", reason=f"The indexer ended {ends} times in a row; {why}."))
            await self._sleep(wait)

    async def _run(self) -> None:
        """Start the process and pass on what it says until it ends; end it when this task is cancelled."""
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
                await self._listen(process)
            finally:
                if self._process is process:
                    self._process = None
                await _end(process)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        while process.stdout is not None and (line := await process.stdout.readline()):
            try:
                self._told(msgspec.json.decode(line, type=IndexerState))
            except msgspec.DecodeError:
                log.warning("the indexer said %r", line[:200])
        await process.wait()

    def _say(self, message: Mapping[str, object]) -> None:
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
        await asyncio.wait_for(process.wait(), END_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
