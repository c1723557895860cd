"""The messages between the extension and a scripted server, in a real VS Code."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.vscode.code import Browser, Code, Window, running, until
from tests.editors.vscode.scripted import Received, write_program
from tests.editors.vscode.scripted_server import (
    ALTERNATIVES,
    BETTER,
    COMPLETE,
    EMPTY_AT,
    FAST,
    LATE_FROM,
    REFINED_AT,
)

pytestmark = pytest.mark.editor


def outcomes(received: Received) -> list[tuple[str, int | None]]:
    """Return kind and number of characters of each reported outcome."""
    return [(each["kind"], each.get("characters")) for each in received.commands("slm.completionAccepted")]


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Received:
    return Received(tmp_path_factory.mktemp("received") / "messages.jsonl")


@pytest.fixture(scope="module")
def scripted(
    tools: Path, vsix: Path, module_home: dict[str, str], received: Received, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Code]:
    folder = tmp_path_factory.mktemp("scripted")
    program = folder / "slm-lsp"
    write_program(program, "tests.editors.vscode.scripted_server", received)
    code = Code(tools, folder / "code", module_home)
    code.settings(slm_server_path=str(program), slm_completion_maxTokens=32)
    code.install(vsix)
    with running(code):
        yield code


@pytest.fixture
def window(browser: Browser, scripted: Code, tmp_path: Path, received: Received) -> Iterator[Window]:
    (tmp_path / "total.py").write_text("total = 0\n")
    received.clear()
    window = browser.open(scripted.url(tmp_path, tmp_path / "total.py"))
    window.do("focus")
    until(lambda: "index 43 %" in window.status()["text"], 120)
    yield window
    window.close()


def test_complete_block_replaces_its_first_line(window: Window, received: Received, tmp_path: Path) -> None:
    window.type(" ")
    until(lambda: window.ghost() == COMPLETE)
    kinds = [each["context"]["triggerKind"] for each in received.all("textDocument/inlineCompletion")]
    assert set(kinds) == {2}  # both requests are automatic
    window.press("Tab")
    until(lambda: COMPLETE in (tmp_path / "total.py").read_text())
    assert until(lambda: outcomes(received))[0] == ("accepted", None)
    (initialize,) = received.all("initialize")
    assert initialize["capabilities"]["experimental"]["slmStream"] is True


@pytest.mark.parametrize("column", REFINED_AT)
def test_refined_suggestion_replaces_the_first_one_or_none(
    window: Window, received: Received, tmp_path: Path, column: int
) -> None:
    window.type(" " * column)
    if column != EMPTY_AT:
        until(lambda: window.ghost() == FAST, every=0.02)
    until(lambda: window.ghost() == BETTER)
    requests = received.all("textDocument/inlineCompletion")
    assert {each["context"]["triggerKind"] for each in requests} == {2}
    window.press("Tab")
    until(lambda: BETTER in (tmp_path / "total.py").read_text())
    accepted = {"id": BETTER[:9], "kind": "accepted"}
    until(lambda: accepted in received.commands("slm.completionAccepted"))
    (initialize,) = received.all("initialize")
    assert initialize["capabilities"]["experimental"]["slmRefined"] is True


def test_dismissed_suggestion_is_not_refined(window: Window, received: Received) -> None:
    window.type(" " * REFINED_AT[0])
    until(lambda: window.ghost() == BETTER)
    requests = len(received.all("textDocument/inlineCompletion"))
    window.press("Escape")
    until(lambda: ("rejected", None) in outcomes(received))
    # The server then sends `slm/refined` all the same. The extension must ignore it.
    window.do("wait", ms=500)
    window.do("ghostGone")
    assert len(received.all("textDocument/inlineCompletion")) == requests


def test_keys_show_the_next_alternative(window: Window) -> None:
    window.type(" ")
    until(lambda: window.ghost() == COMPLETE)
    for expected in (*ALTERNATIVES, COMPLETE):
        window.press("Alt+]")
        until(lambda expected=expected: window.ghost() == expected)


def test_accepted_word_is_reported_as_partial(window: Window, received: Received) -> None:
    window.type(" ")
    until(lambda: window.ghost() == COMPLETE)
    window.press("Control+ArrowRight")
    assert until(lambda: outcomes(received)) == [("partial", len("for"))]


def test_escape_is_reported_as_rejected(window: Window, received: Received) -> None:
    window.type(" ")
    until(lambda: window.ghost() == COMPLETE)
    window.press("Escape")
    assert until(lambda: outcomes(received)) == [("rejected", None)]
    window.do("ghostGone")


def test_typing_other_text_is_reported_as_ignored(window: Window, received: Received) -> None:
    window.type(" ")
    until(lambda: window.ghost() == COMPLETE)
    window.type("y")
    assert until(lambda: outcomes(received))[0] == ("ignored", None)


def test_resting_cursor_is_sent_but_typing_is_not(window: Window, received: Received) -> None:
    until(lambda: received.all("slm/cursor"))  # the position at the start of the server
    before = len(received.all("slm/cursor"))
    window.press("Control+Home")
    until(lambda: received.all("slm/cursor")[-1]["position"] == {"line": 0, "character": 0})
    window.type("abc")
    window.do("wait", ms=500)
    moves = received.all("slm/cursor")[before:]
    assert [each["position"]["character"] for each in moves] in ([0], [0, 0])


def test_request_is_sent_before_the_editor_makes_its_own(window: Window, received: Received) -> None:
    window.type(" ")
    until(lambda: window.ghost() == COMPLETE)
    first = received.all("textDocument/inlineCompletion")[0]
    assert (first["position"], first["context"]) == ({"line": 1, "character": 1}, {"triggerKind": 2})
    requests = received.all("textDocument/inlineCompletion")
    assert len(requests) <= 2  # first line and complete block; the editor's own request reuses the pending one


def test_late_answer_is_shown_when_it_arrives(window: Window, received: Received) -> None:
    window.type(" " * LATE_FROM)  # letters could open the suggestion widget, in which there is no next suggestion
    until(lambda: window.ghost() == COMPLETE)
    requests = received.all("textDocument/inlineCompletion")
    assert requests[-1]["position"] == {"line": 1, "character": LATE_FROM}
    assert {each["context"]["triggerKind"] for each in requests} == {2}
    for expected in (*ALTERNATIVES, COMPLETE):
        window.press("Alt+]")
        until(lambda expected=expected: window.ghost() == expected)
    window.press("Tab")
    until(lambda: ("accepted", None) in outcomes(received))


def test_no_request_is_sent_if_inline_suggestions_are_disabled(
    window: Window, scripted: Code, received: Received
) -> None:
    program = json.loads(scripted.machine_settings.read_text())
    try:
        scripted.machine_settings.write_text(json.dumps({**program, "editor.inlineSuggest.enabled": False}))
        window.do("wait", ms=1500)
        window.type("abc")
        until(lambda: len(received.all("textDocument/didChange")) == 3)
        window.do("wait", ms=500)
        assert received.all("textDocument/inlineCompletion") == []
    finally:
        scripted.machine_settings.write_text(json.dumps(program))


@pytest.mark.usefixtures("window")
def test_only_settings_that_are_set_are_sent(received: Received) -> None:
    (initialize,) = received.all("initialize")
    assert initialize["initializationOptions"] == {"completion": {"max_tokens": 32}}
