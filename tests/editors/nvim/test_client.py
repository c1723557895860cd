"""How the plugin reacts to the messages of a scripted server, in a real Neovim."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slm_lsp.bench.nvim_screen import Neovim
from tests.editors.nvim.conftest import Open, Script, item, messages, text_of, visible

Start = Callable[..., Neovim]

REQUEST = "textDocument/inlineCompletion"


def test_streamed_text_is_shown_when_it_arrives(scripted: Start, script: Script) -> None:
    deltas = [["max", 50], ["(first, ", 150], ["second)", 150]]
    script.set_answers({"return ": {"stream": deltas, "wait_ms": 50, "items": [item("max(first, second)")]}})
    nvim = scripted()
    nvim.screen.forget()
    nvim.type("ireturn ")
    nvim.until_shown("return max(first, second)")
    shown = [line for frame in nvim.screen.frames for line in frame.lines if line.startswith("return")]
    assert "return max" in shown
    assert "return max(first," in shown
    assert text_of(nvim) == "return "


def test_answer_replaces_different_streamed_text(scripted: Start, script: Script) -> None:
    script.set_answers({"x = ": {"stream": [["wrong", 0]], "items": [item("right")]}})
    nvim = scripted()
    nvim.type("ix = ")
    nvim.until_shown("x = right")
    assert not any("wrong" in line for line in nvim.screen.lines())


def test_streamed_block_extends_the_shown_first_line(scripted: Start, script: Script) -> None:
    first = {"stream": [["f f():", 0]], "items": [item("f f():")], "after": [["\n    ret", 50], ["urn 1", 50], ["", 0]]}
    script.set_answers({"de": [first, {"items": [item("f f():\n    return 1", "two")]}]})
    nvim = scripted()
    nvim.type("ide")
    nvim.until_shown("    return 1")
    shown = "return require('slm.shown').get().command"
    nvim.until(lambda n: n.lua(shown)["arguments"][0]["id"] == "two", "the complete block is shown")
    nvim.type("<Tab>")
    nvim.until(lambda _: text_of(nvim) == "def f():\n    return 1", "accepted")
    nvim.until(lambda _: script.received("workspace/executeCommand"), "reported")
    assert script.received("workspace/executeCommand")[0]["arguments"] == [{"id": "two", "kind": "accepted"}]


def test_refined_suggestion_replaces_the_first_one(scripted: Start, script: Script) -> None:
    first = {"items": [item("total + 1")], "refined_ms": 100}
    script.set_answers({"x = ": [first, {"items": [item("sum(rows)", "two")]}]})
    nvim = scripted()
    nvim.type("ix = ")
    nvim.until_shown("x = sum(rows)")
    assert [each["context"]["triggerKind"] for each in script.received(REQUEST)][-2:] == [2, 2]
    nvim.type("<Tab>")
    nvim.until(lambda _: script.received("workspace/executeCommand"), "reported")
    assert script.received("workspace/executeCommand")[0]["arguments"] == [{"id": "two", "kind": "accepted"}]
    (initialize,) = script.received("initialize")
    assert initialize["capabilities"]["experimental"] == {"slmStream": True, "slmRefined": True}


def test_refined_suggestion_is_shown_if_there_was_none(scripted: Start, script: Script) -> None:
    script.set_answers({"x = ": [{"items": [], "refined_ms": 100}, {"items": [item("sum(rows)", "two")]}]})
    nvim = scripted()
    nvim.type("ix = ")
    nvim.until_shown("x = sum(rows)")


@pytest.mark.parametrize(
    ("method", "keys", "line"),
    [("workspace/executeCommand", "<C-]>", "x = "), ("textDocument/didChange", "tot", "x = total + 1")],
)
def test_dismissed_or_partly_typed_suggestion_is_not_refined(
    scripted: Start, script: Script, method: str, keys: str, line: str
) -> None:
    answers = {"x = ": [{"items": [item("total + 1")]}, {"items": [item("sum(rows)", "two")]}]}
    script.set_answers(answers)
    nvim = scripted()
    nvim.type("ix = ")
    nvim.until_shown("x = total + 1")
    requests = len(script.received(REQUEST))
    script.set_answers(answers, refined_on=method)
    before = len(script.received(method))
    nvim.type(keys)
    nvim.until(lambda _: len(script.received(method)) > before, "the server has sent slm/refined")
    nvim.settle()
    assert nvim.screen.lines()[0].rstrip() == line.rstrip()
    assert len(script.received(REQUEST)) == requests


def test_accepting_is_one_undo_step(scripted: Start, script: Script) -> None:
    script.set_answers({"total = ": {"items": [item("sum(\n    values)")]}})
    nvim = scripted()
    nvim.type("itotal = ")
    nvim.until_shown("total = sum(")
    nvim.type("<Tab>")
    nvim.until(lambda _: text_of(nvim) == "total = sum(\n    values)", "accepted")
    assert nvim.api.current.window.cursor == (2, 11)
    nvim.type(" # more<Esc>")
    nvim.settle()
    assert text_of(nvim) == "total = sum(\n    values) # more"
    for expected in ("total = sum(\n    values)", "total = ", ""):
        nvim.type("u")
        nvim.settle()
        assert text_of(nvim) == expected


def test_words_are_accepted_one_by_one_and_reported(scripted: Start, script: Script) -> None:
    script.set_answers({"return ": {"items": [item("fib(n - 1) + 2")]}})
    nvim = scripted()
    nvim.type("ireturn ")
    nvim.until_shown("return fib(n - 1) + 2")
    for piece in ("fib", "fib(", "fib(n", "fib(n -"):
        nvim.type("<M-w>")
        nvim.until(lambda _, want=piece: text_of(nvim) == "return " + want, piece)  # type: ignore[misc]
        nvim.until_shown("return fib(n - 1) + 2")
    nvim.type("<Tab>")
    nvim.until(lambda _: text_of(nvim) == "return fib(n - 1) + 2", "all")
    nvim.until(lambda _: len(script.received("workspace/executeCommand")) == 5, "reported")
    outcomes = [each["arguments"][0] for each in script.received("workspace/executeCommand")]
    assert outcomes[0] == {"id": "one", "kind": "partial", "characters": 3}
    assert outcomes[3] == {"id": "one", "kind": "partial", "characters": 7}
    assert outcomes[4] == {"id": "one", "kind": "accepted"}


def test_lines_are_accepted_one_by_one(scripted: Start, script: Script) -> None:
    script.set_answers({"if ": {"items": [item("ok:\n    go()\n    stop()")]}})
    nvim = scripted()
    nvim.type("iif ")
    nvim.until_shown("    stop()")
    for expected in ("if ok:", "if ok:\n    go()", "if ok:\n    go()\n    stop()"):
        nvim.type("<M-l>")
        nvim.until(lambda _, want=expected: text_of(nvim) == want, expected)  # type: ignore[misc]


def test_typing_the_suggested_text_keeps_the_suggestion(scripted: Start, script: Script) -> None:
    script.set_answers({"rows.": {"items": [item("append(value)")]}, "*": {"items": [item("never")]}})
    nvim = scripted()
    nvim.type("irows.")
    nvim.until_shown("rows.append(value)")
    nvim.screen.forget()
    requests = len(script.received(REQUEST))
    nvim.type("app")
    nvim.until(lambda _: text_of(nvim) == "rows.app", "typed")
    nvim.settle()
    assert all(frame.lines[0] == "rows.append(value)" for frame in nvim.screen.frames)
    assert len(script.received(REQUEST)) == requests
    nvim.type("<Tab>")
    nvim.until(lambda _: text_of(nvim) == "rows.append(value)", "accepted")


def test_typing_other_text_hides_the_suggestion_and_sends_a_new_request(scripted: Start, script: Script) -> None:
    script.set_answers(
        {"rows.": {"items": [item("append(value)")]}, "rows.ext": {"wait_ms": 300, "items": [item("end()")]}}
    )
    nvim = scripted()
    nvim.type("irows.")
    nvim.until_shown("rows.append(value)")
    nvim.type("ext")
    nvim.until(lambda _: nvim.screen.lines()[0] == "rows.ext", "hidden")
    nvim.until_shown("rows.extend()")
    outcomes = [each["arguments"][0]["kind"] for each in script.received("workspace/executeCommand")]
    assert outcomes == ["ignored"]


def test_typing_cancels_the_pending_request(scripted: Start, script: Script) -> None:
    script.set_answers({"a": {"wait_ms": 2000, "items": [item("late")]}, "ab": {"items": [item("xyz")]}})
    nvim = scripted()
    nvim.type("ia")
    nvim.until(lambda _: script.received(REQUEST), "a request")
    nvim.type("b")
    nvim.until_shown("abxyz")
    nvim.until(lambda _: script.received("$/cancelRequest"), "cancelled")
    time.sleep(2)
    assert nvim.screen.lines()[0] == "abxyz"
    assert not messages(nvim)


def test_dismissed_suggestion_stays_hidden_until_text_is_typed(scripted: Start, script: Script) -> None:
    script.set_answers({"f": {"items": [item("(x)")]}, "fg": {"items": [item("(x)")]}})
    nvim = scripted()
    nvim.type("if")
    nvim.until_shown("f(x)")
    nvim.type("<C-]>")
    nvim.until(lambda _: nvim.screen.lines()[0] == "f", "gone")
    nvim.until(lambda _: script.received("workspace/executeCommand"), "reported")
    assert script.received("workspace/executeCommand")[0]["arguments"][0]["kind"] == "rejected"
    nvim.type("g")
    nvim.until_shown("fg(x)")


def test_next_key_cycles_through_alternatives(scripted: Start, script: Script) -> None:
    some = [item("one", "1"), item("two", "2"), item("three", "3")]
    script.set_answers({"x = ": [{"items": some[:1]}, {"items": some}]})
    nvim = scripted()
    nvim.type("ix = ")
    nvim.until_shown("x = one")
    for expected in ("two", "three", "one"):
        nvim.type("<M-]>")
        nvim.until_shown(f"x = {expected}")
    assert [each["context"]["triggerKind"] for each in script.received(REQUEST)][-2:] == [2, 1]


def test_keys_keep_their_default_function_while_no_suggestion_is_shown(scripted: Start, script: Script) -> None:
    nvim = scripted()
    nvim.type("ix<Tab>y<C-]>")
    nvim.until(lambda _: text_of(nvim) == "x   \ty".replace("   \t", "\t") or "y" in text_of(nvim), "typed")
    assert text_of(nvim).split() == ["x", "y"]


def test_key_keeps_its_previous_mapping_while_no_suggestion_is_shown(
    open_nvim: Open, script: Script, tmp_path: Path
) -> None:
    nvim = open_nvim("new.py", cmd=script.command, keys={"accept": "<F5>"})
    nvim.lua("vim.keymap.set('i', '<F6>', function() return 'six' end, { expr = true })")
    nvim.lua("require('slm').setup({ cmd = ..., keys = { accept = '<F6>' } })", script.command)
    nvim.type("ia<F6>")
    nvim.until(lambda _: text_of(nvim) == "asix", "the old mapping")


def test_completion_menu_hides_ghost_text(scripted: Start, script: Script) -> None:
    script.set_answers({"al": {"items": [item("_together()")]}})
    nvim = scripted("alpha\nalphabet\n")
    nvim.type("Goal")
    nvim.until_shown("al_together()")
    nvim.type("<C-n>")
    nvim.until(lambda _: nvim.lua("return vim.fn.pumvisible()") == 1, "a menu")
    nvim.until(lambda nvim: not any("_together" in line for line in nvim.screen.lines()), "ghost text is gone")
    time.sleep(0.3)
    assert not any("_together" in line for line in nvim.screen.lines())
    nvim.type("<C-e>")
    nvim.until_shown("al_together()")


def test_leaving_insert_mode_hides_ghost_text(scripted: Start, script: Script) -> None:
    script.set_answers({"f": {"items": [item("(x)")]}, "fg": {"items": [item("(x)")]}})
    nvim = scripted()
    nvim.type("if")
    nvim.until_shown("f(x)")
    nvim.type("<Esc>")
    nvim.until(lambda _: nvim.screen.lines()[0] == "f", "gone")


@pytest.mark.parametrize(
    ("before", "keys", "answer", "shown", "accepted"),
    [
        ("f()", "i", item("a, b"), "f(a, b)", "f(a, b)"),
        # The range includes the bracket, which the suggestion repeats.
        ("f()", "i", item("a):", range={"start": (0, 2), "end": (0, 3)}), "f(a):", "f(a):"),
        # A character of two UTF-16 code units, and a suggestion that begins before the cursor.
        ('"🎉" é', "A", item("été", range={"start": (0, 5), "end": (0, 6)}), '"🎉" été', '"🎉" été'),
        ("x =", "A", item(" 1\r\ny = 2"), "x = 1", "x = 1\ny = 2"),
    ],
)
def test_accepted_text_is_the_shown_text(
    scripted: Start, script: Script, before: str, keys: str, answer: dict[str, Any], shown: str, accepted: str
) -> None:
    if "range" in answer:
        places = {name: dict(zip(("line", "character"), at, strict=True)) for name, at in answer["range"].items()}
        answer = {**answer, "range": places}
    script.set_answers({"*": [{"items": [answer]}, {}]})
    nvim = scripted(before)
    nvim.type("0$" + keys)
    nvim.until(lambda _: nvim.screen.lines()[0] == shown, shown)
    nvim.type("<Tab>")
    nvim.until(lambda _: text_of(nvim) == accepted, accepted)


@pytest.mark.parametrize("scrolloff", [0, 3, 999])
@pytest.mark.parametrize("width", [20, 200])
def test_ghost_text_does_not_move_cursor_or_view(scripted: Start, script: Script, scrolloff: int, width: int) -> None:
    """A suggestion of eight lines at several rows of the window. Its first line fits into one screen line or wraps."""
    block = "x" * width + "\n    y" * 7
    script.set_answers({"*": {"items": [item(block)]}})
    nvim = scripted("\n".join(f"line {number}" for number in range(60)))
    nvim.api.options["scrolloff"] = scrolloff
    for row in (1, 11, 18, 21, 22):
        nvim.type(f"<Esc>20Gzt{20 + row - 1}GA")
        nvim.until(visible, "a suggestion")
        nvim.type("<C-]>")
        nvim.settle()
        view, cursor = nvim.lua("return vim.fn.winsaveview()"), nvim.screen.cursor
        nvim.type("=")
        nvim.until(visible, "a suggestion")
        nvim.type("x")  # the next character of the suggestion
        nvim.settle()
        after = nvim.lua("return vim.fn.winsaveview()")
        assert after["topline"] == view["topline"], row
        assert (nvim.screen.cursor[0], nvim.screen.cursor[1] - 2) == cursor, row


def test_lines_that_do_not_fit_are_counted(scripted: Start, script: Script) -> None:
    script.set_answers({"*": {"items": [item("a\nb\nc")]}})
    nvim = scripted("\n".join(f"line {number}" for number in range(60)))
    nvim.type("60GzbA")
    nvim.until_shown("line 59a +2")


def test_position_of_a_resting_cursor_is_sent(scripted: Start, script: Script) -> None:
    nvim = scripted("one\ntwo\nthree")
    nvim.type("gg")
    nvim.until(lambda _: script.received("slm/cursor"), "the first position is sent")
    before = len(script.received("slm/cursor"))
    nvim.type("jl")
    nvim.until(lambda _: len(script.received("slm/cursor")) > before, "the new position is sent")
    assert script.received("slm/cursor")[-1]["position"] == {"line": 1, "character": 1}
    assert len(script.received("slm/cursor")) == before + 1


def test_first_cursor_move_in_insert_mode_is_sent(scripted: Start, script: Script) -> None:
    nvim = scripted("one\ntwo\nthree")
    nvim.type("ggi")
    time.sleep(0.5)
    nvim.type("<Down>")
    nvim.until(lambda _: {"line": 1, "character": 0} in [m["position"] for m in script.received("slm/cursor")], "sent")


KEY_AND_MOVE = """
vim.api.nvim_buf_set_text(0, 0, 0, 0, 0, { "y" })
vim.api.nvim_exec_autocmds("TextChangedI", { buffer = 0 })
vim.api.nvim_win_set_cursor(0, { 3, 0 })
vim.api.nvim_exec_autocmds("CursorMovedI", { buffer = 0 })
"""
"""A key press and an immediate cursor move, before Neovim processes other events."""


def test_cursor_move_right_after_a_key_press_prevents_the_request_for_the_key(scripted: Start, script: Script) -> None:
    nvim = scripted("one\ntwo\nthree")
    nvim.type("i")
    nvim.until(lambda _: script.received(REQUEST), "the request when Insert mode begins")
    requests = len(script.received(REQUEST))
    nvim.lua(KEY_AND_MOVE)
    time.sleep(0.3)
    assert len(script.received(REQUEST)) == requests
    nvim.type("x")
    nvim.until(lambda _: len(script.received(REQUEST)) > requests, "a request")
    assert script.received(REQUEST)[-1]["position"] == {"line": 2, "character": 1}


def test_paused_language_sends_no_requests_until_resumed(scripted: Start, script: Script) -> None:
    script.set_answers({"f": {"items": [item("(x)")]}, "fg": {"items": [item("(x)")]}})
    nvim = scripted()
    nvim.type(":Slm pause language<CR>if")
    nvim.until(lambda _: text_of(nvim) == "f", "typed")
    time.sleep(0.3)
    assert not script.received(REQUEST)
    assert nvim.lua("return require('slm').statusline()") == "slm paused"
    nvim.type("<Esc>:Slm pause language<CR>ag")
    nvim.until_shown("fg(x)")


def test_settings_are_sent_to_the_server(scripted: Start, script: Script) -> None:
    nvim = scripted(settings={"completion": {"max_tokens": 9}})
    (sent,) = script.received("initialize")
    assert sent["initializationOptions"] == {"completion": {"max_tokens": 9}}
    assert sent["capabilities"]["experimental"] == {"slmStream": True, "slmRefined": True}
    nvim.type(":Slm model strong<CR>")
    nvim.until(lambda _: script.received("workspace/didChangeConfiguration"), "the change is sent")
    settings = script.received("workspace/didChangeConfiguration")[-1]["settings"]
    assert settings == {"completion": {"max_tokens": 9}, "model": "strong"}


def test_one_server_serves_all_workspace_folders(scripted: Start, script: Script, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / ".git").mkdir(parents=True)
    (other / "b.py").write_text("b = 1\n")
    nvim = scripted()
    nvim.api.command(f"edit! {other / 'b.py'}")
    nvim.until(lambda _: len(script.received("textDocument/didOpen")) == 2, "both files are open")
    assert len(script.received("initialize")) == 1
    (event,) = script.received("workspace/didChangeWorkspaceFolders")
    assert [each["uri"] for each in event["event"]["added"]] == [other.as_uri()]


def test_next_key_shows_a_hint_if_there_is_no_alternative(scripted: Start, script: Script) -> None:
    script.set_answers({"x = ": {"items": [item("one")]}})
    nvim = scripted()
    nvim.type("ix = ")
    nvim.until_shown("x = one")
    nvim.type("<M-]>")
    nvim.until_shown("no other suggestion here")
    nvim.until(lambda n: n.screen.lines()[0] == "x = one", "the hint disappears")


def ghost_attributes(scripted: Start, script: Script, *commands: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the terminal attributes of typed text and of ghost text, after executing commands."""
    script.set_answers({"x = ": {"items": [item("right")]}})
    nvim = scripted()
    for command in ("set notermguicolors", *commands):
        nvim.api.command(command)
    nvim.type("ix = ")
    nvim.until_shown("x = right")
    row = nvim.screen.cells()[0]
    return (
        nvim.screen.terminal_attributes.get(row[0].highlight, {}),
        nvim.screen.terminal_attributes.get(row[4].highlight, {}),
    )


def test_ghost_text_differs_from_code_without_true_colour(scripted: Start, script: Script) -> None:
    typed, ghost = ghost_attributes(scripted, script)
    assert typed != ghost
    assert (ghost.get("foreground"), ghost.get("italic")) == (8, True)


@pytest.mark.parametrize("command", ["highlight Comment ctermfg=6", "highlight SlmGhost ctermfg=6"])
def test_terminal_colours_set_by_the_user_are_kept(scripted: Start, script: Script, command: str) -> None:
    _, ghost = ghost_attributes(scripted, script, command)
    assert (ghost.get("foreground"), ghost.get("italic")) == (6, None)
