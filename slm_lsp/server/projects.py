"""The workspace folders of the open documents: their indexes, unsaved changes and recent edits."""

import asyncio
import logging
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from threading import Lock

from lsprotocol import types
from pygls.uris import to_fs_path

from slm_lsp.context.cursor import Cursor
from slm_lsp.context.retrieve import Retrieved, retrieve
from slm_lsp.context.signals import History
from slm_lsp.errors import IndexMissingError, ParseTimeoutError
from slm_lsp.index.client import IndexerClient
from slm_lsp.index.database import index_dir
from slm_lsp.index.extract import FileRows, extract
from slm_lsp.index.process import IndexerState
from slm_lsp.index.project import Project, open_project
from slm_lsp.index.reader import Reader
from slm_lsp.index.walk import Rules
from slm_lsp.server.document import Document
from slm_lsp.server.sessions import Sessions

log = logging.getLogger(__name__)

REMEMBERED = 24
"""Maximum number of recent edits to remember, and of recently viewed files."""

NEAR_LINES = 20
"""An edit replaces an earlier edit in the same file that is at most this number of lines away."""

OPEN_PARSE_S = 0.25
"""Seconds of processor time for parsing an open document. If it takes longer, the indexed version is used."""

RULES_S = 5.0
"""Seconds after which the ignore files of a workspace are read again."""

RESUME_S = 300.0
"""After a user has cancelled indexing, opening or saving a file starts indexing again only after this many seconds."""

NAME_S = 0.005
"""Maximum seconds for looking up a name in the index. A look-up usually takes less than 0.1 ms."""

OnState = Callable[[Path, IndexerState], None]


class Workspace:
    """One workspace folder.

    `retrieve`, `project` and the methods they call run in the workspace's own thread. `defines` may be called from any
    thread. All other methods run on the event loop. There are two connections to the index: one for the thread, one for
    `defines`.
    """

    def __init__(self, root: Path, on_state: Callable[[IndexerState], None]) -> None:
        self.root = root
        self.indexer = IndexerClient(root, on_state)
        self.edits: deque[tuple[str, int]] = deque(maxlen=REMEMBERED)
        self.viewed: deque[str] = deque(maxlen=REMEMBERED)
        self.thread = ThreadPoolExecutor(1, "retrieve")
        self._rules: Rules | None = None
        self._rules_read_at = 0.0
        self._reader: Reader | None = None
        self._names: Reader | None = None
        self._names_lock = Lock()
        self._rows: dict[str, tuple[Document, FileRows]] = {}
        self._closed = False
        self.stopped_at: float | None = None
        """Time at which the user cancelled indexing, by the clock of `Projects`; None if indexing is not cancelled."""

    async def close(self) -> None:
        """Stop the indexer, let the thread finish its work, and close both connections."""
        self._closed = True
        self._close_names()
        self.thread.submit(self._close_reader)
        self.thread.shutdown(wait=False)
        await self.indexer.stop()

    @property
    def history(self) -> History:
        """The recent edits and viewed files, most recent first."""
        return History(tuple(reversed(self.edits)), tuple(reversed(self.viewed)))

    def retrieve(
        self, cursor: Cursor, documents: Iterable[Document], history: History, tokens: int, limit_s: float
    ) -> Retrieved:
        """Return snippets for a cursor. If the index cannot be used, search only the open documents."""
        opened = self._open_files(documents)
        try:
            return retrieve(cursor, Project(self._connected(), opened), history, tokens, limit_s)
        except IndexMissingError as error:
            log.warning("%s: %s", self.root, error)
            self._close_reader()
            return retrieve(cursor, Project(None, opened), history, tokens, limit_s)

    def project(self, documents: Iterable[Document]) -> Project:
        """Return the project with the open documents and with a new connection to the index, which the caller closes.

        The result may be used in several threads, one after the other.
        """
        return open_project(self.root, self._open_files(documents))

    def _connected(self) -> Reader | None:
        if self._reader is None:
            try:
                self._reader = Reader(index_dir(self.root))
            except IndexMissingError:
                return None
        return self._reader

    def defines(self, name: str) -> bool:
        """Return whether a file of the project defines a name; False if the look-up takes longer than `NAME_S`."""
        with self._names_lock:
            try:
                if self._closed:
                    return False
                if self._names is None:
                    self._names = Reader(index_dir(self.root))
                with self._names.time_limit(NAME_S):
                    return self._names.defines(name)
            except (IndexMissingError, sqlite3.Error):
                self._drop_names()
                return False

    def reconnect(self) -> None:
        """Close the connections, because the index may have been rebuilt. The next search opens the new index."""
        self.thread.submit(self._close_reader)
        self._close_names()

    def _close_names(self) -> None:
        with self._names_lock:
            self._drop_names()

    def _drop_names(self) -> None:
        if self._names is not None:
            self._names.close()
            self._names = None

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open_files(self, documents: Iterable[Document]) -> dict[str, FileRows]:
        """Return the index rows of the open documents that may be indexed. Parse the documents that have changed."""
        rules = self._current_rules()
        kept: dict[str, tuple[Document, FileRows]] = {}
        for document in documents:
            path = self.relative(document.uri)
            if path is None or rules.refuses(path) is not None:
                continue
            known = self._rows.get(path)
            if known is not None and known[0] is document:
                kept[path] = known
                continue
            try:
                kept[path] = document, extract(path, document.syntax.source, OPEN_PARSE_S, document.syntax)
            except ParseTimeoutError:
                log.info("%s takes too long to parse", path)
        self._rows = kept
        return {path: rows for path, (_, rows) in kept.items()}

    def _current_rules(self) -> Rules:
        now = time.monotonic()
        if self._rules is None or now - self._rules_read_at >= RULES_S:
            self._rules, self._rules_read_at = Rules(self.root), now
        return self._rules

    def relative(self, uri: str) -> str | None:
        """Return the path of a document relative to this folder; None if it is outside."""
        path = to_fs_path(uri)
        if path is None or not Path(path).is_relative_to(self.root):
            return None
        return Path(path).relative_to(self.root).as_posix()


class Projects:
    """Keeps a `Workspace` for each folder that contains an open document. Use it on the event loop only.

    Args:
        sessions: the open documents.
        on_state: called with a workspace folder and each state that its indexer reports.
        clock: returns the time in seconds, used to measure the time since the user cancelled indexing.
    """

    def __init__(self, sessions: Sessions, on_state: OnState, clock: Callable[[], float] = time.monotonic) -> None:
        self._sessions = sessions
        self._on_state = on_state
        self._clock = clock
        self._workspaces: dict[Path, Workspace] = {}

    def viewed(self, uri: str) -> None:
        """Remember that the user looks at a document. The first document of a workspace starts its indexer."""
        if (found := self._of(uri)) is not None:
            workspace, path = found
            if path in workspace.viewed:
                workspace.viewed.remove(path)
            workspace.viewed.append(path)

    def edited(self, uri: str, lines: Iterable[int]) -> None:
        """Remember the lines at which a document was changed."""
        if (found := self._of(uri)) is not None:
            workspace, path = found
            for line in lines:
                for earlier in list(workspace.edits):
                    if earlier[0] == path and abs(earlier[1] - line) < NEAR_LINES:
                        workspace.edits.remove(earlier)
                workspace.edits.append((path, line))

    def changed_on_disk(self, uris: Iterable[str]) -> None:
        """Tell the indexers about files that the editor saved or reported as changed."""
        for uri in uris:
            for workspace in self._workspaces.values():
                if (path := workspace.relative(uri)) is not None:
                    workspace.indexer.changed([path])

    async def retrieve(self, document: Document, cursor: Cursor, tokens: int, limit_s: float) -> Retrieved:
        """Return snippets for a cursor, found in the workspace's thread.

        A document outside every workspace folder gets no snippets.
        """
        found = self._of(document.uri)
        if found is None or tokens == 0:
            return Retrieved((), {}, ())
        workspace, _ = found
        documents = self._sessions.documents()
        search = partial(workspace.retrieve, cursor, documents, workspace.history, tokens, limit_s)
        return await asyncio.get_running_loop().run_in_executor(workspace.thread, search)

    @asynccontextmanager
    async def project(self, uri: str) -> AsyncIterator[Project]:
        """Open the project of a document for work that takes longer. Outside every workspace folder, it is empty."""
        if (found := self._of(uri)) is None:
            yield Project(None)
            return
        make = partial(found[0].project, self._sessions.documents())
        project = await asyncio.get_running_loop().run_in_executor(found[0].thread, make)
        yield project
        # After an error or a cancellation, a thread may still use the connection. Python closes it later.
        if project.reader is not None:
            project.reader.close()

    def knows(self, uri: str) -> Callable[[str], bool]:
        """Return a function that returns whether a document's project defines a name. Any thread may call it."""
        found = self._of(uri)
        return found[0].defines if found is not None else lambda _: False

    async def stop_indexing(self, folder: Path) -> None:
        """Stop a workspace's indexer because the user cancelled it. Files that are already indexed are still used."""
        if (workspace := self._workspaces.get(folder)) is not None:
            workspace.stopped_at = self._clock()
            await workspace.indexer.stop()

    def resume_indexing(self, uri: str) -> None:
        """Start a cancelled indexer again if `RESUME_S` have passed. Call this when a document was opened or saved."""
        found = self._of(uri)
        if found is None or (stopped_at := found[0].stopped_at) is None:
            return
        if self._clock() - stopped_at >= RESUME_S:
            found[0].stopped_at = None
            found[0].indexer.start()

    async def close(self) -> None:
        """Close all workspaces."""
        workspaces = list(self._workspaces.values())
        self._workspaces.clear()
        await asyncio.gather(*(each.close() for each in workspaces))

    def remove(self, folders: Iterable[types.WorkspaceFolder]) -> list[Workspace]:
        """Remove folders that left the workspace. Return their `Workspace` objects; the caller must close them."""
        paths = [Path(path) for each in folders if (path := to_fs_path(each.uri)) is not None]
        roots = {*paths, *(path.resolve() for path in paths)}
        return [self._workspaces.pop(root) for root in roots & self._workspaces.keys()]

    def _of(self, uri: str) -> tuple[Workspace, str] | None:
        """Return the workspace of a document and the document's path in it; None if no workspace contains it."""
        folder = self._sessions.workspace_of(uri)
        if folder is None:
            return None
        workspace = self._workspaces.get(folder)
        if workspace is None:
            workspace = self._workspaces[folder] = Workspace(
                folder, lambda state: self._on_indexer_state(folder, state)
            )
            workspace.indexer.start()
        path = workspace.relative(uri)
        return None if path is None else (workspace, path)

    def _on_indexer_state(self, folder: Path, state: IndexerState) -> None:
        workspace = self._workspaces.get(folder)
        if workspace is None:
            return
        if state.state == "indexing" and state.total == 0:
            workspace.reconnect()
        self._on_state(folder, state)
