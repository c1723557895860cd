"""Keeps an index true to the files: what changed since it was last looked at is read again, and nothing else."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from slm_lsp.index.names import bad_name
from slm_lsp.index.pool import Marker, Result, culprits, read_many, read_one
from slm_lsp.index.store import LEFT_OUT, Known, Writer
from slm_lsp.index.walk import Rules, Skipped, SourceFile, stat_source, walk
from slm_lsp.platform import system

FEW = 12
"""So many files are read faster here than by processes that would have to be started."""

TOGETHER = 8
"""So many batches are written in one transaction. Each ends with a piece of the search's index, and SQLite merges such
pieces again and again: 8 take a tenth off the writing."""

EVERY_S = 0.2
"""Progress is told so often."""

NEVER_NAMED = frozenset({Skipped.SECRET, Skipped.OUTSIDE, Skipped.IGNORED})
"""What is left out for one of these reasons stands in no row, not even by name."""


NO_DATE = -1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a check is: files read, of so many that changed."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a check did."""

    read: int
    removed: int
    unchanged: int
    seconds: float


Tell = Callable[[Progress], None]


class Indexer:
    """The writer of one workspace's index.

    Args:
        root: the workspace's folder.
        folder: of the index.
        writer: of the index; closed by whoever opened it.
        workers: processes for many files at once; 0: one for each core.
    """

    def __init__(self, root: Path, folder: Path, writer: Writer, workers: int = 0) -> None:
        self._root = root
        self._folder = folder
        self._writer = writer
        self._workers = workers or system.usable_cores()
        self._rules = Rules(root)
        self._crashed = set(culprits(folder))
        self._marker = Marker(folder)

    def close(self) -> None:
        """Remove what was only for this process."""
        self._marker.close()

    def refuses(self, path: str, *, is_folder: bool) -> bool:
        """Whether a path is none of the index's business."""
        return bad_name(path) or self._rules.refuses(path, is_dir=is_folder) is not None

    def check(self, tell: Tell = lambda _: None, stopped: Callable[[], bool] = lambda: False) -> Summary:
        """Compare the whole workspace with the index, by size and date, then by content; read what differs."""
        start = time.monotonic()
        self._rules = Rules(self._root)
        known = self._writer.known()
        unseen = set(known)
        todo: list[SourceFile] = []
        left_out: Counter[str] = Counter()
        for found in walk(self._root, self._rules):
            if stopped():
                return Summary(0, 0, 0, time.monotonic() - start)
            if isinstance(found, SourceFile):
                unseen.discard(found.path)
                if not _same(found, known.get(found.path)):
                    todo.append(found)
            else:
                left_out[found[1].value] += 1
        self._forget(unseen)
        done, told = 0, 0.0
        batches = iter(self._read(todo, stopped))
        for first in batches:
            with self._writer.transaction():
                for results in chain([first], islice(batches, TOGETHER - 1)):
                    self._write(results, known)
                    left_out.update(
                        rows.value for _, rows in results if isinstance(rows, Skipped) and rows in NEVER_NAMED
                    )
                    done += len(results)
                    if time.monotonic() - told >= EVERY_S:
                        told = time.monotonic()
                        tell(Progress(done, len(todo)))
        with self._writer.transaction():
            self._writer.note({LEFT_OUT: json.dumps(left_out)})
        if done > FEW:
            self._writer.tidy()
        tell(Progress(len(todo), len(todo)))
        return Summary(done, len(unseen), len(known) - len(unseen), time.monotonic() - start)

    def update(self, paths: Iterable[str]) -> int:
        """Look at some paths again, relative to the workspace; returns how many were read or removed."""
        known = self._writer.known_of(path for path in paths if not bad_name(path))
        gone: list[str] = []
        todo: list[SourceFile] = []
        for path, held in known.items():
            found = None if self._rules.refuses(path) else stat_source(self._root, path)
            if found is None:
                gone += [path] if held else []
            elif not _same(found, held):
                todo.append(found)
        self._forget(gone)
        for results in self._read(todo, lambda: False):
            with self._writer.transaction():
                self._write(results, {path: held for path, held in known.items() if held})
        return len(gone) + len(todo)

    def settle(self) -> bool:
        """One small step of what can wait until nothing else is to be done; whether there may be more."""
        return self._writer.settle()

    def _read(self, todo: list[SourceFile], stopped: Callable[[], bool]) -> Iterable[list[Result]]:
        if len(todo) > FEW and self._workers > 0:
            yield from read_many(self._root, todo, self._folder, self._workers, stopped)
            return
        for found in todo:
            if stopped():
                return
            if found.path in self._crashed:
                # This version of it ended the last indexer; another version gets another chance.
                self._crashed.discard(found.path)
                yield [(found, Skipped.CRASHED)]
            else:
                yield [read_one(self._root, found, self._marker)]

    def _write(self, results: list[Result], known: dict[str, Known]) -> None:
        """Inside a transaction."""
        for found, rows in results:
            held = known.get(found.path)
            if isinstance(rows, Skipped):
                if rows in NEVER_NAMED or rows is Skipped.VANISHED:
                    self._writer.remove([found.path])
                else:
                    # Who may read a file changes without its date.
                    date = NO_DATE if rows is Skipped.UNREADABLE else found.mtime_ns
                    self._writer.skip(found.path, rows.value, found.size, date)
            elif held is not None and held.digest == rows.digest:
                self._writer.touch(found.path, found.size, found.mtime_ns)
            else:
                self._writer.put(rows, found.size, found.mtime_ns)

    def _forget(self, paths: Iterable[str]) -> None:
        gone = list(paths)
        if gone:
            with self._writer.transaction():
                self._writer.remove(gone)


def _same(found: SourceFile, known: Known | None) -> bool:
    return known is not None and (known.size, known.mtime_ns) == (found.size, found.mtime_ns)
