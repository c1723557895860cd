"""Reads and parses files, in this process or in one worker process per core.

If a parser crashes or hangs, only the file that it was parsing is skipped. Before a process parses a file, it writes
the file's path into its own marker file. If a process has ended and its marker still contains a path, the file with
this path caused the crash. This file is parsed once more, alone in a worker. If the worker crashes again, the file is
skipped.
"""

import contextlib
import faulthandler
import logging
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.index.extract import FileRows, extract, with_words
from slm_lsp.index.walk import Skipped, SourceFile, read_source

log = logging.getLogger(__name__)

Result = tuple[SourceFile, FileRows | Skipped]

MARKER = "parsing-"
"""Prefix of the names of marker files; the process id follows."""

BATCH_BYTES = 256 * 1024
BATCH_FILES = 64
"""Maximum number of files in a batch. A worker needs some hundredths of a second for a batch. Sending the batch and its
results takes much less."""

MAX_POOL_BREAKS = 3
"""After this number of worker crashes that no file has caused, the files are read in this process instead."""

HANG_TIMEOUT_S = 60.0
"""Seconds after which a process that still parses the same file is ended. The parser's own time limit is much shorter,
but it works only while the parser calls back."""

BATCHES_PER_WORKER = 2
"""Maximum number of unfinished batches per worker. More batches would only use memory."""


class Marker:
    """A marker file that contains the path of the file that this process is parsing. It survives a crash."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{MARKER}{os.getpid()}"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self._stderr = sys.__stderr__.fileno() if sys.__stderr__ is not None else os.open(os.devnull, os.O_WRONLY)

    @contextlib.contextmanager
    def parsing(self, path: str) -> Iterator[None]:
        """Record `path` while the `with` block runs. End the process if the block exceeds `HANG_TIMEOUT_S`."""
        name = os.fsencode(path)
        os.pwrite(self._file, name, 0)
        os.ftruncate(self._file, len(name))
        # A parser that hangs holds the GIL. The watchdog thread of faulthandler can end the process without the GIL.
        faulthandler.dump_traceback_later(HANG_TIMEOUT_S, exit=True, file=self._stderr)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Delete the marker file."""
        os.close(self._file)
        self._path.unlink(missing_ok=True)


def pop_crashed_files(folder: Path) -> list[str]:
    """Return the paths in the markers of processes that no longer run, and delete these markers."""
    found: list[str] = []
    for marker in folder.glob(MARKER + "*"):
        pid = marker.name.removeprefix(MARKER)
        if pid.isdecimal() and not _alive(int(pid)):
            with contextlib.suppress(OSError):
                if name := marker.read_bytes():
                    found.append(os.fsdecode(name))
                marker.unlink()
    return found


def read_one(root: Path, found: SourceFile, marker: Marker) -> Result:
    """Read and parse one file. Return its rows, or the reason for which the file is skipped."""
    source = read_source(root, found.path)
    if isinstance(source, Skipped):
        return found, source
    try:
        with marker.parsing(found.path):
            return found, extract(found.path, source)
    except ParseTimeoutError:
        return found, Skipped.SLOW
    except RecursionError:
        return found, Skipped.DEEP
    except Exception:
        # A bug in our code must not keep the other files out of the index.
        log.exception("extracting a file for the index failed")
        return found, Skipped.CRASHED


def read_many(
    root: Path, wanted: Iterable[SourceFile], folder: Path, workers: int, stopped: Callable[[], bool] = lambda: False
) -> Iterator[list[Result]]:
    """Read and parse many files in worker processes. Yield the results batch by batch, in any order.

    Args:
        root: the workspace folder.
        wanted: the files to read.
        folder: the folder for marker files.
        workers: number of worker processes.
        stopped: returns True if reading is to end early.
    """
    todo = deque(_batches(wanted))
    suspects: deque[SourceFile] = deque()
    breaks = 0
    while todo and not stopped():
        if breaks >= MAX_POOL_BREAKS:
            yield from _read_in_this_process(root, folder, todo, stopped)
            break
        running: dict[Future[list[Result]], list[SourceFile]] = {}
        try:
            with _executor(root, folder, workers) as executor:
                while (todo or running) and not stopped():
                    while todo and len(running) < workers * BATCHES_PER_WORKER:
                        batch = todo.popleft()
                        running[executor.submit(_read_batch, batch)] = batch
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        results = future.result()
                        del running[future]
                        yield results
                executor.shutdown(cancel_futures=True)
        except BrokenProcessPool:
            crashed = set(pop_crashed_files(folder))
            breaks += not crashed
            for batch in running.values():
                suspects.extend(each for each in batch if each.path in crashed)
                todo.append([each for each in batch if each.path not in crashed])
    while suspects and not stopped():
        suspect = suspects.popleft()
        try:
            with _executor(root, folder, 1) as executor:
                yield executor.submit(_read_batch, [suspect]).result()
        except BrokenProcessPool:
            pop_crashed_files(folder)
            yield [(suspect, Skipped.CRASHED)]


def _read_in_this_process(
    root: Path, folder: Path, batches: Iterable[list[SourceFile]], stopped: Callable[[], bool]
) -> Iterator[list[Result]]:
    marker = Marker(folder)
    try:
        for batch in batches:
            if stopped():
                return
            yield [read_one(root, each, marker) for each in batch]
    finally:
        marker.close()


_worker: tuple[Path, Marker]
"""The workspace folder and the marker of this worker process. Set only in worker processes."""


def _executor(root: Path, folder: Path, workers: int) -> ProcessPoolExecutor:
    # Do not fork: this process may have threads, and a forked child would inherit locks that they hold.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, _init_worker, (root, folder))


def _init_worker(root: Path, folder: Path) -> None:
    global _worker
    # A terminal sends Ctrl-C to all of its processes. The parent process decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = root, Marker(folder)


def _read_batch(batch: Sequence[SourceFile]) -> list[Result]:
    root, marker = _worker
    results = [read_one(root, each, marker) for each in batch]
    return [(found, rows if isinstance(rows, Skipped) else with_words(rows)) for found, rows in results]


def _batches(wanted: Iterable[SourceFile]) -> Iterator[list[SourceFile]]:
    batch: list[SourceFile] = []
    held = 0
    for found in wanted:
        batch.append(found)
        held += found.size
        if held >= BATCH_BYTES or len(batch) >= BATCH_FILES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
