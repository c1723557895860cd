"""Suggestions over LSP: typed, accepted, streamed, skipped, offered as a list, and counted."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import psutil
import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.features.statistics.counters import Statistics
from tests.conftest import engines
from tests.engine.client.test_process import until, until_idle
from tests.server.conftest import Editor, Start

pytestmark = [pytest.mark.real_model, pytest.mark.usefixtures("fast_model")]

ANSWERED = (types.LSPErrorCodes.ServerCancelled.value, types.LSPErrorCodes.RequestCancelled.value)

BLOCK = '''def read(path):
    """All lines of a file."""
    with open(path) as file:
        return file.read().splitlines()


def write(path, lines):
    """Write lines to a file, and say how many there were."""
    '''

KEY_S = 0.08
KEYS = 500


async def first(editor: Editor, uri: str, line: int, character: int, *, explicit: bool = False) -> Any:
    answer = await editor.complete(uri, line, character, explicit=explicit)
    return answer.items[0] if answer.items else None


async def test_typing_the_text_of_a_suggestion_causes_no_request_to_the_engine(
    start: Start, tmp_path: Path, program: str
) -> None:
    editor = await start()
    uri = editor.open(tmp_path / "fib.py", program)
    item = await first(editor, uri, 3, 11)
    async with EngineClient(environ(editor)) as engine:
        await until_idle(engine)
        served = (await engine.stats()).served
        typed = item.insert_text[:4]
        for number, key in enumerate(typed):
            editor.type(uri, 2 + number, 3, 11 + number, key)
            rest = await first(editor, uri, 3, 12 + number)
            assert rest.insert_text == item.insert_text[number + 1 :]
            assert rest.command.arguments[0] == item.command.arguments[0]
        assert (await engine.stats()).served == served


async def test_explicit_request_gets_alternatives(start: Start, tmp_path: Path) -> None:
    editor = await start()
    uri = editor.open(tmp_path / "shapes.py", "def area(shape):\n    result = \n    return result\n")
    answer = await editor.complete(uri, 1, 13, explicit=True)
    texts = [each.insert_text for each in answer.items]
    assert 1 <= len(texts) == len(set(texts)) <= 3


async def test_first_line_of_a_block_is_answered_first_and_the_rest_from_the_cache(
    start: Start, tmp_path: Path
) -> None:
    editor = await start(stream=True)
    uri = editor.open(tmp_path / "files.py", BLOCK)
    line = BLOCK.count("\n")
    item = await first(editor, uri, line, 4)
    await editor.streamed()
    whole = await first(editor, uri, line, 4)
    assert whole.insert_text.startswith(item.insert_text)
    assert "\n" in whole.insert_text
    sent = editor.streams
    assert len(sent) > 1
    assert "".join(each.delta for each in sent) == whole.insert_text
    assert [each.done for each in sent] == [False] * (len(sent) - 1) + [True]
    assert {each.id for each in sent} == {sent[0].id}
    assert sent[0].textDocument.uri == uri


async def test_client_without_support_for_the_stream_gets_no_stream(start: Start, tmp_path: Path) -> None:
    editor = await start()
    uri = editor.open(tmp_path / "files.py", BLOCK)
    assert await first(editor, uri, BLOCK.count("\n"), 4)
    async with EngineClient(environ(editor)) as engine:
        await until_idle(engine)
    assert not editor.streams


@pytest.mark.parametrize(("text", "reason"), [("# a note ", "in a comment"), ('x = "abc "', "in a string")])
async def test_skipped_request_has_a_reason_and_an_explicit_request_is_answered(
    start: Start, tmp_path: Path, text: str, reason: str
) -> None:
    editor = await start()
    uri = editor.open(tmp_path / "notes.py", text)
    assert await first(editor, uri, 0, 9) is None
    await until(lambda: reason in (editor.statuses[-1].reason or ""))
    answer = await editor.complete(uri, 0, 9, explicit=True)
    assert answer is not None
    await until(lambda: reason not in (editor.statuses[-1].reason or ""))


async def test_outcomes_are_counted_on_this_machine(
    start: Start, tmp_path: Path, program: str, module_home: dict[str, str]
) -> None:
    editor = await start()
    uri = editor.open(tmp_path / "fib.py", program)
    item = await first(editor, uri, 3, 11)
    assert item.command.command == "slm.completionAccepted"
    await run(editor, item.command.arguments[0])
    with pytest.raises(JsonRpcException, match="kind"):
        await run(editor, {"id": "7", "kind": "liked"})
    statistics = Statistics(Path(module_home["XDG_STATE_HOME"]) / "slm-lsp" / "stats.db")
    for _ in range(100):
        if statistics.summary().total.accepted:
            break
        await asyncio.sleep(0.1)
    total = statistics.summary().total
    statistics.close()
    assert total.accepted == 1
    assert total.shown >= 1


async def run(editor: Editor, argument: object) -> object:
    params = types.ExecuteCommandParams("slm.completionAccepted", [argument])
    return await editor.client.workspace_execute_command_async(params)


async def test_editor_without_inline_completion_gets_one_item_after_all_others(
    start: Start, tmp_path: Path, program: str
) -> None:
    editor = await start(inline=False)
    assert editor.result.capabilities.completion_provider
    uri = editor.open(tmp_path / "fib.py", program)
    params = types.CompletionParams(types.TextDocumentIdentifier(uri), types.Position(3, 11))
    found = await editor.client.text_document_completion_async(params)
    (item,) = found.items
    assert found.is_incomplete
    assert item.text_edit.new_text.replace(" ", "") == "fib(n-1)+fib(n-2)"
    assert item.sort_text > "zzzz"


async def test_editor_with_inline_completion_gets_no_list(start: Start) -> None:
    editor = await start()
    assert editor.result.capabilities.completion_provider is None


async def test_every_request_during_fast_typing_is_answered_and_the_engine_is_idle_afterwards(
    start: Start, tmp_path: Path
) -> None:
    """Type 500 keys, 80 ms apart: every request is answered for the current text, and the engine is idle afterwards."""
    editor = await start()
    source = (BLOCK * 4)[:KEYS]
    uri = editor.open(tmp_path / "typed.py", "")
    waiting, line, column = [], 0, 0
    for number, key in enumerate(source):
        editor.type(uri, 2 + number, line, column, key)
        line, column = (line + 1, 0) if key == "\n" else (line, column + 1)
        waiting.append((number + 1, editor.complete(uri, line, column, explicit=False)))
        await asyncio.sleep(KEY_S)
    answers = await asyncio.wait_for(asyncio.gather(*(each for _, each in waiting), return_exceptions=True), 120)
    refused = [each for each in answers if isinstance(each, BaseException)]
    assert {getattr(each, "code", each) for each in refused} <= set(ANSWERED)
    shown = [
        (length, item)
        for (length, _), answer in zip(waiting, answers, strict=True)
        if not isinstance(answer, BaseException)
        for item in answer.items
    ]
    assert shown
    for length, item in shown:
        before = source[:length]
        assert item.range.start == types.Position(before.count("\n"), length - before.rfind("\n") - 1)
    uri_closed = types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
    editor.client.text_document_did_close(uri_closed)
    await asyncio.sleep(1.0)
    for engine in engines(environ(editor)):
        before_s = sum(engine.cpu_times()[:2])
        await asyncio.sleep(1.0)
        with contextlib.suppress(psutil.Error):
            assert sum(engine.cpu_times()[:2]) - before_s < 0.1


def environ(editor: Editor) -> dict[str, str]:
    """Return the environment of the editor's server."""
    return psutil.Process(editor.client._server.pid).environ()
