"""Starts the indexer of a workspace and keeps it going. For one event loop."""

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from slm_lsp.index.database import index_dir
from slm_lsp.index.process import State

log = logging.getLogger(__name__)

LOG_FILE = "indexer.log"
MAX_LOG_BYTES = 1024 * 1024

PATIENCE_S = (1.0, 5.0, 30.0)
"""Waits before an indexer that died is started again; after the last it stays down until the server is started anew."""

END_S = 2.0


class IndexerClient:
    """The indexer of one workspace: what it says goes to `told`."""

    def __init__(self, root: Path, told: Callable[[State], None], environ: Mapping[str, str] = os.environ) -> None:
        self._root = root
        self._told = told
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self, folder: Path | None = None) -> None:
        """Begin; returns at once. `folder` is where the index lies, if not at its usual place."""
        self._folder = folder or index_dir(self._root)
        self._running = asyncio.get_running_loop().create_task(self._keep_running())

    def changed(self, paths: Iterable[str]) -> None:
        """Tell of files, by their paths in the workspace, that changed on disk."""
        self._say({"changed": list(paths)})

    async def stop(self) -> None:
        """End the process: its input ends; one that does not heed that is killed."""
        if self._running is not None:
            self._running.cancel()
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), END_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _keep_running(self) -> None:
        for wait in (*PATIENCE_S, None):
            try:
                await self._run()
            except OSError as error:
                self._told(State("failed", reason=f"The indexer does not start: {error}."))
                return
            log.warning("the indexer of %s ended", self._root)
            if wait is not None:
                await asyncio.sleep(wait)
        self._told(State("failed", reason="The indexer ended again and again; its log says why."))

    async def _run(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        logfile = self._folder / LOG_FILE
        if logfile.exists() and logfile.stat().st_size > MAX_LOG_BYTES:
            logfile.unlink()
        with logfile.open("ab") as sink:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "slm_lsp.index", str(self._root), str(self._folder)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=sink,
                start_new_session=True,
                env=self._environ,
            )
        output = self._process.stdout
        while output is not None and (line := await output.readline()):
            try:
                self._told(msgspec.json.decode(line, type=State))
            except msgspec.DecodeError:
                log.warning("the indexer said %r", line[:200])
        await self._process.wait()

    def _say(self, message: Mapping[str, object]) -> None:
        process = self._process
        if process is not None and process.stdin is not None and process.returncode is None:
            with contextlib.suppress(OSError, RuntimeError):
                process.stdin.write(json.dumps(message).encode() + b"\n")
