"""End to end: an editor, the real server, the shared engine, and the real fast model."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from slm_lsp.engine.client.connection import EngineClient
from tests.conftest import engines
from tests.engine.client.test_process import until, until_idle
from tests.server.conftest import Editor, Start

pytestmark = [pytest.mark.real_model, pytest.mark.usefixtures("fast_model")]

SUPERSEDED = (types.LSPErrorCodes.ServerCancelled.value, types.LSPErrorCodes.RequestCancelled.value)
LONG = "def step_{0}(value):\n    return value * {0}\n\n\n"


def long_program(functions: int) -> str:
    """Return a program for which the evaluation of the prompt takes seconds."""
    return "".join(LONG.format(number) for number in range(functions)) + "total = "


async def completed(editor: Editor, uri: str, line: int, character: int) -> types.InlineCompletionItem:
    answer = await editor.complete(uri, line, character)
    item, *_ = answer.items
    return item


async def test_server_announces_its_capabilities(start: Start) -> None:
    editor = await start()
    capabilities = editor.result.capabilities
    assert capabilities.inline_completion_provider
    assert capabilities.text_document_sync.change == types.TextDocumentSyncKind.Incremental
    assert capabilities.position_encoding == types.PositionEncodingKind.Utf16
    assert editor.result.server_info is not None
    assert editor.result.server_info.name == "slm-lsp"


async def test_line_is_completed(start: Start, tmp_path: Path, program: str) -> None:
    editor = await start()
    uri = editor.open(tmp_path / "fib.py", program)
    item = await completed(editor, uri, 3, 11)
    assert str(item.insert_text).replace(" ", "") == "fib(n-1)+fib(n-2)"
    assert item.range == types.Range(types.Position(3, 11), types.Position(3, 11))


async def test_completion_continues_the_newly_typed_text(start: Start, tmp_path: Path, program: str) -> None:
    editor = await start()
    uri = editor.open(tmp_path / "fib.py", program)
    editor.type(uri, 2, 3, 11, "fib(n - 1) +")
    item = await completed(editor, uri, 3, 23)
    assert str(item.insert_text).replace(" ", "") == "fib(n-2)"


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 22), ("utf-16", 19), ("utf-32", 18)])
async def test_columns_are_in_the_negotiated_encoding(
    start: Start, tmp_path: Path, encoding: str, character: int
) -> None:
    editor = await start([encoding])
    assert editor.result.capabilities.position_encoding == encoding
    uri = editor.open(tmp_path / "greet.py", 'def greet(who):\n    return "🎉é " +\n\n\ngreet("you")\n')
    item = await completed(editor, uri, 1, character)
    assert str(item.insert_text).startswith(" who")
    assert item.range is not None
    assert item.range.start.character == character


async def test_newer_request_cancels_the_earlier_one(start: Start, tmp_path: Path) -> None:
    editor = await start()
    text = long_program(60)
    uri = editor.open(tmp_path / "long.py", text)
    line = text.count("\n")
    first = editor.complete(uri, line, 8, explicit=False)
    await asyncio.sleep(0.5)
    editor.type(uri, 2, line, 8, "step_3(")
    second = editor.complete(uri, line, 15)
    with pytest.raises(JsonRpcException) as refused:
        await first
    assert refused.value.code in SUPERSEDED
    assert (await second).items
    async with EngineClient(editor_environ(editor)) as engine:
        await until_idle(engine)


def editor_environ(editor: Editor) -> dict[str, str]:
    """Return the environment of the editor's server."""
    return psutil.Process(editor.client._server.pid).environ()


async def test_cancelled_request_is_answered_as_cancelled(start: Start, tmp_path: Path) -> None:
    editor = await start()
    text = "# another\n" + long_program(60)
    uri = editor.open(tmp_path / "long.py", text)
    params = types.InlineCompletionParams(
        types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
        types.TextDocumentIdentifier(uri),
        types.Position(text.count("\n"), 8),
    )
    answer = editor.client.protocol.send_request_async(types.TEXT_DOCUMENT_INLINE_COMPLETION, params, msg_id="mine")
    waiting = asyncio.ensure_future(answer)
    await asyncio.sleep(0.5)
    editor.client.cancel_request(types.CancelParams("mine"))
    with pytest.raises(JsonRpcException) as refused:
        await asyncio.wait_for(waiting, 10)
    assert refused.value.code == types.LSPErrorCodes.RequestCancelled.value


async def test_two_servers_share_one_model(start: Start, tmp_path: Path, program: str) -> None:
    """The server of the second editor does not load a second copy of the model."""
    one, other = await start(), await start()
    for number, editor in enumerate((one, other)):
        uri = editor.open(tmp_path / f"fib{number}.py", program)
        await completed(editor, uri, 3, 11)
    environ = editor_environ(one)
    (engine,) = engines(environ)
    held = engine.memory_info().rss
    servers = [psutil.Process(editor.client._server.pid).memory_info().rss for editor in (one, other)]
    assert held > 400e6
    assert all(size < 200e6 for size in servers)
    async with EngineClient(environ) as client:
        assert len((await client.stats()).loaded) == 1


async def test_only_one_request_fails_after_the_engine_is_killed(start: Start, tmp_path: Path, program: str) -> None:
    editor = await start()
    text = "# a third\n" + long_program(60)
    long_uri = editor.open(tmp_path / "long.py", text)
    waiting = editor.complete(long_uri, text.count("\n"), 8)
    await asyncio.sleep(1.0)
    (engine,) = engines(editor_environ(editor))
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(JsonRpcException, match="model process ended while the request was running"):
        await waiting
    uri = editor.open(tmp_path / "fib.py", program)
    assert (await completed(editor, uri, 3, 11)).insert_text
    assert engines(editor_environ(editor)) != [engine]


async def test_status_shows_state_tier_and_speed(start: Start, tmp_path: Path, program: str) -> None:
    editor = await start()
    uri = editor.open(tmp_path / "fib.py", program)
    await completed(editor, uri, 3, 11)
    assert "working" in [status.state for status in editor.statuses]
    await until(lambda: editor.statuses[-1].state == "ready" and editor.statuses[-1].tokensPerSecond is not None)
    last = editor.statuses[-1]
    assert last.tier == "fast"
    assert last.where == "local"
    assert last.tokensPerSecond > 0
    current = await editor.client.protocol.send_request_async("slm/status", {})
    assert current.state == "ready"


async def test_error_without_a_model_says_what_to_do(
    start: Start, tmp_path: Path, home: dict[str, str], program: str
) -> None:
    home["SLM_LSP_MODELS_DIR"] = str(tmp_path / "empty")
    editor = await start(environ=home)
    uri = editor.open(tmp_path / "fib.py", program)
    with pytest.raises(JsonRpcException, match="slm-lsp models pull fast"):
        await editor.complete(uri, 3, 11)
    assert editor.statuses[-1].state == "failed"
    assert "models pull fast" in editor.statuses[-1].reason


async def test_editors_settings_are_applied_and_mistakes_are_shown(start: Start, tmp_path: Path, program: str) -> None:
    editor = await start(completion={"max_tokens": 2}, modell="x")
    uri = editor.open(tmp_path / "fib.py", program)
    item = await completed(editor, uri, 3, 11)
    assert len(str(item.insert_text)) <= 8
    assert any("there is no setting `modell`" in message.message for message in editor.client.messages)


async def test_editors_settings_are_applied_to_a_running_engine(
    start: Start, home: dict[str, str], tmp_path: Path, program: str
) -> None:
    async with EngineClient(home) as earlier:
        assert (await earlier.stats()).settings.threads == 0
    editor = await start(environ=home, engine={"threads": 1})
    uri = editor.open(tmp_path / "fib.py", program)
    assert (await completed(editor, uri, 3, 11)).insert_text
    async with EngineClient(home) as client:
        assert (await client.stats()).settings.threads == 1
        change = types.DidChangeConfigurationParams({"engine": {"threads": 2}})
        editor.client.workspace_did_change_configuration(change)
        async with asyncio.timeout(60):
            while (await client.stats()).settings.threads != 2:
                await completed(editor, uri, 3, 11)


@pytest.mark.parametrize(
    ("uri", "line", "message"),
    [("file:///nowhere.py", 0, "is not open"), (None, 99, "Line 100 is outside the document")],
)
async def test_position_that_does_not_exist_is_an_error(
    start: Start, tmp_path: Path, program: str, uri: str | None, line: int, message: str
) -> None:
    editor = await start()
    known = editor.open(tmp_path / "fib.py", program)
    with pytest.raises(JsonRpcException, match=message):
        await editor.complete(uri or known, line, 0)
    assert (await completed(editor, known, 3, 11)).insert_text


async def test_suggestion_has_the_line_ends_of_the_document(start: Start, tmp_path: Path) -> None:
    editor = await start()
    uri = editor.open(
        tmp_path / "x.py", "for n in range(3):\r\n    total += n\r\n    print(total)\r\n\r\n\r\ndef main():"
    )
    answer = await editor.complete(uri, 5, 11)
    for item in answer.items:
        assert "\n" not in str(item.insert_text).replace("\r\n", "")


@pytest.mark.parametrize("pause", [0.0, 0.03])
async def test_fifty_overlapping_requests_are_all_answered(start: Start, tmp_path: Path, pause: float) -> None:
    """Regression test: when a batch was interrupted, ik's threads deadlocked, and the newest request got no answer."""
    editor = await start()
    text = f"# {pause}\n" + long_program(10)
    uri = editor.open(tmp_path / "burst.py", text)
    line = text.count("\n")
    waiting = []
    for number in range(50):
        editor.type(uri, number + 2, line, 8 + number, "x")
        waiting.append(editor.complete(uri, line, 9 + number, explicit=False))
        await asyncio.sleep(pause)
    answers = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 120)
    assert not isinstance(answers[-1], BaseException)
    refused = [answer.code for answer in answers[:-1] if isinstance(answer, JsonRpcException)]
    assert set(refused) <= set(SUPERSEDED)
    assert len(refused) + sum(isinstance(answer, types.InlineCompletionList) for answer in answers) == 50


async def test_completion_uses_saved_and_unsaved_files_of_the_project(start: Start, tmp_path: Path) -> None:
    (tmp_path / "ledger.py").write_text("class Ledger:\n    def post_entry_with_memo(self, amount, memo): ...\n")
    editor = await start()
    main = "from ledger import Ledger\n\n\ndef run(ledger: Ledger):\n    return ledger.{0}\n"
    uri = editor.open(tmp_path / "main.py", main.format("post_"))
    await until(lambda: any(each.indexed == 100 for each in editor.statuses))
    item = await completed(editor, uri, 4, 23)
    assert str(item.insert_text).startswith("entry_with_memo(")
    editor.open(tmp_path / "ledger.py", "class Ledger:\n    def rewind_to_checkpoint(self, number): ...\n")
    other = editor.open(tmp_path / "other.py", main.format("rew"))
    item = await completed(editor, other, 4, 21)
    assert str(item.insert_text).startswith("ind_to_checkpoint(")


async def test_file_with_secrets_is_not_read(start: Start, tmp_path: Path) -> None:
    editor = await start()
    uri = editor.open(tmp_path / ".env", "PASSWORD=\n")
    assert not (await editor.complete(uri, 0, 9)).items
    await until(lambda: any(each.reason and "keys or passwords" in each.reason for each in editor.statuses))


async def test_completions_continue_without_an_index_and_the_user_is_told(
    start: Start, module_home: dict[str, str], tmp_path: Path, program: str
) -> None:
    cache = tmp_path / "cache"
    (cache / "slm-lsp").mkdir(parents=True)
    (cache / "slm-lsp" / "index").write_text("no folder")
    editor = await start(environ=module_home | {"XDG_CACHE_HOME": str(cache)})
    uri = editor.open(tmp_path / "fib.py", program)
    assert str((await completed(editor, uri, 3, 11)).insert_text).startswith("fib(")
    await until(lambda: any("is not indexed" in each.message for each in editor.client.messages))
    assert editor.statuses[-1].indexed is None
