"""Edits of a scripted server in a real VS Code: the user accepts and rejects them hunk by hunk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.vscode.code import Browser, Code, Window, running, until
from tests.editors.vscode.scripted import Received, write_program
from tests.editors.vscode.scripted_edits import (
    COMMENT,
    EVIDENCE,
    FAILING,
    LATE,
    NOTHING,
    PROBLEM,
    REASON,
    SLOWLY,
)

pytestmark = pytest.mark.editor

SOURCE = """\
def area(width, height):
    return width*height


def nothing():
    pass


def volume(width, height, depth):
    return width*height*depth"""
"""Two lines are edited. The last one has no line end."""

FIRST = f"    {COMMENT}\n    return width * height\n"
SECOND = f"    {COMMENT}\n    return width * height * depth"
ZONES = [f"+    {COMMENT}\n+    return width * height", f"+    {COMMENT}\n+    return width * height * depth"]


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Received:
    return Received(tmp_path_factory.mktemp("received") / "messages.jsonl")


@pytest.fixture(scope="module")
def scripted(
    tools: Path, vsix: Path, module_home: dict[str, str], received: Received, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Code]:
    folder = tmp_path_factory.mktemp("scripted")
    program = folder / "slm-lsp"
    write_program(program, "tests.editors.vscode.scripted_edits", received)
    code = Code(tools, folder / "code", module_home)
    code.settings(slm_server_path=str(program))
    code.install(vsix)
    with running(code):
        yield code


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "shapes.py"
    file.write_bytes(SOURCE.encode())
    return file


@pytest.fixture
def window(browser: Browser, scripted: Code, file: Path, received: Received) -> Iterator[Window]:
    received.clear()
    window = opened(browser, scripted, file)
    yield window
    window.close()


def opened(browser: Browser, code: Code, file: Path) -> Window:
    """Open a file, move the cursor to its start, and wait until the server runs."""
    window = browser.open(code.url(file.parent, file))
    window.do("focus", at="Control+Home")
    until(lambda: "slm fast" in window.status()["text"], 120)
    return window


def proposed(window: Window, instruction: str = "add spaces") -> Window:
    """Request an edit and wait until both hunks are shown."""
    window.do("instruct", text=instruction)
    until(lambda: window.do("zones") == ZONES)
    return window


def test_edit_is_shown_but_the_file_is_not_changed(window: Window, file: Path, received: Received) -> None:
    written = file.stat().st_mtime_ns
    proposed(window)
    until(lambda: window.do("removed") == 2)
    (first, _) = until(lambda: len(lenses := window.do("lenses")) == 2 and lenses)
    for text in ("Accept", "Reject", "Accept all 2", "Reject all", "parsed ✓ · compiled: not available (no compiler)"):
        assert text in first
    (argument,) = received.commands("slm.refactor")
    assert argument["instruction"] == "add spaces"
    assert argument["apply"] is False
    assert argument["textDocument"] == {"uri": file.as_uri(), "version": 1}
    assert window.do("lines")[1] == "    return width*height"
    window.do("wait", ms=500)  # auto save writes a changed document after 100 ms
    assert file.stat().st_mtime_ns == written


@pytest.mark.parametrize("source", [SOURCE, SOURCE.replace("\n", "\r\n").replace("    ", "\t")], ids=["LF", "CRLF"])
def test_one_hunk_accepted_and_one_rejected_and_undone_byte_for_byte(
    browser: Browser, scripted: Code, file: Path, source: str
) -> None:
    file.write_bytes(source.encode())
    window = opened(browser, scripted, file)
    window.do("instruct", text="add spaces")
    until(lambda: len(window.do("zones")) == 2)
    window.do("lens", label="Accept")
    accepted = SOURCE.replace("    return width*height\n", FIRST)
    if source != SOURCE:
        accepted = accepted.replace("\n", "\r\n").replace("    ", "\t")
    until(lambda: file.read_bytes() == accepted.encode())
    until(lambda: len(window.do("zones")) == 1)
    window.do("focus", at="Control+Home")
    window.press("Alt+n")
    until(lambda: window.do("zones") == [])
    until(lambda: window.do("removed") == 0)
    assert file.read_bytes() == accepted.encode()
    undo(window)
    until(lambda: file.read_bytes() == source.encode())
    window.close()


def test_keys_accept_one_hunk_after_the_other(window: Window, file: Path) -> None:
    proposed(window)
    window.press("Alt+y")
    until(lambda: len(window.do("zones")) == 1)
    window.press("Alt+y")
    until(lambda: window.do("zones") == [])
    until(lambda: file.read_text() == expected(both=True))
    undo(window)  # each acceptance is one undo step
    until(lambda: file.read_text() == expected(both=False))
    undo(window)
    until(lambda: file.read_text() == SOURCE)


def test_accepting_all_hunks_is_one_undo_step(window: Window, file: Path) -> None:
    proposed(window)
    window.press("Shift+Alt+y")
    until(lambda: file.read_text() == expected(both=True))
    undo(window)
    until(lambda: file.read_text() == SOURCE)


def test_buttons_above_the_proposed_lines_decide_on_their_hunk(window: Window, file: Path) -> None:
    proposed(window)
    window.do("zoneButton", label="Reject", index=0)
    until(lambda: window.do("zones") == ZONES[1:])
    window.do("zoneButton", label="Accept", index=0)
    until(lambda: file.read_text() == SOURCE.replace("    return width*height*depth", SECOND))


def test_escape_rejects_all_hunks(window: Window, file: Path) -> None:
    proposed(window)
    window.press("Escape")
    until(lambda: window.do("zones") == [])
    until(lambda: window.do("removed") == 0)
    assert file.read_text() == SOURCE


def test_next_and_previous_hunk_move_the_cursor(window: Window, file: Path) -> None:
    proposed(window)
    window.press("Alt+F5")
    window.press("Alt+n")  # rejects the second hunk, where the cursor is
    until(lambda: window.do("zones") == ZONES[:1])
    window.press("Control+End")
    window.press("Shift+Alt+F5")
    window.press("Alt+y")
    until(lambda: file.read_text() == expected(both=False))


def test_hunks_move_along_with_edits_elsewhere(window: Window, file: Path) -> None:
    proposed(window)
    window.press("Control+Home")
    window.type("import math\n\n")
    until(lambda: file.read_text() == "import math\n\n" + SOURCE)
    assert window.do("zones") == ZONES
    window.press("Shift+Alt+y")
    until(lambda: file.read_text() == "import math\n\n" + expected(both=True))


def test_edit_in_the_lines_of_a_hunk_drops_it_with_a_notice(window: Window, file: Path) -> None:
    proposed(window)
    window.press("Control+Home")
    window.press("ArrowDown")
    window.press("End")
    window.type(" ")
    until(lambda: window.do("zones") == ZONES[1:])
    assert any("was dropped, because you edited the same lines" in each for each in window.notices())
    window.press("Shift+Alt+y")
    typed = SOURCE.replace("height\n\n", "height \n\n")
    until(lambda: file.read_text() == typed.replace("    return width*height*depth", SECOND))


def test_proposal_is_shown_as_a_diff_on_demand(window: Window) -> None:
    proposed(window)
    until(lambda: window.do("lenses"))
    window.do("lens", label="Show as diff")
    lines = until(lambda: window.do("diff"))
    until(lambda: {"    return width*height", "    return width * height"} <= set(window.do("diff")))
    assert lines


def test_failed_check_is_visible_before_accepting(window: Window) -> None:
    proposed(window, FAILING)
    assert f"parsed ✗ ({EVIDENCE})" in until(lambda: window.do("lenses"))[0]


def test_reason_is_shown_if_there_is_no_edit(window: Window) -> None:
    window.do("instruct", text=NOTHING)
    until(lambda: any(f"No edit: {REASON}" in each for each in window.notices()))
    assert window.do("zones") == []


def test_progress_counts_the_lines_and_can_be_cancelled(window: Window, received: Received, file: Path) -> None:
    window.do("instruct", text=SLOWLY)
    until(lambda: any("writing, 2 lines" in each for each in window.notices()))
    window.do("button", label="Cancel")
    until(lambda: received.all("$/cancelRequest"))
    until(lambda: window.notices() == [])
    assert file.read_text() == SOURCE


def test_stale_edit_is_requested_again_for_the_current_version(window: Window, received: Received, file: Path) -> None:
    window.do("instruct", text=LATE)
    until(lambda: any("The document has changed" in each for each in window.notices()))
    window.press("Control+Home")
    window.type("\n")
    until(lambda: received.all("textDocument/didChange"))
    window.do("button", label="Try Again")
    until(lambda: window.do("zones") == ZONES)
    first, second = received.commands("slm.refactor")
    assert (first["textDocument"]["version"], second["textDocument"]["version"]) == (1, 2)
    assert first["range"]["start"]["line"] == 0
    assert second["range"]["start"]["line"] == 1


def test_code_action_shows_its_edit_hunk_by_hunk(window: Window, received: Received) -> None:
    window.do("codeAction", label="Add spaces")
    until(lambda: window.do("zones") == ZONES)
    (argument,) = received.commands("slm.refactor")
    assert argument["apply"] is False


def test_fix_sends_the_problem_at_the_cursor(window: Window, received: Received) -> None:
    window.do("command", title="slm-lsp: Fix")
    until(lambda: window.do("zones") == ZONES)
    (argument,) = received.commands("slm.fix")
    assert argument["error"] == PROBLEM
    assert argument["range"]["end"] == {"line": 0, "character": 3}


def test_fix_asks_for_the_error_where_no_problem_is_reported(window: Window, received: Received) -> None:
    window.press("Control+End")
    window.do("command", title="slm-lsp: Fix")
    window.do("wait", ms=500)
    window.type("wrong result for zero")
    window.press("Enter")
    until(lambda: window.do("zones") == ZONES)
    assert received.commands("slm.fix")[0]["error"] == "wrong result for zero"


def test_last_instruction_is_repeated_with_enter(window: Window, received: Received) -> None:
    proposed(window, "first instruction")
    window.press("Escape")
    until(lambda: window.do("zones") == [])
    proposed(window, "")
    assert [each["instruction"] for each in received.commands("slm.refactor")] == ["first instruction"] * 2


def undo(window: Window) -> None:
    """Undo the last change, after auto save has finished: VS Code may not save a change that is made during a save."""
    window.do("wait", ms=1000)
    window.press("Control+z")


def expected(*, both: bool) -> str:
    """Return the source with the first hunk applied, or with both."""
    text = SOURCE.replace("    return width*height\n", FIRST)
    return text.replace("    return width*height*depth", SECOND) if both else text
