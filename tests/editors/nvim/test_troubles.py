"""Problems and their messages: each message explains what to do and is shown once."""

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

REQUEST = "textDocument/inlineCompletion"


def message(nvim: Neovim, text: str) -> str:
    """Wait for a message that contains `text`, and return it."""
    found: str = nvim.until(lambda n: next((each for each in messages(n) if text in each), None), text)
    return found


def program(path: Path, command: list[str]) -> Path:
    """Write a program `slm-lsp` that runs another command."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_missing_server_is_reported_once(open_nvim: Open) -> None:
    nvim = open_nvim("orders.py", "stock.py", environ={"PATH": "/usr/bin:/bin"}, cmd=None)
    assert "docs/editors/neovim.md" in message(nvim, "slm-lsp was not found on PATH")
    nvim.type(":next<CR>i# typed<Esc>:edit! orders.py<CR>")
    nvim.settle()
    assert sum("slm-lsp was not found" in each for each in messages(nvim)) == 1
    assert nvim.lua("return require('slm').statusline()") == "slm failed"


def test_configured_command_that_does_not_exist_is_reported(open_nvim: Open) -> None:
    nvim = open_nvim("orders.py", cmd="/nowhere/slm-lsp")
    assert "Correct the option `cmd`" in message(nvim, "/nowhere/slm-lsp does not exist")


def test_server_is_found_on_path(open_nvim: Open, script: Script, tmp_path: Path) -> None:
    program(tmp_path / "bin" / "slm-lsp", script.command)
    nvim = open_nvim("orders.py", environ={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}, cmd=None)
    nvim.until(lambda _: script.received("textDocument/didOpen"), "the server has the file")


def test_server_in_the_workspace_runs_only_if_trusted(open_nvim: Open, script: Script, project: Path) -> None:
    """Opening a file must not run a program in a folder from an untrusted source."""
    program(project / ".venv" / "bin" / "slm-lsp", script.command)
    nvim = open_nvim(environ={"PATH": "/usr/bin:/bin"}, cmd=None)
    nvim.type(":edit orders.py<CR>")
    nvim.until_shown("is not trusted")
    assert not script.received("initialize")
    nvim.type("a")  # allow
    nvim.until(lambda _: script.received("textDocument/didOpen"), "the server has the file")


def test_old_server_is_reported(scripted: Start, script: Script) -> None:
    script.set_answers(capabilities={"textDocumentSync": 1})
    nvim = scripted()
    assert "Install the newest" in message(nvim, "is version 0.0.1, which is too old")


def test_killed_server_is_restarted(scripted: Start, script: Script) -> None:
    script.set_answers({"f": {"items": [item("(x)")]}, "fg": {"items": [item("(x)")]}})
    nvim = scripted()
    nvim.type("if")
    nvim.until_shown("f(x)")
    (server,) = [each for each in psutil.Process(nvim.pid).children() if "peer" in " ".join(each.cmdline())]
    os.kill(server.pid, signal.SIGKILL)
    nvim.until(lambda n: not visible(n), "ghost text is gone with the server")
    nvim.until(lambda _: len(script.received("textDocument/didOpen")) == 2, "started again")
    nvim.type("g")
    nvim.until_shown("fg(x)")
    assert not messages(nvim)


def test_crashing_server_is_not_restarted_more_than_five_times(open_nvim: Open, script: Script) -> None:
    script.set_answers(exit=1)
    nvim = open_nvim("orders.py", cmd=script.command)
    assert ":Slm start" in message(nvim, "ended 5 times in 3 minutes")
    assert len(messages(nvim)) == 1
    script.set_answers()
    nvim.type(":Slm start<CR>")
    nvim.until(lambda _: script.received("textDocument/didOpen"), "the server has the file")
    log = Path(nvim.lua("return require('slm.log').path")).read_text()
    assert log.count("the script contains an exit code") == 5


def test_error_is_shown_once_with_commands_of_the_plugin(scripted: Start, script: Script) -> None:
    data = {"kind": "ModelMissingError", "what": "No model is installed.", "cure": "Run `slm-lsp models pull fast`."}
    script.set_answers({"*": {"error": {"code": -32803, "message": "no", "data": data}}})
    nvim = scripted()
    nvim.type("ia")
    assert ":Slm pull fast" in message(nvim, "No model is installed.")
    nvim.type("b")
    nvim.type("c")
    nvim.until(lambda _: text_of(nvim) == "abc", "typed")
    nvim.type("<Esc>")  # the message is shown after Insert mode, because "-- INSERT --" would overwrite it
    nvim.until_shown("slm: No model is installed.")
    time.sleep(0.5)
    assert len(messages(nvim)) == 1


def test_superseded_request_shows_no_message(scripted: Start, script: Script) -> None:
    script.set_answers({"*": {"error": {"code": -32802, "message": "Superseded by a newer request."}}})
    nvim = scripted()
    nvim.type("ia")
    nvim.until(lambda _: script.received(REQUEST), "a request")
    time.sleep(0.5)
    assert not messages(nvim)


def test_huge_file_gets_no_suggestions(open_nvim: Open, script: Script, project: Path) -> None:
    (project / "huge.py").write_text("x = 1\n" * 200_000)
    nvim = open_nvim("huge.py", cmd=script.command)
    assert "max_bytes" in message(nvim, "huge.py gets no suggestions")
    assert not script.received("textDocument/didOpen")


def test_buffer_without_a_name_gets_suggestions_after_saving(open_nvim: Open, script: Script) -> None:
    nvim = open_nvim(cmd=script.command)
    nvim.type(":setfiletype python<CR>ix = 1<Esc>")
    assert ":write NAME" in message(nvim, "This buffer gets no suggestions")
    nvim.type(":write named.py<CR>")
    nvim.until(lambda _: script.received("textDocument/didOpen"), "the server has the file")
    (document,) = [each["textDocument"] for each in script.received("textDocument/didOpen")]
    assert document["uri"].endswith("named.py")


def test_file_outside_any_workspace_gets_suggestions(open_nvim: Open, script: Script, tmp_path: Path) -> None:
    script.set_answers({"f": {"items": [item("(x)")]}})
    alone = tmp_path / "alone.py"
    nvim = open_nvim(str(alone), cmd=script.command)
    nvim.until(lambda _: script.received("textDocument/didOpen"), "the server has the file")
    assert script.received("initialize")[0]["workspaceFolders"] in (None, [])
    nvim.type("if")
    nvim.until_shown("f(x)")


def test_invalid_options_are_reported_and_others_are_used(open_nvim: Open, script: Script) -> None:
    nvim = open_nvim("orders.py", cmd=script.command, colour="red", ghost="builtin")
    message(nvim, "there is no option `colour`")
    message(nvim, "needs Neovim 0.12")
    nvim.until(lambda _: script.received("textDocument/didOpen"), "the server has the file")


def test_health_report_shows_server_and_missing_model(open_nvim: Open) -> None:
    nvim = open_nvim("orders.py", cmd=SERVER, height=60, environ={"SLM_LSP_MODELS_DIR": "/nowhere"})
    nvim.until(lambda n: "models pull" in str(n.lua("return require('slm').status().reason")), "a status")
    nvim.type(":checkhealth slm<CR>")
    nvim.until(lambda n: n.api.current.buffer.options["filetype"] == "checkhealth", "the report")
    report = text_of(nvim)
    assert "no model is installed" in report
    assert ":Slm pull fast" in report
    assert "the server runs for 1 buffer" in report
    assert "from the option cmd" in report
