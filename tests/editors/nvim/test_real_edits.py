"""Edits end to end: a real Neovim, the real server, the shared engine and the real fast model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slm_lsp.bench.nvim_screen import Neovim
from tests.editors.nvim.conftest import Open, messages, opener, text_of
from tests.editors.nvim.edits import new_lines
from tests.editors.nvim.test_real import FIRST_S, NEXT_S, ready

pytestmark = [pytest.mark.real_model, pytest.mark.usefixtures("fast_model")]

PROGRAM = b"import os\r\n\r\n\r\ndef area(width, height):\r\n\treturn width * height\r\n\r\n\r\nprint(area(2, 3))"
"""A file with CRLF, tabs and no final newline."""


@pytest.fixture
def real(module_home: dict[str, str], project: Path, tmp_path: Path) -> Iterator[Open]:
    (project / "area.py").write_bytes(PROGRAM)
    yield from opener({**module_home, "SLM_LSP_MODEL": "fast"}, project, tmp_path)


def started(real: Open) -> Neovim:
    """Start Neovim with the file and wait for the model."""
    nvim = ready(real("area.py"))
    nvim.api.command("set nofixeol")
    return nvim


def test_edit_of_the_model_is_accepted_and_undone_byte_for_byte(real: Open, project: Path) -> None:
    nvim = started(real)
    nvim.type("5G:Slm refactor add type hints: width and height are float<CR>")
    nvim.until(new_lines, "hunks", FIRST_S)
    assert not nvim.api.current.buffer.options["modified"]
    nvim.type(":Slm accept!<CR>")
    nvim.until(lambda n: not new_lines(n), "accepted")
    nvim.api.command("write")
    edited = (project / "area.py").read_bytes()
    compile(edited, "area.py", "exec")
    assert b"float" in edited
    assert edited.startswith(b"import os\r\n")
    assert edited.endswith(b"\r\nprint(area(2, 3))")
    assert edited.count(b"\n") == edited.count(b"\r\n")
    nvim.type("u")
    nvim.until(lambda n: "float" not in text_of(n), "undone in one step")
    nvim.api.command("write")
    assert (project / "area.py").read_bytes() == PROGRAM


def test_cancelled_edit_frees_the_model_for_the_next_one(real: Open) -> None:
    nvim = started(real)
    nvim.type("5G:Slm refactor add a long docstring with many examples<CR>")
    nvim.until(lambda n: "writing" in n.lua("return require('slm').statusline()"), "the model writes", FIRST_S)
    nvim.type(":Slm cancel<CR>")
    nvim.until_shown("the edit was cancelled")
    ready(nvim)
    assert new_lines(nvim) == []
    assert not messages(nvim)
    nvim.type(":Slm refactor add type hints: width and height are float<CR>")
    nvim.until(new_lines, "hunks", NEXT_S)


def test_code_action_of_the_server_shows_hunks(real: Open) -> None:
    nvim = started(real)
    nvim.type("5G")
    nvim.lua("""
      vim.lsp.buf.code_action({
        filter = function(action) return action.title == "Add type hints" end,
        apply = true,
      })
    """)
    nvim.until(new_lines, "hunks", NEXT_S)
    assert text_of(nvim) == PROGRAM.decode().replace("\r\n", "\n")


def test_fix_corrects_the_error_of_the_diagnostic(real: Open, project: Path) -> None:
    (project / "area.py").write_bytes(PROGRAM.replace(b"return width", b"return widht"))
    nvim = started(real)
    nvim.lua("""
      vim.diagnostic.set(vim.api.nvim_create_namespace("test"), 0, {
        { lnum = 4, col = 8, end_lnum = 4, end_col = 13, message = "undefined name 'widht'", severity = 1 },
      })
    """)
    nvim.type("5G8l:Slm fix<CR>")
    nvim.until(new_lines, "hunks", FIRST_S)
    nvim.type(":Slm accept!<CR>")
    nvim.until(lambda n: "return width * height" in text_of(n), "the error is corrected")
    nvim.api.command("write")
    assert b"return width * height\r\n" in (project / "area.py").read_bytes()
