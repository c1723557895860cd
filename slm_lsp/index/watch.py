"""Tells which files of a workspace change, as the operating system sees it."""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    EVENT_TYPE_CREATED,
    EVENT_TYPE_MOVED,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from slm_lsp.index.walk import Rules

log = logging.getLogger(__name__)

WATCHED = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileClosedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
]
"""Not who merely opens or reads a file: that is what the indexer does itself."""

APPEARS = frozenset({EVENT_TYPE_CREATED, EVENT_TYPE_MOVED})

Changed = Callable[[str, bool], None]
"""Told a path from the workspace, and whether it is a folder's. Called on a thread of watchdog's."""


class Watch:
    """Watches a workspace from its making until `close`.

    The folders of the workspace that may be indexed are watched with all below them; what is refused by name, such
    as `node_modules`, is not, since every folder watched costs the system.
    """

    def __init__(self, root: Path, changed: Changed) -> None:
        self._observer = Observer()
        self._root = root
        self._handler = _Handler(root, changed, self._appeared)
        self.problem: str | None = None
        try:
            self._observer.start()
        except (OSError, RuntimeError) as error:
            self._note(".", error)
            return
        self._schedule(root, recursive=False)
        with contextlib.suppress(OSError):
            for folder in sorted(root.iterdir()):
                self._appeared(folder)

    def _appeared(self, folder: Path) -> None:
        """Watch a folder right in the workspace, unless it is refused by name."""
        with contextlib.suppress(OSError):
            watchable = folder.is_dir() and not folder.is_symlink()
            if watchable and Rules(self._root).refuses(folder.name, is_dir=True) is None:
                self._schedule(folder, recursive=True)

    def _schedule(self, folder: Path, *, recursive: bool) -> None:
        try:
            self._observer.schedule(self._handler, str(folder), recursive=recursive, event_filter=WATCHED)
        except OSError as error:
            # Most likely the system's limit of watches; changes below are found by the checks.
            self._note(f"{folder.name}/", error)

    def _note(self, what: str, error: Exception) -> None:
        self.problem = f"{what} cannot be watched: {error}"
        log.warning("%s", self.problem)

    def close(self) -> None:
        """Watch no more."""
        with contextlib.suppress(RuntimeError):
            self._observer.stop()
            self._observer.join(timeout=2)


class _Handler(FileSystemEventHandler):
    def __init__(self, root: Path, changed: Changed, appeared: Callable[[Path], None]) -> None:
        self._root = root
        self._changed = changed
        self._appeared = appeared

    def on_any_event(self, event: FileSystemEvent) -> None:
        for each in (event.src_path, event.dest_path):
            if each:
                path = Path(str(each))
                if path != self._root and path.is_relative_to(self._root):
                    if event.is_directory and path.parent == self._root and event.event_type in APPEARS:
                        self._appeared(path)
                    self._changed(path.relative_to(self._root).as_posix(), event.is_directory)
