"""Puts the server together: which messages it understands, and what becomes of each. Handlers are a few lines."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from lsprotocol import types
from pygls.uris import from_fs_path

from slm_lsp import __version__
from slm_lsp.config import Settings
from slm_lsp.engine.client.adjust import adjust, start_with
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.index.process import IndexerState
from slm_lsp.server.completion_list import completion_list, knows_inline
from slm_lsp.server.inline_completion import InlineCompletions
from slm_lsp.server.progress import IndexProgress
from slm_lsp.server.projects import Projects
from slm_lsp.server.protocol import TOKEN, Protocol, Server
from slm_lsp.server.settings import SettingsCache
from slm_lsp.server.status import STATUS, StatusReport
from slm_lsp.server.stream import Stream
from slm_lsp.server.tally import COMPLETION_ACCEPTED, Tally, read_outcome
from slm_lsp.server.warming import CURSOR_S
from slm_lsp.text import Encoding

log = logging.getLogger(__name__)

CURSOR = "slm/cursor"


class App:
    """The state of one server: settings, the engine's client, and the features over them."""

    def __init__(self, server: Server, overrides: Mapping[str, object]) -> None:
        self._server = server
        self._settings = SettingsCache(overrides, self._warn)
        self.engine = EngineClient()
        self.status = StatusReport(lambda state: server.protocol.notify(STATUS, state))
        self.projects = Projects(server.protocol.documents, self._indexer_said)
        self.stream = Stream(server.protocol.notify)
        self.tally = Tally()
        self.inline = InlineCompletions(
            server.protocol.documents,
            self.projects,
            self.engine,
            self.settings,
            self.status,
            self.stream,
            self.tally,
        )
        self._background: set[asyncio.Task[None]] = set()
        self._progress: dict[Path, IndexProgress] = {}
        self._adjusting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    def settings(self, uri: str | None = None) -> Settings:
        """What is set for a document: its workspace may have a file of its own."""
        found = self._settings.get(self._server.protocol.documents.workspace_of(uri) if uri else None)
        # A settings file may have changed since the last request.
        if (stopped := self.tally.switch(found.statistics)) is not None:
            self.in_background(asyncio.to_thread(stopped.close))
        return found

    def configure(self, tree: Any) -> None:
        """Apply the editor's settings, bare or in a group of our name; anything but an object changes none of them."""
        if isinstance(tree, dict):
            inner = next((tree[key] for key in ("slm", "slm-lsp") if isinstance(tree.get(key), dict)), tree)
            self._settings.configure({key: value for key, value in inner.items() if key != TOKEN})
        settings = self.settings()
        if self._settings.editor.get("engine") or self._adjusting is not None:
            start_with(self.engine, settings.engine)
            if self._adjusting is not None:
                self._adjusting.cancel()
            self._adjusting = self.in_background(adjust(self.engine, settings.engine))

    def _warn(self, problem: str) -> None:
        self._server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, problem))

    def in_background(self, work: Any) -> "asyncio.Task[None]":
        """Run a coroutine that nobody waits for; its failure goes to the log."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _indexer_said(self, folder: Path, state: IndexerState) -> None:
        """Show it in the status and as progress; what went wrong goes to the log too."""
        self._indexing(folder).show(state)
        if state.state == "failed":
            log.warning("%s is not indexed: %s", folder, state.reason)
            told = f"{folder.name} is not indexed, so completions know only the open files. {state.reason}"
            self._warn(told)
        percent = 100 * state.done // state.total if state.total else 0
        self.status.set_indexed({"ready": 100, "waiting": 100, "failed": None}.get(state.state, percent))

    def _indexing(self, folder: Path) -> IndexProgress:
        """The progress of a workspace, shown by clients that say they can."""
        if folder not in self._progress:
            window = self._server.client_capabilities.window
            able = window is not None and bool(window.work_done_progress)
            progress = self._server.work_done_progress if able else None

            def stop() -> None:
                self.in_background(self.projects.stop_indexing(folder))

            self._progress[folder] = IndexProgress(progress, folder.name, stop)
        return self._progress[folder]

    def forget(self, folder: Path) -> None:
        """Drop what is kept of a workspace folder that was closed."""
        self._settings.forget(folder)
        if (progress := self._progress.pop(folder, None)) is not None:
            progress.close("closed")

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work failed: %s", error, exc_info=error)

    async def close(self) -> None:
        """Release what the session holds. A second call waits for the first one to end."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._release())
        await asyncio.shield(self._closing)

    async def _release(self) -> None:
        self.inline.warming.rest()
        self.status.close()
        for task in self._background:
            task.cancel()
        await self.projects.close()
        await self.engine.close()
        await asyncio.to_thread(self.tally.close)


def _encoding(negotiated: types.PositionEncodingKind | str | None) -> Encoding:
    kinds: tuple[Encoding, ...] = get_args(Encoding)
    value = negotiated.value if isinstance(negotiated, types.PositionEncodingKind) else negotiated
    return next((kind for kind in kinds if kind == value), "utf-16")


def create_server(overrides: Mapping[str, object]) -> Server:
    """A server with every handler registered, not yet connected to anything."""
    server = Server("slm-lsp", __version__, protocol_cls=Protocol)
    app = App(server, overrides)
    server.close = app.close
    for register in (_session, _files, _features):
        register(server, app)
    return server


def _session(server: Server, app: App) -> None:
    """What begins, ends and configures a session."""
    documents = server.protocol.documents

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        folders = list(params.workspace_folders or [])
        root = params.root_uri or (from_fs_path(params.root_path) if params.root_path else None)
        if not folders and root:
            folders = [types.WorkspaceFolder(root, root.rsplit("/", 1)[-1])]
        documents.set_folders(folders, [])
        documents.encoding = _encoding(server.workspace.position_encoding)
        app.stream.listen(params.capabilities)
        if not knows_inline(params.capabilities):
            _completion_list(server, app)
        app.configure(params.initialization_options)

    @server.feature(types.SHUTDOWN)
    async def shutdown(_: None) -> None:
        # Cancelled where closing takes longer than the end of the server waits for it.
        with contextlib.suppress(asyncio.CancelledError):
            await app.close()

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def folders_changed(params: types.DidChangeWorkspaceFoldersParams) -> None:
        documents.set_folders(list(params.event.added), list(params.event.removed))
        for workspace in app.projects.remove(params.event.removed):
            app.forget(workspace.root)
            app.in_background(workspace.close())

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def configuration_changed(params: types.DidChangeConfigurationParams) -> None:
        app.configure(params.settings)


def _files(server: Server, app: App) -> None:
    """What happens to documents, in the editor and on disk; their texts are kept by the protocol."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        app.settings(params.text_document.uri)  # shows what is wrong in the workspace's settings
        app.projects.looked_at(params.text_document.uri)
        app.projects.resume_indexing(params.text_document.uri)
        app.inline.warming.opened(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        app.inline.changed(params.text_document.uri)
        partial = types.TextDocumentContentChangePartial
        lines = [each.range.start.line for each in params.content_changes if isinstance(each, partial)]
        app.projects.edited(params.text_document.uri, lines)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        app.projects.changed_on_disk([params.text_document.uri])
        app.projects.resume_indexing(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(params: types.DidChangeWatchedFilesParams) -> None:
        app.projects.changed_on_disk(each.uri for each in params.changes)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        app.inline.forget(params.text_document.uri)


def _completion_list(server: Server, app: App) -> None:
    """For clients that know no inline completion."""

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions())
    async def completion(params: types.CompletionParams) -> types.CompletionList:
        document, found = await app.inline.answer(params.text_document.uri, params.position, explicit=False)
        return completion_list(document, found, server.protocol.documents.encoding)


def _features(server: Server, app: App) -> None:
    """What users see."""

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline_completion(params: types.InlineCompletionParams) -> types.InlineCompletionList:
        return await app.inline.complete(params)

    @server.command(COMPLETION_ACCEPTED)
    def completion_accepted(told: Any) -> None:
        outcome = read_outcome(told)
        app.tally.outcome(outcome)
        if outcome.kind == "accepted":
            app.inline.accepted()

    @server.feature(CURSOR)
    def cursor_moved(params: Any) -> None:
        uri, position = params.textDocument.uri, params.position
        app.projects.looked_at(uri)
        app.inline.warming.soon(uri, types.Position(position.line, position.character), CURSOR_S)

    @server.feature(STATUS)
    def status(_: Any) -> Any:
        return app.status.current
