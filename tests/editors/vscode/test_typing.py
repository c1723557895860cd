"""A user types in a real VS Code, with the real server and the real fast model."""

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

WRITTEN_S = 3.0
"""VS Code writes what an extension remembers a moment later; a window that is closed before forgets it."""

EXPECTED = "fib(n-1)+fib(n-2)"
FIRST_LOAD_S = 120  # the model is read, and compared with the reference binding once


def opened(browser: Browser, code: Code, folder: Path | None, file: Path | None) -> Window:
    """A window with a file, the cursor at its end, and the model loaded."""
    window = browser.open(code.url(folder, file))
    window.do("focus")
    until(lambda: "state ready" in window.status()["says"], FIRST_LOAD_S)
    return window


def squeezed(text: str | None) -> str:
    return (text or "").replace(" ", "")


def saved(file: Path, end: str) -> str:
    """What is in the file once it ends so; blanks do not count."""
    until(lambda: squeezed(file.read_text()).endswith(end))
    return file.read_text()


def test_grey_text_appears_while_typing_and_tab_takes_it(browser: Browser, code: Code, project: Path) -> None:
    file = project / "fib.py"
    window = opened(browser, code, project, file)
    window.type("return ")
    assert squeezed(window.ghost()) == EXPECTED
    assert file.read_text().removeprefix(PROGRAM) in ("return ", "return", "")
    window.do("screenshot", path=str(artefacts() / "vscode-ghost-text.png"))
    window.press("Tab")
    assert squeezed(saved(file, EXPECTED).removeprefix(PROGRAM)) == "return" + EXPECTED
    until(lambda: "t/s" in window.status()["text"])
    says = window.status()["says"]
    assert window.status()["text"].startswith("slm fast")
    assert "qwen" in says
    assert "text stays local" in says
    assert window.notices() == []
    window.close()


def test_tab_indents_where_there_is_no_grey_text(browser: Browser, code: Code, tmp_path: Path) -> None:
    file = tmp_path / "notes.py"
    file.write_text("")
    window = opened(browser, code, tmp_path, file)
    window.do("command", title="slm-lsp: Pause or Go On Everywhere")
    window.do("focus")
    window.press("Tab")
    until(lambda: file.read_text() == "    ")
    until(lambda: "Paused everywhere" in window.status()["says"])
    window.do("command", title="slm-lsp: Pause or Go On Everywhere")
    until(lambda: "Paused" not in window.status()["says"])
    time.sleep(WRITTEN_S)
    window.close()


def test_a_word_and_a_line_are_taken(browser: Browser, code: Code, project: Path) -> None:
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


def test_escape_sends_it_away_and_the_text_stays_as_typed(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, project, project / "fib.py")
    window.type("return ")
    assert window.ghost()
    window.press("Escape")
    window.do("ghostGone")
    assert (project / "fib.py").read_text().removeprefix(PROGRAM).strip() in ("return", "")
    window.close()


def test_what_follows_the_grey_text_is_typed_through_it(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, project, project / "fib.py")
    window.type("return ")
    assert window.ghost()
    window.type("fi")
    assert squeezed(window.ghost()).startswith("b(n-1)")
    window.close()


def test_a_second_window_shares_the_model(
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


def test_a_killed_server_comes_back(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, project, project / "fib.py")
    before = {server.pid for server in code.servers()}
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: {server.pid for server in code.servers()} - before)
    until(lambda: "starts" not in window.status()["says"])
    window.type("return ")
    assert squeezed(window.ghost(FIRST_LOAD_S * 1000)) == EXPECTED
    assert window.notices() == []
    assert "The server ended" in code.log()
    window.close()


def test_paused_for_a_language_nothing_comes(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, project, project / "fib.py")
    window.do("statusClick")
    entries = window.do("entries")
    assert entries[0].endswith("Pause in this file")
    assert entries[1].endswith("Pause for python")
    window.press("ArrowDown")
    window.press("Enter")
    until(lambda: "Paused for this language" in window.status()["says"])
    window.do("focus")
    window.type("return ")
    assert window.ghost(2000) is None
    window.do("statusClick")
    assert window.do("entries")[0].endswith("Go on for python")
    window.press("Enter")
    until(lambda: "Paused" not in window.status()["says"])
    window.do("focus")
    window.press("Backspace")
    window.type(" ")
    assert squeezed(window.ghost()) == EXPECTED
    window.close()


def test_a_file_outside_any_folder(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, None, project / "fib.py")
    window.type("return ")
    assert squeezed(window.ghost()) == EXPECTED
    window.close()


def test_a_file_that_was_never_saved(browser: Browser, code: Code, project: Path) -> None:
    window = opened(browser, code, project, project / "fib.py")
    window.do("command", title="Create: New File...")
    window.press("Enter")
    window.do("wait", ms=1000)
    window.type("def add(one, other):\n", delay=30)
    window.type("return ", delay=30)
    assert squeezed(window.ghost()).startswith("one+other")
    window.close()


def test_a_cell_of_a_notebook(browser: Browser, code: Code, tmp_path: Path) -> None:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": [PROGRAM]}
    language = {"language_info": {"name": "python"}}
    book = tmp_path / "book.ipynb"
    book.write_text(json.dumps({"cells": [cell], "metadata": language, "nbformat": 4, "nbformat_minor": 5}))
    window = browser.open(code.url(tmp_path))
    window.do("explorer", file="book.ipynb")
    window.do("cell")
    until(lambda: "state ready" in window.status()["says"], FIRST_LOAD_S)
    window.type("return ")
    assert squeezed(window.ghost()) == EXPECTED
    window.close()


def test_two_folders(browser: Browser, code: Code, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fib.py").write_text(PROGRAM)
    both = tmp_path / "both.code-workspace"
    both.write_text(json.dumps({"folders": [{"path": "one"}, {"path": "two"}]}))
    for name in ("one", "two"):
        window = browser.open(code.url(both, tmp_path / name / "fib.py"))
        window.do("focus")
        until(lambda window=window: "state ready" in window.status()["says"], FIRST_LOAD_S)
        window.type("return ")
        assert squeezed(window.ghost()) == EXPECTED
        window.close()


def test_a_huge_file_gets_no_suggestions_and_says_so(browser: Browser, code: Code, tmp_path: Path) -> None:
    file = tmp_path / "huge.py"
    file.write_text("value = 'a line like any other, many times over'\n" * 30_000)
    window = browser.open(code.url(tmp_path, file))
    window.do("focus")
    until(lambda: "larger than 1 MiB" in window.status()["says"], FIRST_LOAD_S)
    window.type("def f(x):\n    return ")
    assert window.ghost(2000) is None
    assert window.notices() == []
    window.close()


def test_the_log_holds_no_code(code: Code) -> None:
    """After everything above: versions, processes and reasons, but nothing that was typed."""
    log = code.log()
    assert "slm-lsp extension" in log
    assert "The server is slm-lsp" in log
    assert "fib" not in log.replace("fib.py", "")
    assert "return" not in log


def test_what_is_written_is_what_the_uninstall_page_names(code: Code, module_home: dict[str, str]) -> None:
    """After everything above: nothing of ours lies outside the folders of docs/uninstall.md."""
    assert code.log()
    folders = {f"XDG_{kind}_HOME": folder for kind, folder in OURS.items()} | {"XDG_RUNTIME_DIR": "run"}
    home = Path(module_home["HOME"])
    named = {Path(module_home.get(variable, home / folder)) / "slm-lsp" for variable, folder in folders.items()}
    written = {path for path in home.rglob("*slm*") if not any(path.is_relative_to(each) for each in named)}
    assert not written
    page = (ROOT / "docs" / "uninstall.md").read_text()
    assert all(f"{folder}/slm-lsp/" in page for folder in OURS.values())


OURS = {"CACHE": "~/.cache", "CONFIG": "~/.config", "DATA": "~/.local/share", "STATE": "~/.local/state"}
