"""The indexer process: `python -m slm_lsp.index WORKSPACE INDEX`.

It reads messages from standard input, one JSON object per line: `{"changed": [paths]}` or `{"check": true}`. It writes
its states to standard output, one `IndexerState` per line. It exits when its standard input is closed.
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
from slm_lsp.platform.priority import give_way

log = logging.getLogger(__name__)

NICE = 10
"""Niceness of the process. It gives precedence to work that the user waits for."""

DEBOUNCE_S = 0.01
"""Seconds without a file system event after which the collected events are handled together. Saving one file causes
several events. Changes that the editor reports are handled without this delay."""

MAX_DEBOUNCE_S = 0.2
"""Maximum debounce in seconds, so that a file that changes all the time does not delay the handling of other files."""

LOCK_RETRY_S = 2.0
"""Seconds between two attempts to take the index's write lock."""

CHECK_INTERVAL_S = 600.0
"""Seconds without changes after which the whole workspace is checked for changes that caused no event."""

MAX_UPDATES = 400
"""If more than this number of files change at once, for example by switching branches, the whole workspace is checked,
because this is faster than updating the files one by one."""

IGNORE_FILES = frozenset({".gitignore", ".slmignore"})


class IndexerState(msgspec.Struct, frozen=True):
    """What the indexer process reports about itself."""

    state: str
    """`indexing`, `ready`, `waiting` (another process holds the write lock), or `failed`."""
    done: int = 0
    """While indexing: number of files read so far."""
    total: int = 0
    """While indexing: number of files to read."""
    reason: str | None = None
    """If the state is `failed`: the cause, in words for the user."""


@dataclass(frozen=True, slots=True)
class _Event:
    """A file or folder changed."""

    path: str
    is_folder: bool = False
    from_editor: bool = False
    """True if the editor reported the change, False if the operating system reported it."""


class Stopped(Exception):  # noqa: N818 - an event, not an error
    """Standard input was closed."""


class Process:
    """Receives changes from the editor and from the operating system, and updates the index."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._events: queue.Queue[_Event | None] = queue.Queue()
        self._stop = threading.Event()

    def run(self) -> None:
        """Keep the index up to date until standard input is closed."""
        threading.Thread(target=self._read_messages, name="input", daemon=True).start()
        try:
            with self._open_writer() as writer:
                if writer.rebuilt_because:
                    log.warning("the index is rebuilt: %s", writer.rebuilt_because)
                try:
                    self._follow_changes(Indexer(self._root, self._folder, writer))
                except sqlite3.DatabaseError as error:
                    if is_damage(error):
                        discard(self._folder)
                    raise
        except Stopped:
            return
        except (ProjectIndexError, OSError, sqlite3.Error) as error:
            if isinstance(error, sqlite3.Error) and is_damage(error):
                # The client restarts this process, which then rebuilds the index.
                log.warning("the index was damaged and has been deleted: %s", error)
                return
            self._report(IndexerState("failed", reason=str(error)))
            # The server works without the index. A restart would fail again, so do not exit until the input is closed.
            self._stop.wait()

    def _follow_changes(self, indexer: Indexer) -> None:
        watch = Watch(self._root, lambda path, is_folder: self._events.put(_Event(path, is_folder)))
        try:
            self._check(indexer)
            while True:
                while self._events.empty() and indexer.merge_step():
                    pass
                changed, check_all = self._wait_for_changes(indexer)
                if check_all or len(changed) > MAX_UPDATES:
                    self._check(indexer)
                else:
                    indexer.update(changed)
                self._report(IndexerState("ready"))
        finally:
            watch.close()
            indexer.close()

    def _check(self, indexer: Indexer) -> None:
        self._report(IndexerState("indexing"))
        indexer.check(self._progress, self._stop.is_set)
        if self._stop.is_set():
            raise Stopped
        self._report(IndexerState("ready"))

    def _progress(self, progress: Progress) -> None:
        self._report(IndexerState("indexing", progress.done, progress.total))

    def _wait_for_changes(self, indexer: Indexer) -> tuple[list[str], bool]:
        """Wait for changes. Return the changed paths, and whether the whole workspace must be checked instead."""
        deadline = time.monotonic() + CHECK_INTERVAL_S
        latest = float("inf")
        changed: dict[str, None] = {}
        check_all = from_editor = False
        while True:
            now = time.monotonic()
            if now >= min(latest, deadline):
                return list(changed), check_all or not changed
            wait = min(DEBOUNCE_S, max(latest - now, 0)) if changed or check_all else max(deadline - now, 0)
            wait = 0 if from_editor and not check_all else wait
            try:
                event = self._events.get(timeout=wait)
            except queue.Empty:
                return list(changed), check_all or not changed
            if event is None:
                raise Stopped
            if event.path and self._is_irrelevant(event, indexer):
                continue
            latest = min(latest, time.monotonic() + MAX_DEBOUNCE_S)
            from_editor = from_editor or event.from_editor
            check_all = check_all or event.is_folder or event.path.rpartition("/")[2] in IGNORE_FILES
            changed[event.path] = None

    def _is_irrelevant(self, event: _Event, indexer: Indexer) -> bool:
        """Whether an event is for a file that is not indexed, such as an ignored log file or the index itself."""
        if event.path.rpartition("/")[2] in IGNORE_FILES:
            return False
        path = self._root / event.path
        return path.is_relative_to(self._folder) or indexer.refuses(event.path, is_folder=event.is_folder)

    def _open_writer(self) -> Writer:
        reported = False
        while True:
            try:
                return Writer(self._folder)
            except IndexBusyError:
                if not reported:
                    self._report(IndexerState("waiting"))
                    reported = True
                if self._stop.wait(LOCK_RETRY_S):
                    raise Stopped from None

    def _read_messages(self) -> None:
        for message in _messages():
            if message.get("check"):
                self._events.put(_Event("", is_folder=True))
            for path in message.get("changed", ()):
                self._events.put(_Event(str(path), from_editor=True))
        self._stop.set()
        self._events.put(None)

    def _report(self, state: IndexerState) -> None:
        try:
            os.write(sys.stdout.fileno(), msgspec.json.encode(state) + b"\n")
        except OSError:
            self._stop.set()


def _messages() -> Iterator[dict[str, list[str]]]:
    for line in sys.stdin.buffer:
        try:
            message = json.loads(line)
        except ValueError:
            log.warning("invalid JSON on standard input")
            continue
        if isinstance(message, dict):
            yield message


def main(arguments: list[str]) -> int:
    """Run the indexer process and return its exit code. `arguments` are the workspace folder and the index folder."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    root, folder = Path(arguments[0]).resolve(), Path(arguments[1])
    give_way(NICE)
    try:
        Process(root, folder).run()
    except SlmError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
