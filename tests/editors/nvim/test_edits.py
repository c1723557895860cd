"""Edits in a real Neovim with a scripted server: hunks are shown, and change the buffer only when accepted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm_lsp.bench.nvim_screen import Neovim
from tests.editors.nvim.conftest import Open, Script, text_of
from tests.editors.nvim.edits import edit, edit_keys, new_lines, old_lines

Start = Callable[..., Neovim]

COMMAND = "workspace/executeCommand"
OLD = "def f(a):\n    return a\n\n\ndef g(b):\n    return b\n"
NEW = "def f(a: int):\n    return a\n\n\ndef g(b: int):\n    return b\n"
FIRST = "def f(a: int):\n    return a\n\n\ndef g(b):\n    return b\n"
SECOND = "def f(a):\n    return a\n\n\ndef g(b: int):\n    return b\n"
KEYS = ["<M-A>", "<M-R>", "<M-a>", "<M-n>", "<M-p>", "<M-r>"]


@pytest.fixture
def opened(open_nvim: Open, script: Script, project: Path) -> Callable[..., Neovim]:
    """A function that starts Neovim with a file of this content and the scripted server."""

    def start(content: bytes = OLD.encode(), **options: Any) -> Neovim:
        (project / "edited.py").write_bytes(content)
        nvim = open_nvim("edited.py", cmd=script.command, **options)
        nvim.until(lambda _: script.received("textDocument/didOpen"), "the server has the file")
        nvim.api.command("set nofixeol")
        return nvim

    return start


def shown(nvim: Neovim) -> Neovim:
    """Wait until hunks are shown."""
    nvim.until(new_lines, "hunks")
    return nvim


def refactored(opened: Start, script: Script, keys: str = ":Slm refactor add types<CR>", **more: Any) -> Neovim:
    """Start Neovim and request the edit from OLD to NEW, which has two hunks."""
    script.set_answers(edits=[edit(OLD, NEW, **more)])
    nvim = opened()
    nvim.type(keys)
    return shown(nvim)


def text_is(nvim: Neovim, text: str) -> None:
    """Wait until the buffer has this text. The final line end is in the option 'endofline'."""
    nvim.until(lambda n: text_of(n) + "\n" == text, f"the text {text!r}")


def written(nvim: Neovim, project: Path) -> bytes:
    """Write the buffer and return the bytes of the file."""
    nvim.api.command("write")
    return (project / "edited.py").read_bytes()


def test_hunks_are_shown_and_the_buffer_is_unchanged(opened: Start, script: Script) -> None:
    nvim = refactored(opened, script)
    assert text_of(nvim) + "\n" == OLD
    assert not nvim.api.current.buffer.options["modified"]
    assert old_lines(nvim) == [(0, 1), (4, 5)]
    first, second = new_lines(nvim)
    keys = "<M-a> accept, <M-r> reject, <M-n> next"
    checks = "passed: parsed · not available: compiled"
    assert first == ["def f(a: int):", f"slm 1/2 · {keys}", checks]
    assert second == ["def g(b: int):", f"slm 2/2 · {keys}"]
    nvim.until_shown("def g(b: int):")
    (sent,) = script.received(COMMAND)
    (argument,) = sent["arguments"]
    assert sent["command"] == "slm.refactor"
    assert argument["instruction"] == "add types"
    assert argument["apply"] is False


def test_one_hunk_is_accepted_and_one_rejected(opened: Start, script: Script, project: Path) -> None:
    nvim = refactored(opened, script)
    nvim.type("gg<M-a>")
    text_is(nvim, FIRST)
    assert old_lines(nvim) == [(4, 5)]
    nvim.type("G:Slm next<CR><M-r>")
    nvim.until(lambda n: not new_lines(n), "no hunk is left")
    assert written(nvim, project) == FIRST.encode()
    assert edit_keys(nvim) == []
    nvim.type("u")
    text_is(nvim, OLD)
    assert written(nvim, project) == OLD.encode()


def test_each_acceptance_is_one_undo_step(opened: Start, script: Script) -> None:
    nvim = refactored(opened, script)
    nvim.type("gg<M-a>")
    text_is(nvim, FIRST)
    nvim.type("<M-n><M-a>")
    text_is(nvim, NEW)
    for expected in (FIRST, OLD):
        nvim.type("u")
        text_is(nvim, expected)
    nvim.type("<C-r><C-r>")
    text_is(nvim, NEW)


def test_all_hunks_are_accepted_in_one_undo_step(opened: Start, script: Script) -> None:
    nvim = refactored(opened, script)
    nvim.type("3G:Slm accept!<CR>")
    text_is(nvim, NEW)
    nvim.until_shown("2 of 2 hunks accepted")
    nvim.type("u")
    text_is(nvim, OLD)


def test_undoing_an_acceptance_keeps_the_other_hunk_in_place(opened: Start, script: Script) -> None:
    new = NEW.replace("    return a\n", "    # one\n    # two\n    return a\n")
    script.set_answers(edits=[edit(OLD, new)])
    nvim = opened()
    nvim.type(":Slm refactor comment<CR>")
    shown(nvim)
    nvim.type("gg<M-a>")
    nvim.until(lambda n: old_lines(n) == [(6, 7)], "the second hunk has moved")
    nvim.type("u")
    nvim.until(lambda n: old_lines(n) == [(4, 5)], "the second hunk is back")
    nvim.type("<M-a>")
    text_is(nvim, SECOND)


def test_rejecting_all_hunks_changes_nothing(opened: Start, script: Script) -> None:
    nvim = refactored(opened, script)
    nvim.type(":Slm reject!<CR>")
    nvim.until_shown("0 of 2 hunks accepted")
    assert new_lines(nvim) == []
    assert text_of(nvim) + "\n" == OLD
    assert not nvim.api.current.buffer.options["modified"]


BYTES = {
    "CRLF": (b"a = 1\r\nb = 2\r\nc = 3\r\n", b"a = 1\r\nb = 20\r\nb += 1\r\nc = 3\r\n"),
    "CRLF, no final newline": (b"a = 1\r\nb = 2", b"a = 10\r\nb = 20"),
    "no final newline": (b"a = 1\nb = 2", b"a = 1\nb = 20"),
    "no final newline, lines added at the end": (b"a = 1\nb = 2", b"a = 1\nb = 2\nc = 3"),
    "no final newline, last line removed": (b"a = 1\nb = 2", b"a = 1"),
    "tabs": (b"if a:\n\tb\t= 1\n", b"if a:\n\tb\t= 2\n\tc = 3\n"),
    "lines added at the top": (b"a = 1\n", b"import os\nimport sys\n\na = 1\n"),
    "lines added at the end": (b"a = 1\n", b"a = 1\nb = 2\n"),
    "lines removed": (b"a = 1\nb = 2\nc = 3\n", b"a = 1\nc = 3\n"),
    "all lines replaced": (b"a = 1\nb = 2\n", b"c = 3\n"),
    "characters of several bytes": ("é = '🎉'\n".encode(), "è = '🎉🎉'\n".encode()),
    "byte order mark": (b"\xef\xbb\xbfa = 1\n", b"\xef\xbb\xbfa = 2\n"),
    "mixed line ends": (b"a = 1\r\nb = 2\nc = 3\n", b"a = 1\r\nb = 20\nc = 3\n"),
    "empty lines at the end": (b"a = 1\n\n\n", b"a = 2\n\n\n"),
    "an empty file": (b"", b"a = 1\n"),
}


@pytest.mark.parametrize(("old", "new"), BYTES.values(), ids=BYTES.keys())
def test_accepted_edit_changes_only_its_bytes_and_undo_restores_the_file(
    opened: Start, script: Script, project: Path, old: bytes, new: bytes
) -> None:
    nvim = opened(old)
    text = script.received("textDocument/didOpen")[0]["textDocument"]["text"]
    # The text that Neovim sends has no byte order mark.
    script.set_answers(edits=[edit(text, new.decode("utf-8-sig"))])
    nvim.type(":Slm refactor change it<CR>")
    shown(nvim)
    nvim.type(":Slm accept!<CR>")
    nvim.until(lambda n: not new_lines(n), "accepted")
    assert written(nvim, project) == new
    nvim.type("u")
    nvim.settle()
    assert written(nvim, project) == old
    assert not nvim.api.current.buffer.options["modified"]


def test_answer_without_the_final_newline_keeps_the_final_newline(opened: Start, script: Script, project: Path) -> None:
    script.set_answers(edits=[edit("a = 1\nb = 2\n", "a = 1\nb = 20")])
    nvim = opened(b"a = 1\nb = 2\n")
    nvim.type(":Slm refactor change it<CR>")
    shown(nvim)
    nvim.type("<M-a>")
    nvim.until(lambda n: not new_lines(n), "accepted")
    assert written(nvim, project) == b"a = 1\nb = 20\n"


def test_tabs_of_new_lines_are_shown_with_the_width_of_the_buffer(opened: Start, script: Script) -> None:
    nvim = opened(b"if a:\n\tb = 1\n")
    nvim.api.command("setlocal tabstop=4")
    script.set_answers(edits=[edit("if a:\n\tb = 1\n", "if a:\n\tb\t= 2\n")])
    nvim.type(":Slm refactor change it<CR>")
    assert new_lines(shown(nvim))[0][0] == "    b   = 2"


def test_lines_added_above_the_first_line_are_visible(opened: Start, script: Script) -> None:
    script.set_answers(edits=[edit(OLD, "import os\n\n" + OLD)])
    nvim = opened()
    nvim.type(":Slm refactor import os<CR>")
    nvim.until_shown("import os")


def test_long_new_line_wraps_like_the_lines_of_the_buffer(opened: Start, script: Script) -> None:
    script.set_answers(edits=[edit("a = 1\n", f"a = [{'é, ' * 50}]\n")])
    nvim = opened(b"a = 1\n")
    nvim.type(":Slm refactor change it<CR>")
    *pieces, _, _ = new_lines(shown(nvim))[0]
    assert [len(each) for each in pieces] == [80, 76]
    assert "".join(pieces) == f"a = [{'é, ' * 50}]"


@pytest.mark.parametrize("place", ["G", "40G"])
def test_window_scrolls_until_the_whole_hunk_is_visible(opened: Start, script: Script, place: str) -> None:
    """The hunk is in the last line of the window or of the buffer."""
    old = "".join(f"a{number} = 1\n" for number in range(60))
    new = old.replace("a59 = 1\n" if place == "G" else "a39 = 1\n", "b = 1\nc = 2\nd = 3\n")
    script.set_answers(edits=[edit(old, new)])
    nvim = opened(old.encode())
    nvim.type(f"{place}zb:Slm refactor change it<CR>")
    shown(nvim)
    nvim.until_shown("passed: parsed")
    assert nvim.api.current.window.cursor[0] == (60 if place == "G" else 40)
    nvim.type("ggzt<M-n>")
    nvim.until_shown("passed: parsed")


def test_hunks_follow_edits_in_other_lines(opened: Start, script: Script) -> None:
    nvim = refactored(opened, script)
    nvim.type("ggO# above<Esc>")
    nvim.until(lambda n: old_lines(n) == [(1, 2), (5, 6)], "the hunks have moved")
    nvim.type("3GA  # beside<Esc>")
    nvim.type(":Slm accept!<CR>")
    text_is(nvim, "# above\n" + NEW.replace("return a\n", "return a  # beside\n"))


def test_line_below_a_hunk_does_not_belong_to_it(opened: Start, script: Script) -> None:
    nvim = refactored(opened, script)
    nvim.type(":call append(1, '    # below')<CR>")
    nvim.until(lambda n: old_lines(n) == [(0, 1), (5, 6)], "only the second hunk has moved")
    nvim.type("gg<M-a>")
    text_is(nvim, FIRST.replace("    return a\n", "    # below\n    return a\n"))


@pytest.mark.parametrize("keys", ["ggA # typed<Esc>", "ggx", "ggdd", "ggJ", "ggccx<Esc>"])
def test_editing_the_lines_of_a_hunk_drops_it(opened: Start, script: Script, keys: str) -> None:
    nvim = refactored(opened, script)
    nvim.type(keys)
    nvim.until_shown("1 hunk was dropped, because the text there changed")
    assert len(new_lines(nvim)) == 1
    changed = text_of(nvim)
    nvim.type(":Slm accept!<CR>")
    nvim.until(lambda n: not new_lines(n), "accepted")
    assert text_of(nvim) == changed.replace("def g(b):", "def g(b: int):")


def test_reloading_the_file_drops_the_hunks_that_no_longer_fit(opened: Start, script: Script, project: Path) -> None:
    nvim = refactored(opened, script)
    (project / "edited.py").write_text("changed = True\n")
    nvim.type(":edit!<CR>")
    nvim.until(lambda n: not new_lines(n), "no hunk is left")
    nvim.until(lambda n: not edit_keys(n), "the keys are gone")
    nvim.until_shown("the hunks were dropped")
    assert text_of(nvim) == "changed = True"


def test_edit_of_a_text_that_has_changed_meanwhile_is_cancelled(opened: Start, script: Script) -> None:
    script.set_answers(edits=[edit(OLD, NEW, wait_ms=1000)])
    nvim = opened()
    nvim.type(":Slm refactor add types<CR>")
    nvim.until(lambda _: script.received(COMMAND), "the request")
    nvim.type("Gox = 1<Esc>")
    nvim.until_shown("the text changed, so the edit was cancelled")
    nvim.until(lambda _: script.received("$/cancelRequest"), "cancelled")
    nvim.until(lambda _: len(script.received("textDocument/didChange")) > 0, "the server has the change")
    assert new_lines(nvim) == []


def test_answer_for_another_version_is_refused(opened: Start, script: Script) -> None:
    script.set_answers(edits=[edit(OLD, NEW, version=-1)])
    nvim = opened()
    nvim.type(":Slm refactor add types<CR>")
    nvim.until_shown("the text changed, so the edit was dropped")
    assert new_lines(nvim) == []


def test_answer_that_does_not_fit_the_text_is_refused(opened: Start, script: Script) -> None:
    script.set_answers(edits=[edit(OLD.replace("def g(b)", "def g(c)"), NEW)])
    nvim = opened()
    nvim.type(":Slm refactor add types<CR>")
    nvim.until_shown("the edit was dropped: the text in line 5")
    assert new_lines(nvim) == []
    assert text_of(nvim) + "\n" == OLD


def test_stale_edit_error_is_shown_with_its_cure(opened: Start, script: Script) -> None:
    data = {"kind": "StaleEditError", "what": "edited.py has changed.", "cure": "Run the edit again."}
    script.set_answers(edits=[{"error": {"code": -32803, "message": "no", "data": data}}])
    nvim = opened()
    for _ in range(2):  # the answer to a command is shown every time
        nvim.type(":Slm refactor add types<CR>")
        nvim.until_shown("slm: edited.py has changed. Run the edit again.")
        nvim.type(":echo ''<CR>")
        nvim.until(lambda n: not any("Run the edit again" in line for line in n.screen.lines()), "gone")


def test_reason_for_no_edit_is_shown(opened: Start, script: Script) -> None:
    script.set_answers(edits=[{"hunks": [], "reason": "the model returned the code unchanged"}])
    nvim = opened()
    nvim.type(":Slm refactor add types<CR>")
    nvim.until_shown("no edit: the model returned the code unchanged")


def test_running_edit_shows_its_progress_and_is_cancelled(opened: Start, script: Script) -> None:
    stream = [["def f", 300], ["(a: int):\n", 300], ["    return a\n", 300]]
    script.set_answers(edits=[edit(OLD, NEW, progress=["loading strong"], stream=stream, wait_ms=2000)])
    nvim = opened()
    nvim.type(":Slm refactor add types<CR>")
    nvim.until_shown("slm: loading strong")
    nvim.until_shown("slm: writing, 3 lines")
    assert nvim.lua("return require('slm').statusline()") == "slm writing, 3 lines"
    nvim.type(":Slm refactor again<CR>")
    nvim.until_shown("an edit is running")
    nvim.type(":Slm cancel<CR>")
    nvim.until_shown("the edit was cancelled")
    nvim.until(lambda _: script.received("$/cancelRequest"), "cancelled")
    assert not any("writing" in line for line in nvim.screen.lines())
    assert "writing" not in nvim.lua("return require('slm').statusline()")
    script.set_answers(edits=[edit(OLD, NEW)])
    nvim.type(":Slm refactor add types<CR>")
    shown(nvim)


def test_range_and_instruction_are_sent(opened: Start, script: Script) -> None:
    nvim = refactored(opened, script, "1GVj:Slm refactor use 2 | 3  spaces<CR>")
    (argument,) = script.received(COMMAND)[0]["arguments"]
    assert argument["range"] == {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 12}}
    assert argument["instruction"] == "use 2 | 3  spaces"
    assert argument["textDocument"]["uri"].endswith("edited.py")
    nvim.type(":Slm edits<CR>")
    nvim.until_shown("refactor: use 2 | 3  spaces")


def test_instruction_is_asked_for(opened: Start, script: Script) -> None:
    nvim = refactored(opened, script, "2G4l:Slm refactor<CR>add types<CR>")
    (argument,) = script.received(COMMAND)[0]["arguments"]
    assert argument["instruction"] == "add types"
    assert argument["range"]["start"] == argument["range"]["end"] == {"line": 1, "character": 4}
    nvim.type(":Slm reject!<CR>:Slm refactor<CR><Esc>")
    nvim.settle()
    assert len(script.received(COMMAND)) == 1


DIAGNOSTICS = """
local namespace = vim.api.nvim_create_namespace("test")
vim.diagnostic.set(namespace, 0, {
  { lnum = 1, col = 4, end_lnum = 1, end_col = 10, message = "a warning", severity = vim.diagnostic.severity.WARN },
  { lnum = 1, col = 11, end_lnum = 1, end_col = 12, message = "undefined name 'a'\\nsee above", severity = 1 },
  { lnum = 5, col = 0, end_lnum = 5, end_col = 1, message = "elsewhere", severity = 1 },
})
"""


@pytest.mark.parametrize(
    ("keys", "error", "start"),
    [
        ("2G11l:Slm fix<CR>", "undefined name 'a'\nsee above", (1, 11)),
        ("2G4l:Slm fix<CR>", "a warning", (1, 4)),
        ("2G0:Slm fix<CR>", "undefined name 'a'\nsee above", (1, 11)),
        ("2G0:Slm fix the given error<CR>", "the given error", (1, 0)),
        (":5,6Slm fix<CR>", "elsewhere", (4, 0)),
        ("1G:Slm fix<CR>", None, (0, 0)),
    ],
)
def test_fix_sends_the_error_and_its_place(
    opened: Start, script: Script, keys: str, error: str | None, start: tuple[int, int]
) -> None:
    script.set_answers(edits=[edit(OLD, NEW)])
    nvim = opened()
    nvim.lua(DIAGNOSTICS)
    nvim.type(keys)
    shown(nvim)
    (sent,) = script.received(COMMAND)
    (argument,) = sent["arguments"]
    assert sent["command"] == "slm.fix"
    assert argument.get("error") == error
    assert (argument["range"]["start"]["line"], argument["range"]["start"]["character"]) == start


def test_code_action_shows_hunks(opened: Start, script: Script) -> None:
    action = {"title": "Add type hints", "kind": "refactor.rewrite", "command": "slm.refactor"}
    argument = {"instruction": "add type hints"}
    script.set_answers(edits=[edit(OLD, NEW)], actions=[{**action, "argument": argument}])
    nvim = opened()
    nvim.lua("vim.lsp.buf.code_action({ apply = true })")
    shown(nvim)
    (sent,) = script.received(COMMAND)
    assert sent["arguments"][0]["instruction"] == "add type hints"
    assert sent["arguments"][0]["apply"] is False
    assert text_of(nvim) + "\n" == OLD


def test_keys_are_mapped_only_while_hunks_are_shown(opened: Start, script: Script) -> None:
    script.set_answers(edits=[edit(OLD, NEW)])
    nvim = opened()
    nvim.api.command("nnoremap <buffer> <M-a> <Cmd>let g:mine = 1<CR>")
    assert edit_keys(nvim) == []
    nvim.type(":Slm refactor add types<CR>")
    shown(nvim)
    assert edit_keys(nvim) == KEYS
    nvim.type(":Slm reject!<CR>")
    nvim.until(lambda n: not edit_keys(n), "the keys are gone")
    nvim.type("<M-a>")
    nvim.until(lambda n: n.lua("return vim.g.mine") == 1, "the user's mapping is back")


def test_keys_are_configurable(opened: Start, script: Script) -> None:
    script.set_answers(edits=[edit(OLD, NEW)])
    nvim = opened(edit_keys={"accept": "ga", "reject": "gx", "next": False, "previous": False})
    nvim.type(":Slm refactor add types<CR>")
    shown(nvim)
    assert edit_keys(nvim) == ["<M-A>", "<M-R>", "ga", "gx"]
    assert new_lines(nvim)[0][1] == "slm 1/2 · ga accept, gx reject"
    nvim.type("ggga")
    text_is(nvim, FIRST)


def test_cursor_moves_to_the_next_and_the_previous_hunk(opened: Start, script: Script) -> None:
    nvim = refactored(opened, script, "3G:Slm refactor add types<CR>")
    lines = []
    for key in ("<M-n>", "<M-n>", "<M-p>", "<M-p>"):
        nvim.type(key)
        nvim.settle()
        lines.append(nvim.api.current.window.cursor[0])
    assert lines == [5, 1, 5, 1]
    nvim.type("3G<M-a>")
    nvim.until_shown("no hunk at the cursor")
    assert text_of(nvim) + "\n" == OLD


def test_hunks_of_all_buffers_are_listed(opened: Start, script: Script, project: Path) -> None:
    nvim = refactored(opened, script)
    nvim.api.command("edit stock.py")
    nvim.until(lambda _: len(script.received("textDocument/didOpen")) == 2, "the server has both files")
    text = script.received("textDocument/didOpen")[1]["textDocument"]["text"]
    script.set_answers(edits=[edit(text, text.replace("import", "import  ", 1))])
    nvim.type(":Slm refactor change it<CR>")
    shown(nvim)
    nvim.type(":Slm edits<CR>")
    nvim.until(lambda n: n.api.current.buffer.options["buftype"] == "quickfix", "the quickfix window")
    items = nvim.lua("return vim.fn.getqflist()")
    names = [Path(nvim.api.buffers[each["bufnr"]].name).name for each in items]
    assert names == ["edited.py", "edited.py", "stock.py"]
    assert [each["lnum"] for each in items[:2]] == [1, 5]
    assert items[0]["text"] == "refactor: add types, hunk 1/2, -1 +1 lines"


def test_failed_check_is_shown_with_its_evidence(opened: Start, script: Script) -> None:
    verdict = [{"check": "compiled", "result": "failed", "evidence": "line 1: expected ':'\nmore"}]
    nvim = refactored(opened, script, verdict=verdict)
    assert [each[-1] for each in new_lines(nvim)] == ["failed: compiled (line 1: expected ':')"] * 2
    nvim.type(":Slm status<CR>")
    nvim.until_shown("compiled failed: line 1: expected ':'")


def test_new_edit_replaces_the_open_hunks(opened: Start, script: Script) -> None:
    nvim = refactored(opened, script)
    script.set_answers(edits=[edit(OLD, SECOND)])
    nvim.type(":Slm refactor again<CR>")
    nvim.until(lambda n: old_lines(n) == [(4, 5)], "the hunk of the new edit")
    assert edit_keys(nvim) == KEYS


def test_buffer_that_cannot_be_changed_is_refused(opened: Start, script: Script) -> None:
    nvim = opened()
    nvim.api.command("setlocal nomodifiable")
    nvim.type(":Slm refactor add types<CR>")
    nvim.until_shown("the buffer is not modifiable")
    assert not script.received(COMMAND)


def test_server_without_edits_is_reported(opened: Start, script: Script) -> None:
    script.set_answers(capabilities={"textDocumentSync": 1, "inlineCompletionProvider": {}})
    nvim = opened()
    nvim.type(":Slm fix<CR>")
    nvim.until_shown("the server is too old to edit code")


LINES = st.lists(st.sampled_from(["", "a", "b = 1", "\tc", "é🎉"]), min_size=1, max_size=8)

ACCEPT_ALL = """
local old, raw = ...
vim.api.nvim_buf_set_lines(0, 0, -1, false, old)
local found = {}
for _, each in ipairs(raw) do
  local hunk, problem = require("slm.edit.hunks").new(0, each, "utf-16")
  if problem then return problem end
  table.insert(found, hunk)
end
local bufnr = vim.api.nvim_get_current_buf()
local proposals = require("slm.edit.proposals")
if #found > 0 then
  proposals.show(bufnr, "test", {}, found)
  proposals.accept(bufnr, proposals.get(bufnr).hunks)
end
local accepted = vim.api.nvim_buf_get_lines(0, 0, -1, false)
if #found > 0 then vim.cmd("silent undo") end
return { accepted, vim.api.nvim_buf_get_lines(0, 0, -1, false) }
"""


def test_accepting_all_hunks_gives_the_new_text_and_undo_the_old_one(scripted: Start) -> None:
    nvim = scripted()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(LINES, LINES)
    def check(old: list[str], new: list[str]) -> None:
        raw = edit("\n".join([*old, ""]), "\n".join([*new, ""]))["hunks"]
        assert nvim.lua(ACCEPT_ALL, old, raw) == [new, old]

    check()
