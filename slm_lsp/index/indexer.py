"""Updates an index: reads only the files that changed since the last check."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from slm_lsp.index.names import bad_name
from slm_lsp.index.pool import Marker, Result, pop_crashed_files, read_many, read_one
from slm_lsp.index.store import SKIPPED_COUNTS, StoredFile, Writer
from slm_lsp.index.walk import Rules, Skipped, SourceFile, stat_source, walk
from slm_lsp.platform import cores

SERIAL_FILES = 12
"""Number of files up to which reading in this process is faster than starting worker processes."""

BATCHES_PER_TRANSACTION = 8
"""Number of batches written in one transaction. Every transaction adds a segment to the full-text index, and SQLite
must merge the segments later. With 8 batches per transaction, writing takes about 10 % less time than with one batch.
"""

PROGRESS_INTERVAL_S = 0.2
"""Minimum seconds between two progress reports."""

NEVER_STORED = frozenset({Skipped.SECRET, Skipped.OUTSIDE, Skipped.IGNORED})
"""A file that is skipped for one of these reasons has no row in the index, so that not even its path is stored."""


NO_MTIME = -1
"""Stored instead of a modification time for a file that must be read again at the next check."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a check: the number of files read so far, and the number of files to read."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Result of a check: the number of files read, removed and unchanged, and its duration."""

    read: int
    removed: int
    unchanged: int
    seconds: float


OnProgress = Callable[[Progress], None]


class Indexer:
    """Brings the index of one workspace up to date.

    Args:
        root: the workspace folder.
        folder: the index folder.
        writer: the writer of the index. The caller closes it.
        workers: number of worker processes for reading many files; 0 for one per core.
    """

    def __init__(self, root: Path, folder: Path, writer: Writer, workers: int = 0) -> None:
        self._root = root
        self._folder = folder
        self._writer = writer
        self._workers = workers or cores.usable_cores()
        self._rules = Rules(root)
        self._crashed = set(pop_crashed_files(folder))
        self._marker = Marker(folder)

    def close(self) -> None:
        """Delete this process's marker file."""
        self._marker.close()

    def refuses(self, path: str, *, is_folder: bool) -> bool:
        """Whether a path is never indexed, judged by its name and the ignore files only."""
        return bad_name(path) or self._rules.refuses(path, is_dir=is_folder) is not None

    def check(self, on_progress: OnProgress = lambda _: None, stopped: Callable[[], bool] = lambda: False) -> Summary:
        """Compare the whole workspace with the index and update the index.

        Read the files whose size or modification time differs from the index. Write the rows of a file only if its
        content also differs.

        Args:
            on_progress: called with the progress, at most every `PROGRESS_INTERVAL_S` seconds.
            stopped: returns True if the check is to end early.
        """
        start = time.monotonic()
        self._rules = Rules(self._root)
        known = self._writer.known()
        unseen = set(known)
        todo: list[SourceFile] = []
        skipped: Counter[str] = Counter()
        for found in walk(self._root, self._rules):
            if stopped():
                return Summary(0, 0, 0, time.monotonic() - start)
            if isinstance(found, SourceFile):
                unseen.discard(found.path)
                if not _same(found, known.get(found.path)):
                    todo.append(found)
            else:
                skipped[found[1].value] += 1
        self._remove(unseen)
        done, reported_at = 0, 0.0
        batches = iter(self._read(todo, stopped))
        for first in batches:
            with self._writer.transaction():
                for results in chain([first], islice(batches, BATCHES_PER_TRANSACTION - 1)):
                    self._write(results, known)
                    skipped.update(
                        rows.value for _, rows in results if isinstance(rows, Skipped) and rows in NEVER_STORED
                    )
                    done += len(results)
                    if time.monotonic() - reported_at >= PROGRESS_INTERVAL_S:
                        reported_at = time.monotonic()
                        on_progress(Progress(done, len(todo)))
        with self._writer.transaction():
            self._writer.set_meta({SKIPPED_COUNTS: json.dumps(skipped)})
        if done > SERIAL_FILES:
            self._writer.compact()
        on_progress(Progress(len(todo), len(todo)))
        return Summary(done, len(unseen), len(known) - len(unseen), time.monotonic() - start)

    def update(self, paths: Iterable[str]) -> int:
        """Update the index for some paths, relative to the workspace. Return the number of files read or removed."""
        known = self._writer.known_of(path for path in paths if not bad_name(path))
        gone: list[str] = []
        todo: list[SourceFile] = []
        for path, held in known.items():
            found = None if self._rules.refuses(path) else stat_source(self._root, path)
            if found is None:
                gone += [path] if held else []
            elif not _same(found, held):
                todo.append(found)
        self._remove(gone)
        for results in self._read(todo, lambda: False):
            with self._writer.transaction():
                self._write(results, {path: held for path, held in known.items() if held})
        return len(gone) + len(todo)

    def merge_step(self) -> bool:
        """Do a small step of maintenance. Call this while idle. Return whether there may be more to do."""
        return self._writer.merge_step()

    def _read(self, todo: list[SourceFile], stopped: Callable[[], bool]) -> Iterable[list[Result]]:
        if len(todo) > SERIAL_FILES and self._workers > 0:
            yield from read_many(self._root, todo, self._folder, self._workers, stopped)
            return
        for found in todo:
            if stopped():
                return
            if found.path in self._crashed:
                # A previous indexer crashed while it parsed this version of the file. Skip the file until it changes.
                self._crashed.discard(found.path)
                yield [(found, Skipped.CRASHED)]
            else:
                yield [read_one(self._root, found, self._marker)]

    def _write(self, results: list[Result], known: dict[str, StoredFile]) -> None:
        """Write the results of one batch. Call this inside a transaction."""
        for found, rows in results:
            held = known.get(found.path)
            if isinstance(rows, Skipped):
                if rows in NEVER_STORED or rows is Skipped.VANISHED:
                    self._writer.remove([found.path])
                else:
                    # Permission changes do not update the modification time, so read the file again at the next check.
                    mtime_ns = NO_MTIME if rows is Skipped.UNREADABLE else found.mtime_ns
                    self._writer.skip(found.path, rows.value, found.size, mtime_ns)
            elif held is not None and held.digest == rows.digest:
                self._writer.touch(found.path, found.size, found.mtime_ns)
            else:
                self._writer.put(rows, found.size, found.mtime_ns)

    def _remove(self, paths: Iterable[str]) -> None:
        gone = list(paths)
        if gone:
            with self._writer.transaction():
                self._writer.remove(gone)


def _same(found: SourceFile, known: StoredFile | None) -> bool:
    return known is not None and (known.size, known.mtime_ns) == (found.size, found.mtime_ns)
