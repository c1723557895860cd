"""The projects round the open documents: their indexes, what is open over them, and what the user did last."""

import asyncio
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
from slm_lsp.index.project import Project
from slm_lsp.index.reader import Reader
from slm_lsp.index.walk import Rules
from slm_lsp.server.documents import Document, Documents

log = logging.getLogger(__name__)

REMEMBERED = 24
"""Edits and looked-at files that are kept in mind."""

NEAR_LINES = 20
"""An edit so near to an earlier one of the same file takes its place."""

OPEN_PARSE_S = 0.25

RULES_S = 5.0
"""After so long what is ignored is asked for again."""

RESUME_S = 300.0
"""After a user has cancelled indexing, this much time passes before an opened or saved file starts it again."""

NAME_S = 0.005
"""How long to look for a name; it takes some hundredths of a millisecond."""

Told = Callable[[Path, IndexerState], None]


class Workspace:
    """One workspace folder. `retrieve` runs in its one thread, everything else in the loop; each has its connection."""

    def __init__(self, root: Path, told: Callable[[IndexerState], None]) -> None:
        self.root = root
        self.indexer = IndexerClient(root, told)
        self.edits: deque[tuple[str, int]] = deque(maxlen=REMEMBERED)
        self.viewed: deque[str] = deque(maxlen=REMEMBERED)
        self.thread = ThreadPoolExecutor(1, "retrieve")
        self._rules, self._ruled = Rules(root), time.monotonic()
        self._reader: Reader | None = None
        self._names: Reader | None = None
        self._rows: dict[str, tuple[int, FileRows]] = {}
        self._closed = False
        self.stopped_at: float | None = None
        """When the user cancelled indexing; None while it goes on."""

    async def close(self) -> None:
        """Stop the indexer; release the thread, after what it has to do, and both connections."""
        self._closed = True
        self._forget_names()
        self.thread.submit(self._drop)
        self.thread.shutdown(wait=False)
        await self.indexer.stop()

    def retrieve(self, cursor: Cursor, documents: Iterable[Document], tokens: int, limit_s: float) -> Retrieved:
        """Snippets for a place; errors of the index mean that there are fewer."""
        history = History(tuple(reversed(self.edits)), tuple(reversed(self.viewed)))
        if time.monotonic() - self._ruled >= RULES_S:
            self._rules, self._ruled = Rules(self.root), time.monotonic()
        opened = self._opened(documents)
        try:
            return retrieve(cursor, Project(self._connected(), opened), history, tokens, limit_s)
        except IndexMissingError as error:
            log.warning("%s: %s", self.root, error)
            self._drop()
            return retrieve(cursor, Project(None, opened), history, tokens, limit_s)

    def _connected(self) -> Reader | None:
        if self._reader is None:
            try:
                self._reader = Reader(index_dir(self.root))
            except IndexMissingError:
                return None
        return self._reader

    def defines(self, name: str) -> bool:
        """Whether a file defines a name; False where the index cannot tell at once. In the loop."""
        try:
            if self._closed:
                return False
            if self._names is None:
                self._names = Reader(index_dir(self.root))
            with self._names.time_limit(NAME_S):
                return self._names.defines(name)
        except (IndexMissingError, sqlite3.Error):
            self._forget_names()
            return False

    def reconnect(self) -> None:
        """The index may have been built anew: what is open is the old one."""
        self.thread.submit(self._drop)
        self._forget_names()

    def _forget_names(self) -> None:
        if self._names is not None:
            self._names.close()
            self._names = None

    def _drop(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _opened(self, documents: Iterable[Document]) -> dict[str, FileRows]:
        """Rows of the open documents that may be indexed, parsed again where they changed."""
        kept: dict[str, tuple[int, FileRows]] = {}
        for document in documents:
            path = self.relative(document.uri)
            if path is None or self._rules.refuses(path) is not None:
                continue
            known = self._rows.get(path)
            if known is not None and known[0] == document.version:
                kept[path] = known
                continue
            try:
                source = document.text.encode("utf-8", errors="replace")
                kept[path] = document.version, extract(path, source, OPEN_PARSE_S)
            except ParseTimeoutError:
                log.info("%s takes too long to parse", path)
        self._rows = kept
        return {path: rows for path, (_, rows) in kept.items()}

    def relative(self, uri: str) -> str | None:
        """The path of a document in this workspace; None outside."""
        path = to_fs_path(uri)
        if path is None or not Path(path).is_relative_to(self.root):
            return None
        return Path(path).relative_to(self.root).as_posix()


class Projects:
    """Every workspace folder with an open document. State of the server's loop.

    Args:
        documents: the open documents.
        told: called with a workspace's folder and what its indexer says.
        clock: seconds, by which the pause after a cancel is measured.
    """

    def __init__(self, documents: Documents, told: Told, clock: Callable[[], float] = time.monotonic) -> None:
        self._documents = documents
        self._told = told
        self._clock = clock
        self._workspaces: dict[Path, Workspace] = {}

    def looked_at(self, uri: str) -> None:
        """A document was opened or the cursor came to it; its workspace gets its indexer."""
        if (found := self._of(uri)) is not None:
            workspace, path = found
            if path in workspace.viewed:
                workspace.viewed.remove(path)
            workspace.viewed.append(path)

    def edited(self, uri: str, lines: Iterable[int]) -> None:
        """Remember where a document was changed."""
        if (found := self._of(uri)) is not None:
            workspace, path = found
            for line in lines:
                for earlier in list(workspace.edits):
                    if earlier[0] == path and abs(earlier[1] - line) < NEAR_LINES:
                        workspace.edits.remove(earlier)
                workspace.edits.append((path, line))

    def changed_on_disk(self, uris: Iterable[str]) -> None:
        """The editor saved files, or saw them change."""
        for uri in uris:
            for workspace in self._workspaces.values():
                if (path := workspace.relative(uri)) is not None:
                    workspace.indexer.changed([path])

    async def retrieve(self, document: Document, cursor: Cursor, tokens: int, limit_s: float) -> Retrieved:
        """Snippets for a place in a document; none where the document lies in no workspace folder."""
        found = self._of(document.uri)
        if found is None or tokens == 0:
            return Retrieved((), {}, ())
        workspace, _ = found
        opened = list(self._documents.opened())
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(workspace.thread, workspace.retrieve, cursor, opened, tokens, limit_s)

    def knows(self, uri: str) -> Callable[[str], bool]:
        """Tells of names whether a document's project defines them; of none while there is no index."""
        found = self._of(uri)
        return found[0].defines if found is not None else lambda _: False

    async def stop_indexing(self, folder: Path) -> None:
        """Stop a workspace's indexer because the user cancelled it. What is indexed already is used."""
        if (workspace := self._workspaces.get(folder)) is not None:
            workspace.stopped_at = self._clock()
            await workspace.indexer.stop()

    def resume_indexing(self, uri: str) -> None:
        """Start a cancelled indexer again, if `RESUME_S` have passed. Called when a document was opened or saved."""
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
        """Take out folders that left the workspace. Returns them for the caller to close."""
        paths = [Path(path) for each in folders if (path := to_fs_path(each.uri)) is not None]
        roots = {*paths, *(path.resolve() for path in paths)}
        return [self._workspaces.pop(root) for root in roots & self._workspaces.keys()]

    def _of(self, uri: str) -> tuple[Workspace, str] | None:
        folder = self._documents.workspace_of(uri)
        if folder is None:
            return None
        workspace = self._workspaces.get(folder)
        if workspace is None:
            workspace = self._workspaces[folder] = Workspace(folder, lambda state: self._heard(folder, state))
            workspace.indexer.start()
        path = workspace.relative(uri)
        return None if path is None else (workspace, path)

    def _heard(self, folder: Path, state: IndexerState) -> None:
        workspace = self._workspaces.get(folder)
        if workspace is None:
            return
        if state.state == "indexing" and state.total == 0:
            workspace.reconnect()
        self._told(folder, state)
