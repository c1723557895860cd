"""Reports which files of a workspace change, using the file system events of the operating system."""

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
"""Event types to watch. They do not include opening and reading files, because the indexer itself does this."""

APPEARED = frozenset({EVENT_TYPE_CREATED, EVENT_TYPE_MOVED})
"""Event types after which a new folder may exist."""

OnChange = Callable[[str, bool], None]
"""Called with a path relative to the workspace, and whether it is a folder. Called on the thread of watchdog."""


class Watch:
    """Watches a workspace from construction until `close`.

    Each folder directly in the workspace is watched recursively. Refused folders, such as `node_modules`, are not
    watched, because every watched folder costs system resources. If a folder cannot be watched, `problem` says why.
    """

    def __init__(self, root: Path, on_change: OnChange) -> None:
        self._observer = Observer()
        self._root = root
        self._handler = _Handler(root, on_change, self._watch_folder)
        self.problem: str | None = None
        try:
            self._observer.start()
        except (OSError, RuntimeError) as error:
            self._record_problem(".", error)
            return
        self._schedule(root, recursive=False)
        with contextlib.suppress(OSError):
            for folder in sorted(root.iterdir()):
                self._watch_folder(folder)

    def _watch_folder(self, folder: Path) -> None:
        """Watch a folder that is directly in the workspace, unless `Rules` refuses it."""
        with contextlib.suppress(OSError):
            watchable = folder.is_dir() and not folder.is_symlink()
            if watchable and Rules(self._root).refuses(folder.name, is_dir=True) is None:
                self._schedule(folder, recursive=True)

    def _schedule(self, folder: Path, *, recursive: bool) -> None:
        try:
            self._observer.schedule(self._handler, str(folder), recursive=recursive, event_filter=WATCHED)
        except OSError as error:
            # Most likely the system's limit on watches is reached. The periodic check finds changes in this folder.
            self._record_problem(f"{folder.name}/", error)

    def _record_problem(self, what: str, error: Exception) -> None:
        self.problem = f"{what} cannot be watched: {error}"
        log.warning("%s", self.problem)

    def close(self) -> None:
        """Stop watching."""
        with contextlib.suppress(RuntimeError):
            self._observer.stop()
            self._observer.join(timeout=2)


class _Handler(FileSystemEventHandler):
    def __init__(self, root: Path, on_change: OnChange, watch_folder: Callable[[Path], None]) -> None:
        self._root = root
        self._on_change = on_change
        self._watch_folder = watch_folder

    def on_any_event(self, event: FileSystemEvent) -> None:
        for each in (event.src_path, event.dest_path):
            if each:
                path = Path(str(each))
                if path != self._root and path.is_relative_to(self._root):
                    if event.is_directory and path.parent == self._root and event.event_type in APPEARED:
                        self._watch_folder(path)
                    self._on_change(path.relative_to(self._root).as_posix(), event.is_directory)
