"""Edits of the real fast model in a real VS Code."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.vscode.code import Browser, Code, Window, artefacts, until

pytestmark = [pytest.mark.real_model, pytest.mark.editor, pytest.mark.usefixtures("fast_model")]

SOURCE = '''\
"""Prices of an order."""


def total(prices):
    x = 0
    for price in prices:
        x += price
    return x


def unrelated(a, b):
    return a*b
'''
BEFORE, AFTER = SOURCE.partition("def total")[0], "\n\n" + SOURCE[SOURCE.index("def unrelated") :]
FIRST_LOAD_S = 120  # includes the comparison of the two bindings, which is made once
EDIT_S = 120


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "prices.py"
    file.write_text(SOURCE)
    return file


@pytest.fixture
def window(browser: Browser, code: Code, file: Path) -> Iterator[Window]:
    """A window with the cursor in the function `total`, after the model is loaded."""
    window = browser.open(code.url(file.parent, file))
    window.do("focus", at="Control+Home")
    until(lambda: "state ready" in window.status()["tooltip"], FIRST_LOAD_S)
    window.press("Control+g")
    window.type("4:5")
    window.press("Enter")
    yield window
    window.close()


def test_code_action_of_the_server_proposes_an_edit_of_the_function(window: Window, file: Path) -> None:
    window.do("codeAction", label="Add type hints")
    until(lambda: window.do("zones"), EDIT_S)
    assert "parsed ✓" in until(lambda: window.do("lenses"))[0]
    window.press("Escape")
    until(lambda: window.do("zones") == [])
    assert file.read_text() == SOURCE


def test_edit_of_the_real_model_is_accepted_and_undone(window: Window, file: Path) -> None:
    window.do("instruct", text="rename the variable x to amount")
    until(lambda: window.do("zones"), EDIT_S)
    lenses = until(lambda: window.do("lenses"))
    assert "parsed ✓" in lenses[0]
    assert "names ✓" in lenses[0]
    assert file.read_text() == SOURCE
    window.do("screenshot", path=os.fspath(artefacts() / "vscode-edit.png"))
    window.press("Shift+Alt+y")
    edited = until(lambda: (text := file.read_text()) != SOURCE and text)
    assert edited.startswith(BEFORE)
    assert edited.endswith(AFTER)
    ast.parse(edited)
    window.do("wait", ms=1000)  # VS Code may not save a change that is made during a save
    window.press("Control+z")
    until(lambda: file.read_text() == SOURCE)
