"""An editor for the tests of edits: it applies `workspace/applyEdit` like a plain client, and reports the change."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lsprotocol import types
from pytest_lsp import LanguageClient

from slm_lsp.text import Encoding, Lines, TextEdit, apply_edits, column
from tests.engine.client.test_process import until
from tests.server.conftest import Editor

Applies = Literal["at once", "late", "never", "refuses"]
"""How the editor answers `workspace/applyEdit`: it applies the edit and reports the change before or after its answer,
or it says that it applied the edit but does not, or it refuses."""

LATE_S = 0.5


class EditingEditor(Editor):
    """An editor with some documents.

    Args:
        client: the connection to the server.
        log: folder of the scripted server; None for another server.
    """

    def __init__(self, client: LanguageClient, log: Path | None = None) -> None:
        super().__init__(client)
        self._log = log
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.encoding: Encoding = "utf-16"
        self.applies: Applies = "at once"
        self.edits: list[types.ApplyWorkspaceEditParams] = []

        @client.feature(types.WORKSPACE_APPLY_EDIT)
        def on_edit(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            self.edits.append(params)
            return self._apply(params.edit)

    async def start(
        self,
        folders: Sequence[Path],
        encoding: Encoding = "utf-16",
        without: Sequence[str] = (),
        *,
        stream: bool = False,
    ) -> None:
        """Send `initialize`. `without` names capabilities that the editor does not have."""
        self.encoding = encoding
        capabilities = {
            "general": {"positionEncodings": [encoding]},
            "window": {"workDoneProgress": True},
            "workspace": {
                "applyEdit": True,
                "workspaceEdit": {"documentChanges": True, "changeAnnotationSupport": {}},
            },
            "textDocument": {
                "inlineCompletion": {},
                "codeAction": {
                    "codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}},
                    "dataSupport": True,
                    "resolveSupport": {"properties": ["edit", "command"]},
                },
            },
            "experimental": {"slmStream": stream},
        }
        for path in without:
            *parents, name = path.split(".")
            tree: Any = capabilities
            for each in parents:
                tree = tree[each]
            del tree[name]
        params = {
            "processId": None,
            "rootUri": None,
            "capabilities": capabilities,
            "workspaceFolders": [{"uri": each.as_uri(), "name": each.name} for each in folders],
        }
        converted = self.client.protocol._converter.structure(params, types.InitializeParams)
        self.result = await self.client.initialize_session(converted)

    def show(self, uri: str, text: str, language: str = "python") -> str:
        """Open a document."""
        self.texts[uri], self.versions[uri] = text, 1
        item = types.TextDocumentItem(uri, language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def change(self, uri: str, text: str) -> None:
        """Replace the text of a document."""
        self.texts[uri] = text
        self.versions[uri] += 1
        document = types.VersionedTextDocumentIdentifier(self.versions[uri], uri)
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))

    def _apply(self, edit: types.WorkspaceEdit) -> types.ApplyWorkspaceEditResult:
        if self.applies == "refuses":
            return types.ApplyWorkspaceEditResult(False, failure_reason="the file is read-only")
        changes = dict(edit.changes or {})
        for each in edit.document_changes or ():
            assert isinstance(each, types.TextDocumentEdit)
            if each.text_document.version != self.versions[each.text_document.uri]:
                return types.ApplyWorkspaceEditResult(False, failure_reason="the document has changed")
            changes[each.text_document.uri] = each.edits  # type: ignore[assignment]
        for uri, edits in changes.items():
            new = self._edited(self.texts[uri], edits)
            if self.applies == "at once":
                self.change(uri, new)
            elif self.applies == "late":
                asyncio.get_running_loop().call_later(LATE_S, self.change, uri, new)
        return types.ApplyWorkspaceEditResult(True)

    def _edited(self, text: str, edits: Sequence[Any]) -> str:
        def offset(at: types.Position) -> int:
            lines = Lines(text)
            if at.line >= len(lines.starts):
                return len(text)
            return lines.starts[at.line] + column(lines.line(at.line), at.character, self.encoding)

        return apply_edits(text, [TextEdit(offset(e.range.start), offset(e.range.end), e.new_text) for e in edits])

    def command(
        self,
        name: str,
        uri: str,
        place: tuple[int, int, int, int],
        token: str | None = None,
        **fields: object,
    ) -> "asyncio.Future[Any]":
        """Execute a command for a range: line and column of its start and of its end."""
        document = {"uri": uri, "version": self.versions.get(uri)}
        argument = {"textDocument": document, "range": span(place), **fields}
        return self.execute(name, argument, token)

    def execute(self, name: str, argument: object, token: str | None = None, request: str | None = None) -> Any:
        """Execute a command with one argument."""
        if token is not None:
            self.client.progress_reports.setdefault(token, [])
        params = types.ExecuteCommandParams(name, [argument], work_done_token=token)  # type: ignore[list-item]
        answer = self.client.protocol.send_request_async(types.WORKSPACE_EXECUTE_COMMAND, params, msg_id=request)
        return asyncio.ensure_future(_plain_result(answer))

    async def actions(
        self,
        uri: str,
        place: tuple[int, int, int, int],
        only: list[str] | None = None,
        trigger: types.CodeActionTriggerKind = types.CodeActionTriggerKind.Invoked,
        diagnostics: Sequence[types.Diagnostic] = (),
    ) -> list[Any]:
        """Return the code actions for a range."""
        context = types.CodeActionContext(list(diagnostics), only, trigger)
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), lsp_range(place), context)
        return list(await self.client.text_document_code_action_async(params) or ())

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests for edits that the scripted model has received, and which of them were cancelled."""
        assert self._log is not None
        log = self._log / "requests.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    async def asked(self, count: int = 1) -> None:
        """Wait until the scripted model has received a number of requests."""
        await until(lambda: sum("prompt" in each for each in self.requests()) >= count)

    def log(self) -> str:
        """Return the log of the scripted server."""
        assert self._log is not None
        return (self._log / "server.log").read_text()

    def messages_of(self, token: int | str) -> list[str]:
        """Return what the progress with a token has shown."""
        return [each.message for each in self.client.progress_reports[token] if each.message is not None]


async def _plain_result(answer: Any) -> Any:
    return plain(await answer)


def plain(value: Any) -> Any:
    """Return a JSON value as dictionaries and lists."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def span(place: tuple[int, int, int, int]) -> dict[str, dict[str, int]]:
    line, character, last, end = place
    return {"start": {"line": line, "character": character}, "end": {"line": last, "character": end}}


def lsp_range(place: tuple[int, int, int, int]) -> types.Range:
    line, character, last, end = place
    return types.Range(types.Position(line, character), types.Position(last, end))
