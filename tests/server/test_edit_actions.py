"""Code actions: which are offered, in which form, and what they do. The answers of the model are scripted."""

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.server.editing import lsp_range, plain
from tests.server.test_edits import CURSOR, EDITED, GOOD, TEXT, EditorOf, uri_of

AUTOMATIC = types.CodeActionTriggerKind.Automatic


def titles(actions: list[Any]) -> list[str]:
    return [each.title for each in actions]


def diagnostic(message: str, line: int = 4) -> types.Diagnostic:
    return types.Diagnostic(lsp_range((line, 11, line, 12)), message, source="lint")


async def test_refactorings_are_offered_without_a_model(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    found = await editor.actions(uri, CURSOR)
    assert [(each.kind, each.title) for each in found] == [
        ("refactor.rewrite", "Add type hints"),
        ("refactor.rewrite", "Add a docstring"),
        ("refactor.rewrite", "Simplify this function"),
        ("source.organizeImports.slm-lsp", "Organize imports"),
        ("source.removeUnusedImports.slm-lsp", "Remove unused imports"),
    ]
    assert editor.requests() == []


@pytest.mark.parametrize(
    ("only", "count"),
    [
        (None, 6),
        (["quickfix"], 1),
        (["refactor"], 3),
        (["refactor.rewrite"], 3),
        (["refactor.extract"], 0),
        (["source.organizeImports"], 1),
        (["refactor.inline", "source"], 2),
        ([""], 6),
    ],
)
async def test_only_the_requested_kinds_are_returned(
    editing: EditorOf, tmp_path: Path, only: list[str] | None, count: int
) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    assert len(await editor.actions(uri, CURSOR, only, diagnostics=[diagnostic("too inexact")])) == count


async def test_light_bulb_appears_only_for_a_selection_or_a_diagnostic(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    assert await editor.actions(uri, CURSOR, trigger=AUTOMATIC) == []
    assert len(await editor.actions(uri, CURSOR, trigger=AUTOMATIC, diagnostics=[diagnostic("too inexact")])) == 1
    assert "Simplify this function" in titles(await editor.actions(uri, (3, 0, 4, 20), trigger=AUTOMATIC))


async def test_resolved_action_has_the_command_that_makes_the_edit(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    action = (await editor.actions(uri, CURSOR, ["refactor.rewrite"]))[-1]
    assert action.command is None
    resolved = await editor.client.code_action_resolve_async(action)
    assert editor.requests() == []
    (argument,) = plain(resolved.command.arguments)
    assert argument["textDocument"] == {"uri": uri, "version": 1}
    assert (await editor.execute(resolved.command.command, argument))["applied"]
    assert editor.texts[uri] == EDITED
    assert "Simplify this function" in editor.requests()[0]["prompt"]


async def test_fix_of_a_diagnostic_shows_its_message_to_the_model(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    (action,) = await editor.actions(uri, CURSOR, ["quickfix"], diagnostics=[diagnostic("too inexact")])
    assert (action.title, action.kind) == ("Fix with slm-lsp: too inexact", "quickfix")
    assert [each.message for each in action.diagnostics] == ["too inexact"]
    resolved = await editor.client.code_action_resolve_async(action)
    (argument,) = plain(resolved.command.arguments)
    assert (await editor.execute(resolved.command.command, argument))["applied"]
    assert "shapes.py:5:12: too inexact" in editor.requests()[0]["prompt"]


async def test_fixes_are_offered_for_a_few_different_diagnostics(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    many = [diagnostic(f"problem {number % 10}\nwith details " + "x" * 100) for number in range(20)]
    found = await editor.actions(uri, CURSOR, ["quickfix"], diagnostics=many)
    assert len(found) == 5
    assert all(len(each.title) <= 100 and "\n" not in each.title for each in found)


async def test_client_that_cannot_resolve_commands_gets_them_at_once(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD, without=["textDocument.codeAction.resolveSupport"])
    uri = editor.show(uri_of(tmp_path), TEXT)
    found = await editor.actions(uri, CURSOR)
    # The client library reads an action that has a command as a `Command`.
    assert ["slm.refactor" in str(each.command) for each in found] == [True] * 3


async def test_client_without_code_action_literals_gets_commands(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD, without=["textDocument.codeAction"])
    uri = editor.show(uri_of(tmp_path), TEXT)
    found = await editor.actions(uri, CURSOR)
    assert {each.command for each in found} == {"slm.refactor"}


async def test_edit_of_a_rule_is_resolved_for_the_offered_version(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    text = 'def party(guests):\n    print("🎉", len(guests) + 1)\n'
    uri = editor.show(uri_of(tmp_path), text)
    found = await editor.actions(uri, (1, 16, 1, 31), ["refactor.extract"])
    assert titles(found) == ["Extract to a variable"]
    resolved = await editor.client.code_action_resolve_async(found[0])
    (change,) = resolved.edit.document_changes
    assert change.text_document.version == 1
    assert "".join(each.new_text for each in change.edits).count("len(guests) + 1") == 1
    editor.change(uri, f"{text}\n")
    with pytest.raises(JsonRpcException) as refused:
        await editor.client.code_action_resolve_async(found[0])
    assert refused.value.data["kind"] == "StaleEditError"


async def test_imports_that_other_files_use_are_not_removed(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    (tmp_path / "work" / "other.py").write_text("from shapes import math\n")
    text = "import json\nimport math\n\nprint(1)\n"
    (tmp_path / "work" / "shapes.py").write_text(text)
    uri = editor.show(uri_of(tmp_path), text)
    (action,) = await editor.actions(uri, CURSOR, ["source.removeUnusedImports"])
    resolved = await editor.client.code_action_resolve_async(action)
    (change,) = resolved.edit.document_changes
    assert [(each.range.start.line, each.new_text) for each in change.edits] == [(0, "")]


async def test_document_that_is_not_open_has_no_actions(editing: EditorOf) -> None:
    editor = await editing(GOOD)
    assert await editor.actions("file:///nowhere.py", CURSOR) == []


async def test_range_of_an_action_is_in_the_negotiated_encoding(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), 'def party():\n    return "🎉"')
    action = (await editor.actions(uri, (1, 4, 1, 4), ["refactor.rewrite"]))[-1]
    resolved = await editor.client.code_action_resolve_async(action)
    (argument,) = plain(resolved.command.arguments)
    assert argument["range"]["end"] == {"line": 1, "character": 15}
