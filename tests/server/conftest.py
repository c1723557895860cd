"""Fixtures that start a real `slm-lsp serve --stdio` and a real client."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient

SERVE = [sys.executable, "-m", "slm_lsp.cli.main", "serve", "--stdio"]

Start = Callable[..., Awaitable["Editor"]]


class Editor:
    """A client with one workspace folder."""

    def __init__(self, client: LanguageClient) -> None:
        self.client = client
        self.statuses: list[Any] = []
        self.streams: list[Any] = []
        self.refined: list[Any] = []
        self._streamed = asyncio.Event()

        @client.feature("slm/status")
        def on_status(status: Any) -> None:
            self.statuses.append(status)

        @client.feature("slm/stream")
        def on_stream(message: Any) -> None:
            self.streams.append(message)
            if message.done:
                self._streamed.set()

        @client.feature("slm/refined")
        def on_refined(message: Any) -> None:
            self.refined.append(message)

    async def streamed(self) -> None:
        """Wait until a whole suggestion has been streamed."""
        await asyncio.wait_for(self._streamed.wait(), 120)

    async def initialize(
        self, folder: Path, encodings: list[str], inline: bool, experimental: dict[str, bool], **options: Any
    ) -> types.InitializeResult:
        general = types.GeneralClientCapabilities(
            position_encodings=[types.PositionEncodingKind(each) for each in encodings]
        )
        self.result = await self.client.initialize_session(
            types.InitializeParams(
                capabilities=types.ClientCapabilities(
                    general=general,
                    text_document=types.TextDocumentClientCapabilities(
                        inline_completion=types.InlineCompletionClientCapabilities() if inline else None
                    ),
                    experimental=experimental or None,
                ),
                workspace_folders=[types.WorkspaceFolder(folder.as_uri(), folder.name)],
                initialization_options=options or None,
            )
        )
        return self.result

    def open(self, path: Path, text: str | None = None, language: str = "python") -> str:
        uri = path.as_uri()
        item = types.TextDocumentItem(uri, language, 1, path.read_text() if text is None else text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def type(self, uri: str, version: int, line: int, character: int, text: str) -> None:
        at = types.Position(line, character)
        change = types.TextDocumentContentChangePartial(types.Range(at, at), text)
        document = types.VersionedTextDocumentIdentifier(version, uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    def complete(self, uri: str, line: int, character: int, *, explicit: bool = True) -> "asyncio.Future[Any]":
        kind = types.InlineCompletionTriggerKind
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(kind.Invoked if explicit else kind.Automatic),
            types.TextDocumentIdentifier(uri),
            types.Position(line, character),
        )
        return asyncio.ensure_future(self.client.text_document_inline_completion_async(params))


@pytest_asyncio.fixture
async def start(module_home: dict[str, str], tmp_path: Path) -> AsyncIterator[Start]:
    """Return a function that starts an editor. Each editor has its own server; all servers share one engine."""
    editors: list[Editor] = []

    async def start_one(
        encodings: list[str] | None = None,
        environ: dict[str, str] | None = None,
        *,
        inline: bool = True,
        stream: bool = False,
        refined: bool = False,
        **options: Any,
    ) -> Editor:
        config = ClientServerConfig(server_command=SERVE, server_env=environ or module_home)
        editor = Editor(await config.start())  # type: ignore[arg-type]
        editors.append(editor)
        experimental = {"slmStream": True} if stream else {}
        experimental |= {"slmRefined": True} if refined else {}
        await editor.initialize(tmp_path, encodings or ["utf-16"], inline, experimental, **options)
        return editor

    yield start_one
    for editor in editors:
        await editor.client.shutdown_session()
        await editor.client.stop()


@pytest.fixture
def program() -> str:
    return "def fib(n):\n    if n < 2:\n        return n\n    return \n\n\nprint(fib(10))\n"


@pytest_asyncio.fixture
async def editing(home: dict[str, str], tmp_path: Path, tiny_model: Path) -> AsyncIterator[Callable[..., Any]]:
    """Return a function that starts an editor on a server with scripted answers. See `scripted_server.py`."""
    from tests.server.editing import EditingEditor

    editors: list[EditingEditor] = []

    async def start_one(
        *answers: str, line_s: float = 0.0, folders: tuple[str, ...] = ("work",), **options: Any
    ) -> Any:
        log = tmp_path / f"script{len(editors)}"
        log.mkdir()
        (log / "script.json").write_text(json.dumps({"answers": answers, "line_s": line_s}))
        command = [sys.executable, str(Path(__file__).parent / "scripted_server.py"), str(log)]
        config = ClientServerConfig(server_command=command, server_env=home | {"SLM_LSP_MODEL": str(tiny_model)})
        editor = EditingEditor(await config.start(), log)  # type: ignore[arg-type]
        editors.append(editor)
        roots = [tmp_path / each for each in folders]
        for each in roots:
            each.mkdir(exist_ok=True)
        await editor.start(roots, **options)
        return editor

    yield start_one
    for editor in editors:
        await editor.client.shutdown_session()
        await editor.client.stop()
