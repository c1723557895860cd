"""The folder `editors/nvim` works as a plain Neovim package, including its help file."""

import json
import shutil
from pathlib import Path

import pytest

from slm_lsp.bench.nvim_screen import PLUGIN
from tests.editors.nvim.conftest import Open, Script, item


@pytest.fixture
def package(home: dict[str, str]) -> Path:
    """A copy of the plugin in the folder in which Neovim searches for packages."""
    folder = Path(home["XDG_DATA_HOME"]) / "nvim" / "site" / "pack" / "slm" / "start" / "slm"
    shutil.copytree(PLUGIN, folder)
    return folder


def test_plain_package_works_after_setup(package: Path, open_nvim: Open, script: Script, tmp_path: Path) -> None:
    script.set_answers({"f": {"items": [item("(x)")]}})
    init = tmp_path / "plain.lua"
    init.write_text(f"require('slm').setup({{ cmd = vim.json.decode({json.dumps(json.dumps(script.command))}) }})\n")
    nvim = open_nvim("new.py", init=init)
    nvim.until(lambda _: script.received("textDocument/didOpen"), "the server has the file")
    nvim.type("if")
    nvim.until_shown("f(x)")


def test_command_and_help_exist_before_setup(package: Path, open_nvim: Open, tmp_path: Path) -> None:
    init = tmp_path / "empty.lua"
    init.write_text("")
    nvim = open_nvim(init=init)
    assert nvim.api.funcs.getcompletion("Slm p", "cmdline") == ["pause", "previous", "pull"]
    assert nvim.api.funcs.getcompletion("Slm pause ", "cmdline") == ["everywhere", "file", "language"]
    nvim.api.command(f"helptags {package / 'doc'}")
    nvim.api.command("help slm-trouble")
    assert nvim.api.current.buffer.name.endswith("slm.txt")
    for tag in ("slm-setup", "slm-options", "slm-keys", ":Slm", ":Slm-refactor", "<Plug>(slm-accept-word)"):
        nvim.api.command(f"help {tag}")
