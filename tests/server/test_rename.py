"""`textDocument/prepareRename` and `textDocument/rename` with the real server. These requests need no model."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig

from tests.server.conftest import SERVE, Editor
from tests.server.editing import EditingEditor

Start = Callable[..., Awaitable[EditingEditor]]

CORE = "def compute(x):\n    return x\n"
USE = "from core import compute\n\ntext = '𝄞'; print(compute(1))\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "core.py").write_text(CORE)
    (tmp_path / "use.py").write_text(USE)
    return tmp_path


@pytest_asyncio.fixture
async def start(module_home: dict[str, str], tmp_path: Path) -> AsyncIterator[Start]:
    """Return a function that starts an editor with one workspace folder."""
    editors: list[EditingEditor] = []

    async def start_one(encoding: Any = "utf-16", without: tuple[str, ...] = ()) -> EditingEditor:
        config = ClientServerConfig(server_command=SERVE, server_env=module_home)
        editor = EditingEditor(await config.start())  # type: ignore[arg-type]
        editors.append(editor)
        await editor.start([tmp_path], encoding, without)
        return editor

    yield start_one
    for editor in editors:
        await editor.client.shutdown_session()
        await editor.client.stop()


def place(uri: str, line: int, character: int) -> tuple[types.TextDocumentIdentifier, types.Position]:
    return types.TextDocumentIdentifier(uri), types.Position(line, character)


async def renamed(editor: Editor, uri: str, line: int, character: int, name: str) -> types.WorkspaceEdit:
    found = await editor.client.text_document_rename_async(types.RenameParams(*place(uri, line, character), name))
    assert found is not None
    return found


def edits(found: types.WorkspaceEdit) -> dict[str, tuple[int | None, list[tuple[int, int, int, str]]]]:
    """Return the version and the edits of each file, by its name."""
    result = {}
    for each in found.document_changes or []:
        assert isinstance(each, types.TextDocumentEdit)
        changes = [
            (edit.range.start.line, edit.range.start.character, edit.range.end.character, edit.new_text)
            for edit in each.edits
            if isinstance(edit, types.TextEdit)
        ]
        result[each.text_document.uri.rpartition("/")[2]] = (each.text_document.version, changes)
    return result


async def test_name_is_offered_with_its_range(start: Start, project: Path) -> None:
    editor = await start()
    assert editor.result.capabilities.rename_provider
    uri = editor.open(project / "core.py")
    found = await editor.client.text_document_prepare_rename_async(types.PrepareRenameParams(*place(uri, 0, 6)))
    area = types.Range(types.Position(0, 4), types.Position(0, 11))
    assert found == types.PrepareRenamePlaceholder(area, "compute")


@pytest.mark.parametrize(
    ("line", "character", "message"),
    [(0, 0, "There is no name"), (2, 14, "`print` is not defined in this project")],
)
async def test_error_says_why_a_place_cannot_be_renamed(
    start: Start, project: Path, line: int, character: int, message: str
) -> None:
    editor = await start()
    uri = editor.open(project / "use.py")
    params = types.PrepareRenameParams(*place(uri, line, character))
    with pytest.raises(JsonRpcException, match=message):
        await editor.client.text_document_prepare_rename_async(params)


@pytest.mark.parametrize(("encoding", "column"), [("utf-16", 19), ("utf-8", 21), ("utf-32", 18)])
async def test_edits_name_the_version_of_open_documents_and_use_the_encoding(
    start: Start, project: Path, encoding: str, column: int
) -> None:
    editor = await start(encoding)
    uri = editor.open(project / "use.py")
    found = edits(await renamed(editor, uri, 0, 18, "evaluate"))
    assert found == {
        "core.py": (None, [(0, 4, 11, "evaluate")]),
        "use.py": (1, [(0, 17, 24, "evaluate"), (2, column, column + 7, "evaluate")]),
    }


async def test_client_without_document_changes_gets_plain_changes(start: Start, project: Path) -> None:
    editor = await start(without=("workspace.workspaceEdit",))
    uri = editor.open(project / "use.py")
    found = await renamed(editor, uri, 0, 18, "evaluate")
    assert found.document_changes is None
    assert found.changes is not None
    counts = {uri.rpartition("/")[2]: len(edits) for uri, edits in found.changes.items()}
    assert counts == {"core.py": 1, "use.py": 2}


async def test_text_of_an_open_document_is_used_instead_of_its_file(start: Start, project: Path) -> None:
    editor = await start()
    uri = editor.open(project / "use.py")
    core = editor.open(project / "core.py", "def other(x):\n    return x\n")
    with pytest.raises(JsonRpcException, match="a missing definition may bind this name"):
        await renamed(editor, uri, 0, 18, "evaluate")
    found = edits(await renamed(editor, core, 0, 5, "evaluate"))
    assert found == {"core.py": (1, [(0, 4, 9, "evaluate")])}


async def test_refused_renaming_says_why(start: Start, project: Path) -> None:
    editor = await start()
    uri = editor.open(project / "core.py")
    with pytest.raises(JsonRpcException, match="is a keyword") as caught:
        await renamed(editor, uri, 0, 5, "for")
    assert caught.value.code == types.ErrorCodes.InvalidParams.value
    (project / "test_core.py").write_text("from unittest import mock\nmock.patch('core.compute')\n")
    with pytest.raises(JsonRpcException, match=r"test_core\.py:2") as caught:
        await renamed(editor, uri, 0, 5, "evaluate")
    assert caught.value.code == types.LSPErrorCodes.RequestFailed.value
