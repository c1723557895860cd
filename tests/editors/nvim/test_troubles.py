"""What can go wrong, and what the user is told: one message that says what to do, never a second time."""

import os
import shlex
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from slm_lsp.bench.nvim_screen import Neovim
from tests.editors.nvim.conftest import SERVER, Open, Script, item, messages, text_of, visible

Start = Callable[..., Neovim]

ASKED = "textDocument/inlineCompletion"


def said(nvim: Neovim, text: str) -> str:
    """Wait for a message."""
    found: str = nvim.until(lambda n: next((each for each in messages(n) if text in each), None), text)
    return found


def program(path: Path, command: list[str]) -> Path:
    """An `slm-lsp` that runs something else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_no_server_is_said_once(open_nvim: Open) -> None:
    nvim = open_nvim("orders.py", "stock.py", environ={"PATH": "/usr/bin:/bin"}, cmd=None)
    assert "docs/editors/neovim.md" in said(nvim, "There is no slm-lsp on PATH")
    nvim.type(":next<CR>i# typed<Esc>:edit! orders.py<CR>")
    nvim.settle()
    assert sum("no slm-lsp" in each for each in messages(nvim)) == 1
    assert nvim.lua("return require('slm').statusline()") == "slm failed"


def test_a_command_that_is_not_there_is_named(open_nvim: Open) -> None:
    nvim = open_nvim("orders.py", cmd="/nowhere/slm-lsp")
    assert "Correct the option cmd" in said(nvim, "/nowhere/slm-lsp is not there")


def test_the_server_is_found_on_path(open_nvim: Open, script: Script, tmp_path: Path) -> None:
    program(tmp_path / "bin" / "slm-lsp", script.command)
    nvim = open_nvim("orders.py", environ={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}, cmd=None)
    nvim.until(lambda _: script.told("textDocument/didOpen"), "the server has the file")


def test_a_server_of_the_workspace_runs_only_if_trusted(open_nvim: Open, script: Script, project: Path) -> None:
    """A folder that was cloned from somewhere must not run a program of its own just because a file is looked at."""
    program(project / ".venv" / "bin" / "slm-lsp", script.command)
    nvim = open_nvim(environ={"PATH": "/usr/bin:/bin"}, cmd=None)
    nvim.type(":edit orders.py<CR>")
    nvim.until_shown("is not trusted")
    assert not script.told("initialize")
    nvim.type("a")  # allow
    nvim.until(lambda _: script.told("textDocument/didOpen"), "the server has the file")


def test_an_old_server_is_named(scripted: Start, script: Script) -> None:
    script.does(capabilities={"textDocumentSync": 1})
    nvim = scripted()
    assert "Install the newest" in said(nvim, "is version 0.0.1, which is too old")


def test_a_killed_server_comes_back(scripted: Start, script: Script) -> None:
    script.does({"f": {"items": [item("(x)")]}, "fg": {"items": [item("(x)")]}})
    nvim = scripted()
    nvim.type("if")
    nvim.until_shown("f(x)")
    (server,) = [each for each in psutil.Process(nvim.pid).children() if "peer" in " ".join(each.cmdline())]
    os.kill(server.pid, signal.SIGKILL)
    nvim.until(lambda n: not visible(n), "ghost text is gone with the server")
    nvim.until(lambda _: len(script.told("textDocument/didOpen")) == 2, "started again")
    nvim.type("g")
    nvim.until_shown("fg(x)")
    assert not messages(nvim)


def test_a_server_that_keeps_ending_is_given_up(open_nvim: Open, script: Script) -> None:
    script.does(exit=1)
    nvim = open_nvim("orders.py", cmd=script.command)
    assert ":Slm start" in said(nvim, "ended 5 times in 3 minutes")
    assert len(messages(nvim)) == 1
    script.does()
    nvim.type(":Slm start<CR>")
    nvim.until(lambda _: script.told("textDocument/didOpen"), "the server has the file")
    log = Path(nvim.lua("return require('slm.log').path")).read_text()
    assert log.count("the script says so") == 5


def test_an_error_is_shown_once_and_in_our_words(scripted: Start, script: Script) -> None:
    data = {"kind": "ModelMissingError", "what": "No model is installed.", "cure": "Run `slm-lsp models pull fast`."}
    script.does({"*": {"error": {"code": -32803, "message": "no", "data": data}}})
    nvim = scripted()
    nvim.type("ia")
    assert ":Slm pull fast" in said(nvim, "No model is installed.")
    nvim.type("b")
    nvim.type("c")
    nvim.until(lambda _: text_of(nvim) == "abc", "typed")
    nvim.type("<Esc>")  # "-- INSERT --" would have taken the message's place at once
    nvim.until_shown("slm: No model is installed.")
    time.sleep(0.5)
    assert len(messages(nvim)) == 1


def test_overtaken_requests_are_nobodys_business(scripted: Start, script: Script) -> None:
    script.does({"*": {"error": {"code": -32802, "message": "Overtaken by a newer request."}}})
    nvim = scripted()
    nvim.type("ia")
    nvim.until(lambda _: script.told(ASKED), "asked")
    time.sleep(0.5)
    assert not messages(nvim)


def test_a_huge_file_is_left_alone(open_nvim: Open, script: Script, project: Path) -> None:
    (project / "huge.py").write_text("x = 1\n" * 200_000)
    nvim = open_nvim("huge.py", cmd=script.command)
    assert "max_bytes" in said(nvim, "huge.py is not completed")
    assert not script.told("textDocument/didOpen")


def test_a_buffer_without_a_name_gets_one_first(open_nvim: Open, script: Script) -> None:
    nvim = open_nvim(cmd=script.command)
    nvim.type(":setfiletype python<CR>ix = 1<Esc>")
    assert ":write NAME" in said(nvim, "This buffer is not completed")
    nvim.type(":write named.py<CR>")
    nvim.until(lambda _: script.told("textDocument/didOpen"), "the server has the file")
    (document,) = [each["textDocument"] for each in script.told("textDocument/didOpen")]
    assert document["uri"].endswith("named.py")


def test_a_file_outside_any_folder_is_completed(open_nvim: Open, script: Script, tmp_path: Path) -> None:
    script.does({"f": {"items": [item("(x)")]}})
    alone = tmp_path / "alone.py"
    nvim = open_nvim(str(alone), cmd=script.command)
    nvim.until(lambda _: script.told("textDocument/didOpen"), "the server has the file")
    assert script.told("initialize")[0]["workspaceFolders"] in (None, [])
    nvim.type("if")
    nvim.until_shown("f(x)")


def test_wrong_options_are_said_and_the_rest_counts(open_nvim: Open, script: Script) -> None:
    nvim = open_nvim("orders.py", cmd=script.command, colour="red", ghost="builtin")
    said(nvim, "there is no option `colour`")
    said(nvim, "needs Neovim 0.12")
    nvim.until(lambda _: script.told("textDocument/didOpen"), "the server has the file")


def test_health_and_status_say_what_is_so(open_nvim: Open) -> None:
    nvim = open_nvim("orders.py", cmd=SERVER, height=60, environ={"SLM_LSP_MODELS_DIR": "/nowhere"})
    nvim.until(lambda n: "models pull" in str(n.lua("return require('slm').status().reason")), "a status")
    nvim.type(":checkhealth slm<CR>")
    nvim.until(lambda n: n.api.current.buffer.options["filetype"] == "checkhealth", "the report")
    report = text_of(nvim)
    assert "no model is installed" in report
    assert ":Slm pull fast" in report
    assert "the server runs for 1 buffer" in report
    assert "from the option cmd" in report
