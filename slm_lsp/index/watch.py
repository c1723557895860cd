"""Tells which files of a workspace change, as the operating system sees it."""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
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

Changed = Callable[[str, bool], None]
"""Told a path from the workspace, and whether it is a folder's. Called on a thread of watchdog's."""


class Watch:
    """Watches a workspace from its making until `close`.

    The folders of the workspace that may be indexed are watched with all below them; what is refused by name, such
    as `node_modules`, is not, since every folder watched costs the system.
    """

    def __init__(self, root: Path, changed: Changed) -> None:
        self._observer = Observer()
        handler = _Handler(root, changed)
        rules = Rules(root)
        self._observer.schedule(handler, root, recursive=False, event_filter=WATCHED)
        self.problem: str | None = None
        for folder in sorted(root.iterdir()):
            if folder.is_dir() and not folder.is_symlink() and rules.refuses(folder.name, is_dir=True) is None:
                try:
                    self._observer.schedule(handler, folder, recursive=True, event_filter=WATCHED)
                except OSError as error:
                    # Most likely the system's limit of watches; changes below are found by the checks.
                    self.problem = f"{folder.name}/ cannot be watched: {error}"
                    log.warning("%s", self.problem)
        self._observer.start()

    def close(self) -> None:
        """Watch no more."""
        with contextlib.suppress(RuntimeError):
            self._observer.stop()
            self._observer.join(timeout=2)


class _Handler(FileSystemEventHandler):
    def __init__(self, root: Path, changed: Changed) -> None:
        self._root = root
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        for each in (event.src_path, event.dest_path):
            if each:
                path = Path(str(each))
                if path != self._root and path.is_relative_to(self._root):
                    self._changed(path.relative_to(self._root).as_posix(), event.is_directory)
