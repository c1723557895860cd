"""Puts the server together: registers a handler for each message and declares where the handler's work runs."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

from lsprotocol import types
from pygls.uris import from_fs_path, to_fs_path

from slm_lsp import __version__
from slm_lsp.config import Settings
from slm_lsp.engine.client.adjust import adjust, start_with
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import ParseTimeoutError, UsageError
from slm_lsp.index.process import IndexerState
from slm_lsp.languages.parse import LIMIT_S
from slm_lsp.server.completion_list import completion_list, supports_inline_completion
from slm_lsp.server.document import Document
from slm_lsp.server.edit_handlers import register_edits
from slm_lsp.server.edits import Edits
from slm_lsp.server.inline_completion import InlineCompletions
from slm_lsp.server.outcomes import COMPLETION_ACCEPTED, Outcomes, parse_report
from slm_lsp.server.prepare import prepare
from slm_lsp.server.progress import IndexProgress
from slm_lsp.server.projects import Projects
from slm_lsp.server.protocol import TOKEN, Runs, Server
from slm_lsp.server.rename import Renames
from slm_lsp.server.services import Services
from slm_lsp.server.settings import SettingsCache
from slm_lsp.server.status import STATUS, StatusReport
from slm_lsp.server.stream import Stream
from slm_lsp.server.warming import CURSOR_S
from slm_lsp.text import Encoding

log = logging.getLogger(__name__)

CURSOR = "slm/cursor"


class App:
    """The state of one client's session: settings, the engine's client, and the features."""

    def __init__(self, server: Server, overrides: Mapping[str, object]) -> None:
        self._server = server
        self._settings = SettingsCache(overrides, self._warn)
        self.engine = EngineClient()
        self.sessions = server.protocol.sessions
        self.status = StatusReport(lambda state: server.protocol.notify(STATUS, state))
        self.projects = Projects(self.sessions, self._on_indexer_state)
        self.stream = Stream(server.protocol.notify)
        self.outcomes = Outcomes()
        services = Services(
            self.sessions, self.projects, self.engine, self.settings, self.status, self.stream, self.outcomes
        )
        self.inline = InlineCompletions(services)
        self.edits = Edits(server, services)
        self._background: set[asyncio.Task[None]] = set()
        self._parser = ThreadPoolExecutor(1, "parse")
        """Parses opened documents in a single thread, so that opening many files at once does not delay completions."""
        self._progress: dict[Path, IndexProgress] = {}
        self._configuring: asyncio.Task[None] | None = None
        self._engine_configured = False
        self._closing: asyncio.Task[None] | None = None

    async def settings(self, uri: str | None = None) -> Settings:
        """Return the settings for a document. For None, return the settings that apply outside any workspace folder."""
        found = await self._settings.get(self.sessions.workspace_of(uri) if uri else None)
        if (stopped := self.outcomes.switch(found.statistics)) is not None:
            self.in_background(asyncio.to_thread(stopped.close))
        return found

    def configure(self, tree: Any) -> None:
        """Apply the editor's settings, which are at the top level or under the key `slm` or `slm-lsp`.

        Ignore a value that is not a JSON object.
        """
        if isinstance(tree, dict):
            inner = next((tree[key] for key in ("slm", "slm-lsp") if isinstance(tree.get(key), dict)), tree)
            self._settings.configure({key: value for key, value in inner.items() if key != TOKEN})
        if self._configuring is not None:
            self._configuring.cancel()
        self._configuring = self.in_background(self._configure_engine())

    async def _configure_engine(self) -> None:
        """Run the engine with the editor's settings for it. Do nothing if the editor has never set any."""
        settings = await self.settings()
        if self._settings.editor.get("engine") or self._engine_configured:
            self._engine_configured = True
            start_with(self.engine, settings.engine)
            await adjust(self.engine, settings.engine)

    def file_changed(self, uri: str) -> None:
        """If the file that changed on disk contains settings, apply the settings and show the problems in them."""
        path = to_fs_path(uri)
        if path is not None and self._settings.is_settings_file(Path(path)):
            self._settings.file_changed()
            self.in_background(self._show_problems(uri))

    def opened(self, uri: str) -> None:
        """Start the work for a document that was opened."""
        session = self.sessions.get(uri)
        self.in_background(self._show_problems(uri))
        if self._closing is None:
            self._parser.submit(_parse, session.document)
        self.projects.viewed(uri)
        self.projects.resume_indexing(uri)
        self.inline.warming.opened(session)

    def cursor_moved(self, uri: str, position: types.Position) -> None:
        """Evaluate the prompt at the cursor when the cursor has rested. Ignore a document that is not open."""
        self.projects.viewed(uri)
        with contextlib.suppress(UsageError):
            self.inline.warming.schedule(self.sessions.get(uri), position, CURSOR_S)

    async def _show_problems(self, uri: str) -> None:
        """Show the problems in the settings of a document's workspace. The cache shows them when it resolves these."""
        await self.settings(uri)

    def _warn(self, problem: str) -> None:
        self._server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, problem))

    def in_background(self, work: Any) -> "asyncio.Task[None]":
        """Run a coroutine without waiting for its result. Log its failure."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _on_indexer_state(self, folder: Path, state: IndexerState) -> None:
        """Show an indexer's state as status and progress. Also log a failure and show it as a message."""
        self._indexing(folder).show(state)
        if state.state == "failed":
            log.warning("%s is not indexed: %s", folder, state.reason)
            self._warn(f"{folder.name} is not indexed, so completions use only the open files. {state.reason}")
        percent = 100 * state.done // state.total if state.total else 0
        self.status.set_indexed({"ready": 100, "waiting": 100, "failed": None}.get(state.state, percent))

    def _indexing(self, folder: Path) -> IndexProgress:
        """Return the progress of indexing a workspace folder. Clients that support progress show it."""
        if folder not in self._progress:
            window = self._server.client_capabilities.window
            supported = window is not None and bool(window.work_done_progress)
            progress = self._server.work_done_progress if supported else None

            def stop() -> None:
                self.in_background(self.projects.stop_indexing(folder))

            self._progress[folder] = IndexProgress(progress, folder.name, stop)
        return self._progress[folder]

    def forget(self, folder: Path) -> None:
        """Drop the state of a workspace folder that was closed."""
        self._settings.forget(folder)
        if (progress := self._progress.pop(folder, None)) is not None:
            progress.close("closed")

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work failed: %s", error, exc_info=error)

    async def close(self) -> None:
        """Release everything that the session holds. A second call waits until the first call has finished."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._release())
        await asyncio.shield(self._closing)

    async def _release(self) -> None:
        self.inline.warming.pause()
        self.status.close()
        for task in self._background:
            task.cancel()
        await self.edits.close()
        self._parser.shutdown(wait=False, cancel_futures=True)
        await self.projects.close()
        await self.engine.close()
        await asyncio.to_thread(self.outcomes.close)


def _parse(document: Document) -> None:
    """Parse an opened document. Later versions reuse its syntax tree, so parsing them takes much less time."""
    with contextlib.suppress(ParseTimeoutError):
        document.syntax.tree(LIMIT_S)


def _encoding(negotiated: types.PositionEncodingKind | str | None) -> Encoding:
    kinds: tuple[Encoding, ...] = get_args(Encoding)
    value = negotiated.value if isinstance(negotiated, types.PositionEncodingKind) else negotiated
    return next((kind for kind in kinds if kind == value), "utf-16")


def create_server(overrides: Mapping[str, object]) -> Server:
    """Return a server with all handlers, not yet connected to a client. This takes some tens of milliseconds.

    Args:
        overrides: settings of the command line. They take precedence over the editor's settings.
    """
    server = Server("slm-lsp", __version__)
    app = App(server, overrides)
    server.close = app.close
    for register in (_register_session, _register_files, _register_features, _register_rename):
        register(server, app)
    register_edits(server, app.edits, app.sessions)
    prepare(server.protocol)
    return server


def _register_session(server: Server, app: App) -> None:
    """Register the handlers that start, configure and end a session."""

    @server.handles(types.INITIALIZE, Runs.LOOP)
    def initialize(params: types.InitializeParams) -> None:
        folders = list(params.workspace_folders or [])
        root = params.root_uri or (from_fs_path(params.root_path) if params.root_path else None)
        if not folders and root:
            folders = [types.WorkspaceFolder(root, root.rsplit("/", 1)[-1])]
        app.sessions.set_folders(folders, [])
        app.sessions.encoding = _encoding(server.workspace.position_encoding)
        app.stream.configure(params.capabilities)
        if not supports_inline_completion(params.capabilities):
            _register_completion_list(server, app)
        app.configure(params.initialization_options)

    @server.handles(types.SHUTDOWN, Runs.THREAD)
    async def shutdown(_: None) -> None:
        # When the server ends, it cancels this handler if closing takes longer than `RELEASE_S`.
        with contextlib.suppress(asyncio.CancelledError):
            await app.close()

    @server.handles(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, Runs.LOOP)
    def folders_changed(params: types.DidChangeWorkspaceFoldersParams) -> None:
        app.sessions.set_folders(params.event.added, params.event.removed)
        for workspace in app.projects.remove(params.event.removed):
            app.forget(workspace.root)
            app.in_background(workspace.close())

    @server.handles(types.WORKSPACE_DID_CHANGE_CONFIGURATION, Runs.LOOP)
    def configuration_changed(params: types.DidChangeConfigurationParams) -> None:
        app.configure(params.settings)


def _register_files(server: Server, app: App) -> None:
    """Register the handlers for changes of documents and files. `Protocol` updates the sessions before calling them."""

    @server.handles(types.TEXT_DOCUMENT_DID_OPEN, Runs.LOOP)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        app.opened(params.text_document.uri)

    @server.handles(types.TEXT_DOCUMENT_DID_CHANGE, Runs.LOOP)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        app.inline.changed(params.text_document.uri)
        partial = types.TextDocumentContentChangePartial
        lines = [each.range.start.line for each in params.content_changes if isinstance(each, partial)]
        app.projects.edited(params.text_document.uri, lines)

    @server.handles(types.TEXT_DOCUMENT_DID_SAVE, Runs.LOOP)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        app.file_changed(params.text_document.uri)
        app.projects.changed_on_disk([params.text_document.uri])
        app.projects.resume_indexing(params.text_document.uri)

    @server.handles(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, Runs.LOOP)
    def files_changed(params: types.DidChangeWatchedFilesParams) -> None:
        for each in params.changes:
            app.file_changed(each.uri)
        app.projects.changed_on_disk(each.uri for each in params.changes)

    @server.handles(types.TEXT_DOCUMENT_DID_CLOSE, Runs.LOOP)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        app.inline.warming.forget(params.text_document.uri)


def _register_completion_list(server: Server, app: App) -> None:
    """Register the handler for clients without inline completion."""

    @server.handles(types.TEXT_DOCUMENT_COMPLETION, Runs.ENGINE, types.CompletionOptions())
    async def completion(params: types.CompletionParams) -> types.CompletionList:
        document, found = await app.inline.answer(params.text_document.uri, params.position, explicit=False)
        return completion_list(document, found, app.sessions.encoding)


def _register_features(server: Server, app: App) -> None:
    """Register the handlers of completion and status."""

    @server.handles(types.TEXT_DOCUMENT_INLINE_COMPLETION, Runs.ENGINE, types.InlineCompletionOptions())
    async def inline_completion(params: types.InlineCompletionParams) -> types.InlineCompletionList:
        return await app.inline.complete(params)

    @server.runs_command(COMPLETION_ACCEPTED, Runs.LOOP)
    def completion_accepted(argument: Any) -> None:
        report = parse_report(argument)
        app.outcomes.reported(report)
        if report.kind == "accepted":
            app.inline.accepted()

    @server.handles(CURSOR, Runs.LOOP)
    def cursor_moved(params: Any) -> None:
        position = types.Position(params.position.line, params.position.character)
        app.cursor_moved(params.textDocument.uri, position)

    @server.handles(STATUS, Runs.LOOP)
    def status(_: Any) -> Any:
        return app.status.current


def _register_rename(server: Server, app: App) -> None:
    """Register the handlers of renaming."""
    renames = Renames(app.sessions, lambda: server.client_capabilities)

    @server.handles(types.TEXT_DOCUMENT_PREPARE_RENAME, Runs.THREAD)
    async def prepare_rename(params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder:
        return await renames.prepare(params)

    @server.handles(types.TEXT_DOCUMENT_RENAME, Runs.THREAD, types.RenameOptions(prepare_provider=True))
    async def rename(params: types.RenameParams) -> types.WorkspaceEdit:
        return await renames.rename(params)
