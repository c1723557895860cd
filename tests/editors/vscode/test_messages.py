"""What passes between the extension and its server, in a real VS Code: streaming, statistics, cursor, settings."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.editors.vscode.code import Browser, Code, Window, running, until
from tests.editors.vscode.scripted_server import BETTER, FAST, LATE_FROM, OTHERS, REFINED_AT, UNSURE_AT, WHOLE

pytestmark = pytest.mark.editor


class Heard:
    """What the server was sent."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def all(self, method: str) -> list[Any]:
        """The parameters of every message of a method."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [each["params"] for each in map(json.loads, lines) if each.get("method") == method]

    def outcomes(self) -> list[tuple[str, int | None]]:
        """What became of suggestions."""
        commands = self.all("workspace/executeCommand")
        return [(each["arguments"][0]["kind"], each["arguments"][0].get("characters")) for each in commands]


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Heard:
    return Heard(tmp_path_factory.mktemp("heard") / "messages.jsonl")


@pytest.fixture(scope="module")
def scripted(
    tools: Path, vsix: Path, module_home: dict[str, str], heard: Heard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Code]:
    folder = tmp_path_factory.mktemp("scripted")
    program = folder / "slm-lsp"
    server = Path(__file__).with_name("scripted_server.py")
    program.write_text(
        f'#!/bin/sh\n[ "$1" = serve ] && exec {sys.executable} {server} {heard.file}\n'
        'echo \'{"models": [{"name": "scripted", "tier": "fast", "bytes": 1, "installed": true, "intact": true}]}\'\n'
    )
    program.chmod(0o755)
    code = Code(tools, folder / "code", module_home)
    code.settings(slm_server_path=str(program), slm_completion_maxTokens=32)
    code.install(vsix)
    with running(code):
        yield code


@pytest.fixture
def window(browser: Browser, scripted: Code, tmp_path: Path, heard: Heard) -> Iterator[Window]:
    (tmp_path / "total.py").write_text("total = 0\n")
    if heard.file.exists():
        heard.file.write_text("")
    window = browser.open(scripted.url(tmp_path, tmp_path / "total.py"))
    window.do("focus")
    until(lambda: "index 43 %" in window.status()["text"], 120)
    yield window
    window.close()


def test_the_rest_of_a_block_joins_its_first_line(window: Window, heard: Heard, tmp_path: Path) -> None:
    window.type(" ")
    until(lambda: window.ghost() == WHOLE)
    kinds = [each["context"]["triggerKind"] for each in heard.all("textDocument/inlineCompletion")]
    assert set(kinds) == {2}  # nobody asked: the rest is fetched as the first line was
    window.press("Tab")
    until(lambda: WHOLE in (tmp_path / "total.py").read_text())
    assert until(heard.outcomes)[0] == ("accepted", None)
    (hello,) = heard.all("initialize")
    assert hello["capabilities"]["experimental"]["slmStream"] is True


@pytest.mark.parametrize("column", REFINED_AT)
def test_a_refined_suggestion_takes_the_place_of_the_first_one_or_of_none(
    window: Window, heard: Heard, tmp_path: Path, column: int
) -> None:
    window.type(" " * column)
    if column != UNSURE_AT:
        until(lambda: window.ghost() == FAST, every=0.02)
    until(lambda: window.ghost() == BETTER)
    asked = heard.all("textDocument/inlineCompletion")
    assert {each["context"]["triggerKind"] for each in asked} == {2}
    window.press("Tab")
    until(lambda: BETTER in (tmp_path / "total.py").read_text())
    accepted = {"id": BETTER[:9], "kind": "accepted"}
    until(lambda: accepted in [each["arguments"][0] for each in heard.all("workspace/executeCommand")])
    (hello,) = heard.all("initialize")
    assert hello["capabilities"]["experimental"]["slmRefined"] is True


def test_a_suggestion_that_was_sent_away_is_not_refined(window: Window, heard: Heard) -> None:
    window.type(" " * REFINED_AT[0])
    until(lambda: window.ghost() == BETTER)
    asked = len(heard.all("textDocument/inlineCompletion"))
    window.press("Escape")
    until(lambda: ("rejected", None) in heard.outcomes())  # upon which the server sends `slm/refined`
    window.do("wait", ms=500)
    window.do("ghostGone")
    assert len(heard.all("textDocument/inlineCompletion")) == asked


def test_other_suggestions_are_a_key_away(window: Window) -> None:
    window.type(" ")
    until(lambda: window.ghost() == WHOLE)
    for expected in (*OTHERS, WHOLE):
        window.press("Alt+]")
        until(lambda expected=expected: window.ghost() == expected)


def test_words_that_were_taken_are_told(window: Window, heard: Heard) -> None:
    window.type(" ")
    until(lambda: window.ghost() == WHOLE)
    window.press("Control+ArrowRight")
    assert until(heard.outcomes) == [("partial", len("for"))]


def test_escape_is_told(window: Window, heard: Heard) -> None:
    window.type(" ")
    until(lambda: window.ghost() == WHOLE)
    window.press("Escape")
    assert until(heard.outcomes) == [("rejected", None)]
    window.do("ghostGone")


def test_what_was_typed_over_is_told(window: Window, heard: Heard) -> None:
    window.type(" ")
    until(lambda: window.ghost() == WHOLE)
    window.type("y")
    assert until(heard.outcomes)[0] == ("ignored", None)


def test_a_cursor_that_rests_is_announced_and_typing_is_not(window: Window, heard: Heard) -> None:
    until(lambda: heard.all("slm/cursor"))  # where it was when the server came
    before = len(heard.all("slm/cursor"))
    window.press("Control+Home")
    until(lambda: heard.all("slm/cursor")[-1]["position"] == {"line": 0, "character": 0})
    window.type("abc")
    window.do("wait", ms=500)
    moves = heard.all("slm/cursor")[before:]
    assert [each["position"]["character"] for each in moves] in ([0], [0, 0])


def test_a_key_is_asked_about_before_the_editor_asks(window: Window, heard: Heard) -> None:
    window.type(" ")
    until(lambda: window.ghost() == WHOLE)
    first = heard.all("textDocument/inlineCompletion")[0]
    assert (first["position"], first["context"]) == ({"line": 1, "character": 1}, {"triggerKind": 2})
    asked = heard.all("textDocument/inlineCompletion")
    assert len(asked) <= 2  # the first line and the whole: the editor's own request found one under way


def test_an_answer_that_the_editor_does_not_wait_for_is_shown_when_it_comes(window: Window, heard: Heard) -> None:
    window.type(" " * LATE_FROM)  # letters may open the editor's list of words, which has no "next suggestion"
    until(lambda: window.ghost() == WHOLE)
    asked = heard.all("textDocument/inlineCompletion")
    assert asked[-1]["position"] == {"line": 1, "character": LATE_FROM}
    assert {each["context"]["triggerKind"] for each in asked} == {2}
    for expected in (*OTHERS, WHOLE):
        window.press("Alt+]")
        until(lambda expected=expected: window.ghost() == expected)
    window.press("Tab")
    until(lambda: ("accepted", None) in heard.outcomes())


def test_who_has_suggestions_off_asks_nothing(window: Window, scripted: Code, heard: Heard) -> None:
    program = json.loads(scripted.machine_settings.read_text())
    try:
        scripted.machine_settings.write_text(json.dumps({**program, "editor.inlineSuggest.enabled": False}))
        window.do("wait", ms=1500)
        window.type("abc")
        until(lambda: len(heard.all("textDocument/didChange")) == 3)
        window.do("wait", ms=500)
        assert heard.all("textDocument/inlineCompletion") == []
    finally:
        scripted.machine_settings.write_text(json.dumps(program))


@pytest.mark.usefixtures("window")
def test_only_what_was_set_is_sent(heard: Heard) -> None:
    (hello,) = heard.all("initialize")
    assert hello["initializationOptions"] == {"completion": {"max_tokens": 32}}
