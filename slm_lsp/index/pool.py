"""Reads and parses files, here or on all cores. A parser that crashes costs its file, never the index.

Whoever parses a file first writes its name into a marker of its own. What a marker still names when its process is
gone is what the process died of; such a file is tried once more alone, and then left out.
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

BATCH_BYTES = 256 * 1024
BATCH_FILES = 64
"""What a worker is given at once: some hundredths of a second of work, so that it is worth the way there and back."""

BREAKS = 3
"""Workers that die so often without a file that is to blame do not run here: the files are read in this process."""

STUCK_S = 60.0
"""The limits of a parser are asked for while it parses; one that does not ask for so long will not end."""

AHEAD = 2
"""Batches for each worker that wait or are worked on; more would only fill memory."""


class Marker:
    """Tells, also when this process has died, which file it was at."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{MARKER}{os.getpid()}"
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self._told = sys.__stderr__.fileno() if sys.__stderr__ is not None else os.open(os.devnull, os.O_WRONLY)

    @contextlib.contextmanager
    def at(self, path: str) -> Iterator[None]:
        """This process works on a file."""
        name = os.fsencode(path)
        os.pwrite(self._file, name, 0)
        os.ftruncate(self._file, len(name))
        # A parser that never returns holds the interpreter; only a thread that needs none can end the process.
        faulthandler.dump_traceback_later(STUCK_S, exit=True, file=self._told)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        """This process will work on no file any more."""
        os.close(self._file)
        self._path.unlink(missing_ok=True)


def culprits(folder: Path) -> list[str]:
    """What processes that are gone were at; asking forgets it."""
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
    """The rows of one file, or why it has none."""
    source = read_source(root, found.path)
    if isinstance(source, Skipped):
        return found, source
    try:
        with marker.at(found.path):
            return found, extract(found.path, source)
    except ParseTimeoutError:
        return found, Skipped.SLOW
    except RecursionError:
        return found, Skipped.DEEP
    except Exception:
        # Of our own, and no reason to leave all other files out.
        log.exception("a file cannot be read into the index")
        return found, Skipped.CRASHED


def read_many(
    root: Path, wanted: Iterable[SourceFile], folder: Path, workers: int, stopped: Callable[[], bool] = lambda: False
) -> Iterator[list[Result]]:
    """Rows of many files, batch by batch, in no order, parsed by `workers` processes. `folder` is for markers."""
    todo = deque(_batches(wanted))
    alone: deque[SourceFile] = deque()
    breaks = 0
    while todo and not stopped():
        if breaks >= BREAKS:
            yield from _read_here(root, folder, todo, stopped)
            break
        running: dict[Future[list[Result]], list[SourceFile]] = {}
        try:
            with _executor(root, folder, workers) as executor:
                while (todo or running) and not stopped():
                    while todo and len(running) < workers * AHEAD:
                        batch = todo.popleft()
                        running[executor.submit(_work, batch)] = batch
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        results = future.result()
                        del running[future]
                        yield results
                executor.shutdown(cancel_futures=True)
        except BrokenProcessPool:
            named = set(culprits(folder))
            breaks += not named
            for batch in running.values():
                alone.extend(each for each in batch if each.path in named)
                todo.append([each for each in batch if each.path not in named])
    while alone and not stopped():
        suspect = alone.popleft()
        try:
            with _executor(root, folder, 1) as executor:
                yield executor.submit(_work, [suspect]).result()
        except BrokenProcessPool:
            culprits(folder)
            yield [(suspect, Skipped.CRASHED)]


def _read_here(
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


_here: tuple[Path, Marker]
"""In a worker: the workspace, and the worker's marker."""


def _executor(root: Path, folder: Path, workers: int) -> ProcessPoolExecutor:
    # Not forked: the process that asks may have threads, whose locks a copy of it would inherit as they are.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, _begin, (root, folder))


def _begin(root: Path, folder: Path) -> None:
    global _here
    # Ctrl-C goes to every process of a terminal; the one that asked decides what is still read.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _here = root, Marker(folder)


def _work(batch: Sequence[SourceFile]) -> list[Result]:
    root, marker = _here
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
