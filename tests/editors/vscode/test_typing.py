"""Typing in a real VS Code with the real server and the real fast model."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import engines
from tests.editors.vscode.code import Browser, Code, Window, artefacts, until
from tests.editors.vscode.conftest import PROGRAM, ROOT

pytestmark = [pytest.mark.real_model, pytest.mark.editor, pytest.mark.usefixtures("fast_model")]

WRITE_S = 3.0
"""VS Code writes an extension's state with a delay. The state is lost if the window is closed earlier."""

EXPECTED = "fib(n-1)+fib(n-2)"
FIRST_LOAD_S = 120  # includes the comparison of the two bindings, which is made once


def opened(browser: Browser, code: Code, folder: Path | None, file: Path | None) -> Window:
    """Open a window with a file, move the cursor to its end, and wait until the model is loaded."""
    window = browser.open(code.url(folder, file))
    window.do("focus")
    until(lambda: "state ready" in window.status()["tooltip"], FIRST_LOAD_S)
    return window


def squeezed(text: str | None) -> str:
    """Return a text without blanks."""
    return (text or "").replace(" ", "")


def saved(file: Path, end: str) -> str:
    """Wait until the file ends with `end`, ignoring blanks, and return its text."""
    until(lambda: squeezed(file.read_text()).endswith(end))
    return file.read_text()


def test_ghost_text_appears_while_typing_and_tab_accepts_it(browser: Browser, code: Code, project: Path) -> None:
    file = project / "fib.py"
    window = opened(browser, code, project, file)
    window.type("return ")
    assert squeezed(window.ghost()) == EXPECTED
    assert file.read_text().removeprefix(PROGRAM) in ("return ", "return", "")
    window.do("screenshot", path=str(artefacts() / "vscode-ghost-text.png"))
    window.press("Tab")
    assert squeezed(saved(file, EXPECTED).removeprefix(PROGRAM)) == "return" + EXPECTED
    until(lambda: "t/s" in window.status()["text"])
    tooltip = window.status()["tooltip"]
    assert window.status()["text"].startswith("slm fast")
    assert "qwen" in tooltip
    assert "your code stays on this machine" in tooltip
    assert window.notices() == []
    window.close()


def test_tab_indents_if_there_is_no_ghost_text(browser: Browser, code: Code, tmp_path: Path) -> None:
    file = tmp_path / "notes.py"
    file.write_text("")
    window = opened(browser, code, tmp_path, file)
    window.do("command", title="slm-lsp: Pause or Resume Everywhere")
    window.do("focus")
    window.press("Tab")
    until(lambda: file.read_text() == "    ")
    until(lambda: "Paused everywhere" in window.status()["tooltip"])
    window.do("command", title="slm-lsp: Pause or Resume Everywhere")
    until(lambda: "Paused" not in window.status()["tooltip"])
    time.sleep(WRITE_S)
    window.close()


def test_keys_accept_the_next_word_and_the_next_line(browser: Browser, code: Code, project: Path) -> None:
    file = project / "fib.py"
    window = opened(browser, code, project, file)
    window.type("return ")
    assert window.ghost()
    window.press("Control+ArrowRight")
    until(lambda: file.read_text().endswith("return fib"))
    assert squeezed(window.ghost()) == EXPECTED.removeprefix("fib")
    window.press("Alt+End")
    saved(file, EXPECTED)
    window.close()


def test_escape_dismisses_the_suggestion_and_keeps_the_typed_text(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, project, project / "fib.py")
    window.type("return ")
    assert window.ghost()
    window.press("Escape")
    window.do("ghostGone")
    assert (project / "fib.py").read_text().removeprefix(PROGRAM).strip() in ("return", "")
    window.close()


def test_typing_the_suggested_text_keeps_the_suggestion(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, project, project / "fib.py")
    window.type("return ")
    assert window.ghost()
    window.type("fi")
    assert squeezed(window.ghost()).startswith("b(n-1)")
    window.close()


def test_windows_share_one_engine_process(
    browser: Browser, code: Code, project: Path, tmp_path_factory: pytest.TempPathFactory, module_home: dict[str, str]
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "fib.py").write_text(PROGRAM)
    windows = [opened(browser, code, folder, folder / "fib.py") for folder in (project, other)]
    for window in windows:
        window.type("return ")
        assert squeezed(window.ghost()) == EXPECTED
    assert len(code.servers()) >= 2
    assert len(engines(module_home)) == 1
    assert all(server.memory_info().rss < 250e6 for server in code.servers())
    for window in windows:
        window.close()


def test_killed_server_is_restarted(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, project, project / "fib.py")
    before = {server.pid for server in code.servers()}
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: {server.pid for server in code.servers()} - before)
    until(lambda: "Starting" not in window.status()["tooltip"])
    window.type("return ")
    assert squeezed(window.ghost(FIRST_LOAD_S * 1000)) == EXPECTED
    assert window.notices() == []
    assert "The server ended" in code.log()
    window.close()


def test_paused_language_gets_no_suggestions_until_resumed(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, project, project / "fib.py")
    window.do("statusClick")
    entries = window.do("entries")
    assert entries[0].endswith("Pause in this file")
    assert entries[1].endswith("Pause for python")
    window.press("ArrowDown")
    window.press("Enter")
    until(lambda: "Paused for this language" in window.status()["tooltip"])
    window.do("focus")
    window.type("return ")
    assert window.ghost(2000) is None
    window.do("statusClick")
    assert window.do("entries")[0].endswith("Resume for python")
    window.press("Enter")
    until(lambda: "Paused" not in window.status()["tooltip"])
    window.do("focus")
    window.press("Backspace")
    window.type(" ")
    assert squeezed(window.ghost()) == EXPECTED
    window.close()


def test_file_outside_the_workspace_gets_suggestions(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, None, project / "fib.py")
    window.type("return ")
    assert squeezed(window.ghost()) == EXPECTED
    window.close()


def test_unsaved_file_gets_suggestions(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, project, project / "fib.py")
    window.do("command", title="Create: New File...")
    window.press("Enter")
    window.do("wait", ms=1000)
    window.type("def add(one, other):\n", delay=30)
    window.type("return ", delay=30)
    assert squeezed(window.ghost()).startswith("one+other")
    window.close()


def test_notebook_cell_gets_suggestions(browser: Browser, code: Code, tmp_path: Path) -> None:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": [PROGRAM]}
    language = {"language_info": {"name": "python"}}
    book = tmp_path / "book.ipynb"
    book.write_text(json.dumps({"cells": [cell], "metadata": language, "nbformat": 4, "nbformat_minor": 5}))
    window = browser.open(code.url(tmp_path))
    window.do("explorer", file="book.ipynb")
    window.do("cell")
    until(lambda: "state ready" in window.status()["tooltip"], FIRST_LOAD_S)
    window.type("return ")
    assert squeezed(window.ghost()) == EXPECTED
    window.close()


def test_all_folders_of_a_workspace_get_suggestions(browser: Browser, code: Code, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fib.py").write_text(PROGRAM)
    both = tmp_path / "both.code-workspace"
    both.write_text(json.dumps({"folders": [{"path": "one"}, {"path": "two"}]}))
    for name in ("one", "two"):
        window = browser.open(code.url(both, tmp_path / name / "fib.py"))
        window.do("focus")
        until(lambda window=window: "state ready" in window.status()["tooltip"], FIRST_LOAD_S)
        window.type("return ")
        assert squeezed(window.ghost()) == EXPECTED
        window.close()


def test_status_item_explains_that_a_huge_file_gets_no_suggestions(
    browser: Browser, code: Code, tmp_path: Path
) -> None:
    file = tmp_path / "huge.py"
    file.write_text("value = 'a line that is repeated thousands of times'\n" * 30_000)
    window = browser.open(code.url(tmp_path, file))
    window.do("focus")
    until(lambda: "larger than 1 MiB" in window.status()["tooltip"], FIRST_LOAD_S)
    window.type("def f(x):\n    return ")
    assert window.ghost(2000) is None
    assert window.notices() == []
    window.close()


def test_log_contains_no_code(code: Code) -> None:
    """After all tests above, the log contains versions, processes and reasons, but no typed text."""
    log = code.log()
    assert "slm-lsp extension" in log
    assert "The server is slm-lsp" in log
    assert "fib" not in log.replace("fib.py", "")
    assert "return" not in log


def test_all_written_files_are_in_folders_listed_in_the_uninstall_page(code: Code, module_home: dict[str, str]) -> None:
    """After all tests above, slm-lsp has created files only in the folders of docs/uninstall.md."""
    assert code.log()
    folders = {f"XDG_{kind}_HOME": folder for kind, folder in DOCUMENTED.items()} | {"XDG_RUNTIME_DIR": "run"}
    home = Path(module_home["HOME"])
    listed = {Path(module_home.get(variable, home / folder)) / "slm-lsp" for variable, folder in folders.items()}
    written = {path for path in home.rglob("*slm*") if not any(path.is_relative_to(each) for each in listed)}
    assert not written
    page = (ROOT / "docs" / "uninstall.md").read_text()
    assert all(f"{folder}/slm-lsp/" in page for folder in DOCUMENTED.values())


DOCUMENTED = {"CACHE": "~/.cache", "CONFIG": "~/.config", "DATA": "~/.local/share", "STATE": "~/.local/state"}
