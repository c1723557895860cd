"""The folder `editors/nvim` is a package as it is: Neovim's own way of installing, and its help."""

import json
import shutil
from pathlib import Path

import pytest

from slm_lsp.bench.nvim_screen import PLUGIN
from tests.editors.nvim.conftest import Open, Script, item


@pytest.fixture
def package(home: dict[str, str]) -> Path:
    """A copy where Neovim looks for packages."""
    folder = Path(home["XDG_DATA_HOME"]) / "nvim" / "site" / "pack" / "slm" / "start" / "slm"
    shutil.copytree(PLUGIN, folder)
    return folder


def test_a_plain_package_needs_only_setup(package: Path, open_nvim: Open, script: Script, tmp_path: Path) -> None:
    script.does({"f": {"items": [item("(x)")]}})
    init = tmp_path / "plain.lua"
    init.write_text(f"require('slm').setup({{ cmd = vim.json.decode({json.dumps(json.dumps(script.command))}) }})\n")
    nvim = open_nvim("new.py", init=init)
    nvim.until(lambda _: script.told("textDocument/didOpen"), "the server has the file")
    nvim.type("if")
    nvim.until_shown("f(x)")


def test_the_command_is_there_before_setup_and_has_help(package: Path, open_nvim: Open, tmp_path: Path) -> None:
    init = tmp_path / "empty.lua"
    init.write_text("")
    nvim = open_nvim(init=init)
    assert nvim.api.funcs.getcompletion("Slm p", "cmdline") == ["pause", "pull"]
    assert nvim.api.funcs.getcompletion("Slm pause ", "cmdline") == ["everywhere", "file", "language"]
    nvim.api.command(f"helptags {package / 'doc'}")
    nvim.api.command("help slm-trouble")
    assert nvim.api.current.buffer.name.endswith("slm.txt")
    for tag in ("slm-setup", "slm-options", "slm-keys", ":Slm", "<Plug>(slm-accept-word)"):
        nvim.api.command(f"help {tag}")
