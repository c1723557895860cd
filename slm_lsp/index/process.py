"""The indexer's process: `python -m slm_lsp.index WORKSPACE INDEX`. Whoever starts it holds its standard input open.

It reads one JSON object a line: `{"changed": [paths]}` or `{"check": true}`; and writes one a line. When its
input ends, it ends.
"""

import json
import logging
import os
import queue
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slm_lsp.errors import IndexBusyError, ProjectIndexError, SlmError
from slm_lsp.index.database import discard, is_damage
from slm_lsp.index.indexer import Indexer, Progress
from slm_lsp.index.store import Writer
from slm_lsp.index.watch import Watch
from slm_lsp.platform.system import give_way

log = logging.getLogger(__name__)

NICE = 10
"""Behind everything that a user waits for."""

SETTLE_S = 0.01
"""Saving a file makes several events; they are taken together when for so long none has come. What the editor tells is
complete, and is not waited for."""

LONGEST_S = 0.2
"""So long at most: one file that changes all the time does not keep others waiting."""

BUSY_S = 2.0
"""How often it is tried to become the one who writes."""

CHECK_S = 600.0
"""How often everything is compared with the index, for changes that nobody told about."""

MANY = 400
"""With more changes than this at once, as when a branch is switched, looking at everything is cheaper."""

IGNORE_FILES = frozenset({".gitignore", ".slmignore"})


class IndexerState(msgspec.Struct, frozen=True):
    """What the process tells about itself."""

    state: str
    """`indexing`, `ready`, `waiting` (another process writes), or `failed`."""
    done: int = 0
    total: int = 0
    """Files, while indexing."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Event:
    """Something changed."""

    path: str
    is_folder: bool = False
    told: bool = False
    """By the editor, rather than seen on the disk."""


class Stopped(Exception):  # noqa: N818 - an event, not a mistake
    """The input has ended."""


class Process:
    """Takes what changed from the editor and from the operating system, and brings the index up to date."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._events: queue.Queue[_Event | None] = queue.Queue()
        self._stop = threading.Event()

    def run(self) -> None:
        """Until the input ends."""
        threading.Thread(target=self._read, name="input", daemon=True).start()
        try:
            with self._writer() as writer:
                if writer.rebuilt_because:
                    log.warning("the index is built anew: %s", writer.rebuilt_because)
                try:
                    self._keep(Indexer(self._root, self._folder, writer))
                except sqlite3.DatabaseError as error:
                    if is_damage(error):
                        discard(self._folder)
                    raise
        except Stopped:
            return
        except (ProjectIndexError, OSError, sqlite3.Error) as error:
            if isinstance(error, sqlite3.Error) and is_damage(error):
                # Whoever started this process starts it again, and then the index is built anew.
                log.warning("the index is damaged and deleted: %s", error)
                return
            self._tell(IndexerState("failed", reason=str(error)))
            # The editor's server goes on without the index; starting again at once would fail again.
            self._stop.wait()

    def _keep(self, indexer: Indexer) -> None:
        watch = Watch(self._root, lambda path, is_folder: self._events.put(_Event(path, is_folder)))
        try:
            self._check(indexer)
            while True:
                while self._events.empty() and indexer.settle():
                    pass
                changed, everything = self._changes(indexer)
                if everything or len(changed) > MANY:
                    self._check(indexer)
                else:
                    indexer.update(changed)
                self._tell(IndexerState("ready"))
        finally:
            watch.close()
            indexer.close()

    def _check(self, indexer: Indexer) -> None:
        self._tell(IndexerState("indexing"))
        indexer.check(self._progress, self._stop.is_set)
        if self._stop.is_set():
            raise Stopped
        self._tell(IndexerState("ready"))

    def _progress(self, progress: Progress) -> None:
        self._tell(IndexerState("indexing", progress.done, progress.total))

    def _changes(self, indexer: Indexer) -> tuple[list[str], bool]:
        """What changed since it was last asked; waits for something. True: everything is to be looked at."""
        deadline = time.monotonic() + CHECK_S
        latest = float("inf")
        changed: dict[str, None] = {}
        everything = told = False
        while True:
            now = time.monotonic()
            if now >= min(latest, deadline):
                return list(changed), everything or not changed
            wait = min(SETTLE_S, max(latest - now, 0)) if changed or everything else max(deadline - now, 0)
            wait = 0 if told and not everything else wait
            try:
                event = self._events.get(timeout=wait)
            except queue.Empty:
                return list(changed), everything or not changed
            if event is None:
                raise Stopped
            if event.path and self._is_nothing(event, indexer):
                continue
            latest = min(latest, time.monotonic() + LONGEST_S)
            told = told or event.told
            everything = everything or event.is_folder or event.path.rpartition("/")[2] in IGNORE_FILES
            changed[event.path] = None

    def _is_nothing(self, event: _Event, indexer: Indexer) -> bool:
        """Whether an event is of what is not indexed, such as a log that grows all the time, or the index itself."""
        if event.path.rpartition("/")[2] in IGNORE_FILES:
            return False
        path = self._root / event.path
        return path.is_relative_to(self._folder) or indexer.refuses(event.path, is_folder=event.is_folder)

    def _writer(self) -> Writer:
        told = False
        while True:
            try:
                return Writer(self._folder)
            except IndexBusyError:
                if not told:
                    self._tell(IndexerState("waiting"))
                    told = True
                if self._stop.wait(BUSY_S):
                    raise Stopped from None

    def _read(self) -> None:
        for message in _messages():
            if message.get("check"):
                self._events.put(_Event("", is_folder=True))
            for path in message.get("changed", ()):
                self._events.put(_Event(str(path), told=True))
        self._stop.set()
        self._events.put(None)

    def _tell(self, state: IndexerState) -> None:
        try:
            os.write(sys.stdout.fileno(), msgspec.json.encode(state) + b"\n")
        except OSError:
            self._stop.set()


def _messages() -> Iterator[dict[str, list[str]]]:
    for line in sys.stdin.buffer:
        try:
            message = json.loads(line)
        except ValueError:
            log.warning("a line of the input is not understood")
            continue
        if isinstance(message, dict):
            yield message


def main(arguments: list[str]) -> int:
    """The process; `arguments` are the workspace's folder and that of its index."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    root, folder = Path(arguments[0]).resolve(), Path(arguments[1])
    give_way(NICE)
    try:
        Process(root, folder).run()
    except SlmError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
