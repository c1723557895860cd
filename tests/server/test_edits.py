"""The commands `slm.refactor` and `slm.fix`, from a plain editor over standard input and output.

Most tests use scripted answers instead of a model, so that they can check every step of the server.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig

from slm_lsp.text import Encoding
from tests.engine.client.test_process import until
from tests.server.conftest import SERVE
from tests.server.editing import EditingEditor

EditorOf = Callable[..., Awaitable[EditingEditor]]

TEXT = "import math\n\n\ndef area(r):\n    return 3 * r * r\n\n\nprint(area(2))\n"
GOOD = "def area(r):\n    return math.pi * r * r\n"
BROKEN = "def area(r):\n    return math.pi * (r * r\n"
EDITED = TEXT.replace("3 * r", "math.pi * r")
CURSOR = (4, 8, 4, 8)
SLOW = "def area(r):\n" + "".join(f"    r = {number} * r\n" for number in range(200)) + "    return r\n"
LINE_S = 0.05

LOOP_MS = 20.0
"""Maximum processor time of a callback of the server's event loop, in milliseconds."""

SUPERSEDED = types.LSPErrorCodes.ServerCancelled.value
CANCELLED = types.LSPErrorCodes.RequestCancelled.value
FAILED = types.LSPErrorCodes.RequestFailed.value
INVALID = types.ErrorCodes.InvalidParams.value


async def error_of(answer: Awaitable[Any]) -> JsonRpcException:
    with pytest.raises(JsonRpcException) as refused:
        await asyncio.wait_for(asyncio.ensure_future(answer), 30)
    return refused.value


def uri_of(folder: Path, name: str = "shapes.py") -> str:
    return (folder / "work" / name).as_uri()


async def test_edit_is_applied_with_the_version_and_the_verdict(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    result = await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi")
    assert editor.texts[uri] == EDITED
    assert (result["applied"], result["reason"]) == (True, None)
    assert result["textDocument"] == {"uri": uri, "version": 1}
    assert result["unit"] == {"start": {"line": 3, "character": 0}, "end": {"line": 4, "character": 20}}
    (hunk,) = result["hunks"]
    assert hunk["range"] == {"start": {"line": 4, "character": 0}, "end": {"line": 5, "character": 0}}
    assert (hunk["old"], hunk["new"]) == ("    return 3 * r * r\n", "    return math.pi * r * r\n")
    verdict = {each["check"]: each["result"] for each in result["verdict"]}
    assert verdict["parsed"] == verdict["names"] == verdict["signature"] == "passed"
    assert result["tokens"] == {"prompt": 10, "reused": 4, "generated": 3}
    assert result["timing"]["total_ms"] > 0
    assert result["id"]
    (sent,) = editor.edits
    (change,) = sent.edit.document_changes
    assert change.text_document.version == 1
    ((identifier, annotation),) = sent.edit.change_annotations.items()
    assert [each.annotation_id for each in change.edits] == [identifier]
    assert annotation.label == sent.label == "slm-lsp: use math.pi"
    assert "parsed: passed" in annotation.description


async def test_client_that_applies_the_hunks_itself_gets_no_edit(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    result = await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi", apply=False, id="mine")
    assert editor.edits == []
    assert (result["id"], result["applied"], result["reason"]) == ("mine", False, None)
    assert len(result["hunks"]) == 1
    assert not editor.client.messages


@pytest.mark.parametrize(
    ("answer", "reason", "hunks"),
    [
        (BROKEN, "a check failed: parsed", 1),
        ("def area(r):\n    return 3 * r * r\n", "unchanged", 0),
    ],
)
async def test_edit_that_cannot_be_applied_is_explained(
    editing: EditorOf, tmp_path: Path, answer: str, reason: str, hunks: int
) -> None:
    editor = await editing(answer)
    uri = editor.show(uri_of(tmp_path), TEXT)
    result = await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi")
    assert (editor.texts[uri], editor.edits, result["applied"]) == (TEXT, [], False)
    assert re.search(reason, result["reason"])
    assert len(result["hunks"]) == hunks
    await until(lambda: any(re.search(reason, each.message) for each in editor.client.messages))
    await until(lambda: editor.statuses[-1].state == "ready" and re.search(reason, editor.statuses[-1].reason or ""))


async def test_edit_for_an_older_version_is_refused(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    editor.change(uri, f"# shapes\n{TEXT}")
    editor.versions[uri] = 1
    error = await error_of(editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi"))
    assert (error.code, error.data["kind"]) == (FAILED, "StaleEditError")
    assert editor.requests() == []


@pytest.mark.parametrize("closes", [False, True])
async def test_change_of_the_document_ends_the_edit(editing: EditorOf, tmp_path: Path, closes: bool) -> None:
    editor = await editing(SLOW, line_s=LINE_S)
    uri = editor.show(uri_of(tmp_path), TEXT)
    answer = editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi")
    await editor.asked()
    if closes:
        closed = types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
        editor.client.text_document_did_close(closed)
    else:
        editor.change(uri, f"# shapes\n{TEXT}")
    error = await error_of(answer)
    assert (error.code, error.data["kind"]) == (FAILED, "StaleEditError")
    await until(lambda: editor.requests()[-1] == {"cancelled": True})
    assert editor.edits == []


async def test_cancelled_request_ends_the_edit(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(SLOW, line_s=LINE_S)
    uri = editor.show(uri_of(tmp_path), TEXT)
    place = {"start": {"line": 4, "character": 8}, "end": {"line": 4, "character": 8}}
    argument = {"textDocument": {"uri": uri}, "range": place, "instruction": "use math.pi"}
    answer = editor.execute("slm.refactor", argument, request="mine")
    await editor.asked()
    editor.client.cancel_request(types.CancelParams("mine"))
    assert (await error_of(answer)).code == CANCELLED
    await until(lambda: editor.requests()[-1] == {"cancelled": True})
    await until(lambda: editor.statuses[-1].state == "ready")


@pytest.mark.parametrize("token", ["mine", None])
async def test_progress_is_shown_and_cancels_the_edit(editing: EditorOf, tmp_path: Path, token: str | None) -> None:
    editor = await editing(SLOW, line_s=LINE_S)
    uri = editor.show(uri_of(tmp_path), TEXT)
    answer = editor.command("slm.refactor", uri, CURSOR, token, instruction="use math.pi")

    def shown() -> list[str]:
        tokens = list(editor.client.progress_reports)
        return editor.messages_of(tokens[0]) if tokens else []

    await until(lambda: any(re.fullmatch(r"writing, \d+ lines", each) for each in shown()))
    (used,) = editor.client.progress_reports
    assert token in (used, None)
    begin = editor.client.progress_reports[used][0]
    assert (begin.title, begin.cancellable) == ("use math.pi", True)
    editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(used))
    assert (await error_of(answer)).code == CANCELLED
    await until(lambda: editor.client.progress_reports[used][-1].kind == "end")
    assert editor.requests()[-1] == {"cancelled": True}


async def test_progress_shows_each_step_of_an_applied_edit(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    await editor.command("slm.refactor", uri, CURSOR, "mine", instruction="use math.pi")
    await until(lambda: editor.client.progress_reports["mine"][-1].kind == "end")
    shown = editor.messages_of("mine")
    for step in (r"loading tiny, 50%", "reading the code", r"writing, \d lines", "checking candidate 1", "applied"):
        assert any(re.fullmatch(step, each) for each in shown), step


async def test_client_without_progress_gets_none(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD, without=["window.workDoneProgress"])
    uri = editor.show(uri_of(tmp_path), TEXT)
    assert (await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi"))["applied"]
    assert not editor.client.progress_reports


async def test_newer_edit_of_a_document_replaces_the_older_one(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(SLOW, line_s=LINE_S)
    uri = editor.show(uri_of(tmp_path), TEXT)
    first = editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi")
    await editor.asked()
    second = editor.command("slm.refactor", uri, CURSOR, "second", instruction="use math.tau")
    assert (await error_of(first)).code == SUPERSEDED
    await editor.asked(2)
    editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams("second"))
    assert (await error_of(second)).code == CANCELLED


async def test_edits_of_two_documents_run_at_the_same_time(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD, line_s=LINE_S)
    uris = [editor.show(uri_of(tmp_path, name), TEXT) for name in ("one.py", "other.py")]
    answers = [editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi") for uri in uris]
    assert [each["applied"] for each in await asyncio.gather(*answers)] == [True, True]


async def test_document_belongs_to_its_innermost_folder(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD, folders=("work", "other"))
    for folder, name in (("work", "geometry/shapes.py"), ("other", "shapes.py")):
        uri = editor.show((tmp_path / folder / name).as_uri(), TEXT)
        assert (await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi"))["applied"]
    prompts = [each["prompt"] for each in editor.requests()]
    assert "Code from geometry/shapes.py:" in prompts[0]
    assert "Code from shapes.py:" in prompts[1]


async def test_unsaved_text_of_other_open_files_is_checked(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing("def area(radius):\n    return math.pi * radius * radius\n")
    uri = editor.show(uri_of(tmp_path), TEXT)
    editor.show(uri_of(tmp_path, "shop.py"), "from shapes import area\n\nprint(area(r=2))\n")
    result = await editor.command("slm.refactor", uri, CURSOR, instruction="rename r to radius")
    (failed,) = [each for each in result["verdict"] if each["result"] == "failed"]
    assert (failed["check"], "shop.py:3" in failed["evidence"]) == ("signature", True)
    assert not result["applied"]


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "file:///nowhere/shapes.py"])
async def test_document_without_a_workspace_folder_is_edited(editing: EditorOf, uri: str) -> None:
    editor = await editing(GOOD)
    editor.show(uri, TEXT)
    result = await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi")
    assert (result["applied"], editor.texts[uri]) == (True, EDITED)
    assert {"check": "parsed", "result": "passed", "evidence": "no syntax errors"} in result["verdict"]


@pytest.mark.parametrize(("encoding", "end"), [("utf-8", 18), ("utf-16", 14), ("utf-32", 12)])
async def test_positions_are_in_the_negotiated_encoding(
    editing: EditorOf, tmp_path: Path, encoding: Encoding, end: int
) -> None:
    before, after = 'import os\nparty = "🎉🎉"', 'import os\nparty = "🎉🎉!"'
    editor = await editing('party = "🎉🎉!"\n', encoding=encoding)
    uri = editor.show(uri_of(tmp_path), before)
    result = await editor.command("slm.refactor", uri, (1, end - 1, 1, end), instruction="add an exclamation mark")
    assert result["unit"]["end"] == result["hunks"][0]["range"]["end"] == {"line": 1, "character": end}
    assert editor.texts[uri] == after


async def test_line_ends_of_the_document_are_kept(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT.replace("\n", "\r\n"))
    assert (await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi"))["applied"]
    assert editor.texts[uri] == EDITED.replace("\n", "\r\n")


@pytest.mark.parametrize(("name", "text"), [(".env", "NAME = 1\n"), ("a.py", 'password = "Kx9!vQ2#mL8zTr4w"\n')])
async def test_model_does_not_read_secrets(editing: EditorOf, tmp_path: Path, name: str, text: str) -> None:
    editor = await editing("x = 1\n")
    uri = editor.show(uri_of(tmp_path, name), text)
    error = await error_of(editor.command("slm.refactor", uri, (0, 0, 0, 0), instruction="rename it"))
    assert (error.code, "does not read it" in error.message) == (INVALID, True)
    assert editor.requests() == []


async def test_client_without_document_changes_gets_plain_changes(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD, without=["workspace.workspaceEdit"])
    uri = editor.show(uri_of(tmp_path), TEXT)
    assert (await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi"))["applied"]
    assert editor.texts[uri] == EDITED
    assert (editor.edits[0].edit.document_changes, editor.edits[0].edit.change_annotations) == (None, None)


async def test_client_without_annotations_gets_a_versioned_edit(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD, without=["workspace.workspaceEdit.changeAnnotationSupport"])
    uri = editor.show(uri_of(tmp_path), TEXT)
    assert (await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi"))["applied"]
    assert editor.edits[0].edit.document_changes[0].text_document.version == 1
    assert editor.edits[0].edit.change_annotations is None


async def test_change_that_the_client_reports_late_counts_as_applied(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    editor.applies = "late"
    uri = editor.show(uri_of(tmp_path), TEXT)
    assert (await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi"))["applied"]
    assert editor.texts[uri] == EDITED


@pytest.mark.parametrize(
    ("applies", "reason"),
    [("never", "does not have the intended text"), ("refuses", "did not apply the edit: the file is read-only")],
)
async def test_edit_that_the_client_does_not_apply_is_reported_as_not_applied(
    editing: EditorOf, tmp_path: Path, applies: Any, reason: str
) -> None:
    editor = await editing(GOOD)
    editor.applies = applies
    uri = editor.show(uri_of(tmp_path), TEXT)
    result = await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi")
    assert not result["applied"]
    assert reason in result["reason"]


async def test_client_that_cannot_apply_edits_gets_the_reason(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD, without=["workspace.applyEdit"])
    uri = editor.show(uri_of(tmp_path), TEXT)
    result = await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi")
    assert (result["applied"], editor.edits) == (False, [])
    assert "workspace/applyEdit" in result["reason"]


async def test_text_is_streamed_with_the_id_of_the_argument(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD, line_s=LINE_S, stream=True)
    uri = editor.show(uri_of(tmp_path), TEXT)
    await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi", id="mine")
    sent = [each for each in editor.streams if each.kind == "edit"]
    assert "".join(each.delta for each in sent) == GOOD
    assert {each.id for each in sent} == {"mine"}
    assert [each.done for each in sent] == [False] * (len(sent) - 1) + [True]
    assert sent[0].textDocument.version == 1


async def test_status_is_working_while_an_edit_runs(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(SLOW, line_s=LINE_S)
    uri = editor.show(uri_of(tmp_path), TEXT)
    answer = editor.command("slm.refactor", uri, CURSOR, "mine", instruction="use math.pi")
    await editor.asked()
    await editor.complete(uri, 4, 20)
    current = await editor.client.protocol.send_request_async("slm/status", {})
    assert current.state == "working"
    assert current.model == "tiny"
    editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams("mine"))
    assert (await error_of(answer)).code == CANCELLED
    current = await editor.client.protocol.send_request_async("slm/status", {})
    assert current.state == "ready"


NOWHERE = {"start": {"line": 99, "character": 0}, "end": {"line": 99, "character": 0}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"range": None}, "range"),
        ({"range": {"start": {"line": -1, "character": 0}, "end": {"line": 0, "character": 0}}}, ">= 0"),
        ({"range": NOWHERE}, "Line 100 is outside the document"),
        ({"textDocument": {"uri": "file:///nowhere.py"}}, "is not open"),
        ({"instruction": " "}, "The instruction is empty"),
    ],
)
async def test_invalid_argument_is_refused(
    editing: EditorOf, tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    place = {"start": {"line": 4, "character": 8}, "end": {"line": 4, "character": 8}}
    argument = {"textDocument": {"uri": uri, "version": 1}, "range": place, "instruction": "use math.pi"} | changed
    error = await error_of(editor.execute("slm.refactor", argument))
    assert (error.code, message in error.message) == (INVALID, True)


async def test_fix_shows_the_error_to_the_model_and_rewrites_the_function(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    uri = editor.show(uri_of(tmp_path), TEXT)
    result = await editor.command("slm.fix", uri, (4, 11, 4, 12), error="the number 3 is too inexact")
    assert (result["applied"], editor.texts[uri]) == (True, EDITED)
    assert "the number 3 is too inexact" in editor.requests()[0]["prompt"]
    assert result["unit"]["start"]["line"] == 3


async def test_fix_by_a_rule_needs_no_model(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD)
    text = "def area(r):\n    return math.pi * r * r\n"
    uri = editor.show(uri_of(tmp_path), text)
    error = "shapes.py:2:12: undefined name 'math'"
    result = await editor.command("slm.fix", uri, (1, 11, 1, 15), error=error)
    assert (result["applied"], result["model"], result["tier"]) == (True, None, None)
    assert editor.texts[uri].startswith("import math\n")
    assert editor.texts[uri].endswith(text)
    assert editor.requests() == []


async def test_server_ends_while_an_edit_runs(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(SLOW, line_s=LINE_S)
    uri = editor.show(uri_of(tmp_path), TEXT)
    answer = editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi")
    await editor.asked()
    await editor.client.shutdown_async(None)
    assert (await error_of(answer)).code == CANCELLED
    assert editor.requests()[-1] == {"cancelled": True}
    editor.client.exit(None)
    assert await asyncio.wait_for(editor.client._server.wait(), 30) == 0
    assert "Traceback" not in editor.log()
    editor.client.capabilities = None  # The session has been shut down.


async def test_edit_of_a_large_file_does_not_block_the_event_loop(editing: EditorOf, tmp_path: Path) -> None:
    editor = await editing(GOOD, GOOD.replace("r * r", "r**2"))
    uri = editor.show(uri_of(tmp_path), TEXT + "\n\ndef other(a):\n    return a\n" * 2500)
    await editor.actions(uri, CURSOR)
    before = len(editor.log())
    assert (await editor.command("slm.refactor", uri, CURSOR, instruction="use math.pi"))["applied"]
    await editor.actions(uri, CURSOR)
    assert "watching the event loop" in editor.log()
    slow = re.finditer(r"([\d.]+) ms of processor time.*", editor.log()[before:])
    assert [each[0] for each in slow if float(each[1]) >= LOOP_MS] == []


@pytest.mark.real_model
async def test_fast_model_renames_a_variable(module_home: dict[str, str], tmp_path: Path, fast_model: Path) -> None:
    text = "def total(prices):\n    s = 0\n    for price in prices:\n        s += price\n    return s\n"
    editor = EditingEditor(await ClientServerConfig(server_command=SERVE, server_env=module_home).start())  # type: ignore[arg-type]
    await editor.start([tmp_path])
    uri = editor.show((tmp_path / "prices.py").as_uri(), text)
    result = await editor.command(
        "slm.refactor", uri, (1, 4, 1, 4), "mine", instruction="rename the variable `s` to `total_price`"
    )
    assert (result["applied"], result["reason"]) == (True, None)
    assert editor.texts[uri] == re.sub(r"\bs\b", "total_price", text)
    assert result["model"]
    assert all(each["result"] != "failed" for each in result["verdict"])
    await editor.client.shutdown_session()
    await editor.client.stop()
