"""End-to-end tests: a real Neovim, the real server, the shared engine and the real fast model."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from slm_lsp.bench.nvim_screen import Neovim
from tests.conftest import FIXTURES, engines
from tests.editors.nvim.conftest import Open, messages, opener, text_of, visible

pytestmark = [pytest.mark.real_model, pytest.mark.usefixtures("fast_model")]

FIRST_S = 240.0
"""Timeout until the model is loaded and its speed is measured, on a busy machine."""
NEXT_S = 120.0

PROGRAM = "def fib(n):\n    if n < 2:\n        return n\n    retur\n\n\nprint(fib(10))\n"
KEYS = "4GAn<Space>"
"""Keys that complete `retur` to `return `, with the cursor after it."""


@pytest.fixture
def real(module_home: dict[str, str], project: Path, tmp_path: Path) -> Iterator[Open]:
    (project / "fib.py").write_text(PROGRAM)
    yield from opener({**module_home, "SLM_LSP_MODEL": "fast"}, project, tmp_path)


def ready(nvim: Neovim) -> Neovim:
    """Wait until the model is loaded."""
    nvim.until(lambda n: n.lua("return require('slm').status().state") == "ready", "the model is ready", FIRST_S)
    return nvim


def ghost(nvim: Neovim, typed: str) -> str:
    """Wait until the text of line 4 is `typed` and ghost text follows it. Returns the line on the screen."""

    def longer(n: Neovim) -> str | None:
        finished = text_of(n).splitlines()[3] == typed and n.lua("return require('slm').status().state") == "ready"
        line = n.screen.lines()[3]
        return line if finished and visible(n) and len(line) > len(typed) else None

    line: str = nvim.until(longer, f"ghost text after {typed!r}", NEXT_S)
    return line


def test_tab_accepts_ghost_text_that_appears_while_typing(real: Open) -> None:
    nvim = ready(real("fib.py"))
    nvim.type(KEYS)
    line = ghost(nvim, "    return ")
    assert "fib(n" in line
    nvim.type("<Tab>")
    nvim.until(lambda n: text_of(n).splitlines()[3] == line, "the shown text is accepted")
    nvim.type("<Esc>u")
    nvim.until(lambda n: text_of(n).splitlines()[3].strip() == "return", "accepting is undone in one step")


def test_keys_accept_the_next_word_and_the_next_line(real: Open) -> None:
    nvim = ready(real("fib.py"))
    nvim.type(KEYS)
    line = ghost(nvim, "    return ")
    nvim.type("<M-w>")
    nvim.until(lambda n: "return fib" in text_of(n), "a word is accepted")
    assert text_of(nvim).splitlines()[3] != line
    nvim.until_shown(line.strip(), 5)
    nvim.type("<M-l>")
    nvim.until(lambda n: text_of(n).splitlines()[3] == line, "the rest of the line is accepted")


def test_next_key_shows_an_alternative_or_a_hint(real: Open) -> None:
    nvim = ready(real("fib.py"))
    nvim.type(KEYS)
    line = ghost(nvim, "    return ")
    nvim.type("<M-]>")

    def answered(n: Neovim) -> str | None:
        if any("no other suggestion" in each for each in n.screen.lines()):
            return "one"
        return "more" if visible(n) and n.screen.lines()[3] != line else None

    # The three answers of the model may be equal.
    if nvim.until(answered, "an answer", NEXT_S) == "more":
        assert ghost(nvim, "    return ") != line


def test_block_is_drawn_line_by_line_and_accepted_completely(real: Open, project: Path) -> None:
    (project / "prime.py").write_text("def is_even(n):\n    return n % 2 == 0\n\n\ndef is_prime(n):")
    nvim = ready(real("prime.py"))
    nvim.screen.forget()
    nvim.type("GA<CR>")
    complete = "local s = require('slm.shown').get() return s and s.complete and s.text or ''"
    block: str = nvim.until(lambda n: "\n" in n.lua(complete) and n.lua(complete), "a complete block", NEXT_S)
    first, *further = block.split("\n")
    heights = {sum(line in frame.lines for line in further) for frame in nvim.screen.frames}
    assert len(heights) > 1, "all lines were drawn at the same time"
    assert any(first in frame.lines[5] for frame in nvim.screen.frames)
    before = text_of(nvim)
    nvim.type("<Tab>")
    nvim.until(lambda n: text_of(n) == before + block, "accepted")
    nvim.type("<Esc>u")
    nvim.until(lambda n: text_of(n) == before, "accepting is undone in one step")


def test_last_shown_suggestion_fits_the_text_after_continuous_typing(real: Open, project: Path) -> None:
    """Each key press sends a new request, which supersedes the previous one."""
    nvim = ready(real("fib.py"))
    nvim.type("4GA")
    for key in "n fib(n - 1) +":
        nvim.type("<Space>" if key == " " else key)
        time.sleep(0.1)
    line = ghost(nvim, "    return fib(n - 1) +")
    assert "fib(n - 2)" in line or "fib(n-2)" in line
    assert not messages(nvim)


def test_two_editors_share_one_engine_process(real: Open, module_home: dict[str, str]) -> None:
    for nvim in (real("fib.py"), real("fib.py")):
        ready(nvim)
        nvim.type(KEYS)
        ghost(nvim, "    return ")
    (engine,) = engines(module_home)
    assert engine.memory_info().rss > 400e6


def test_killed_server_is_restarted(real: Open) -> None:
    nvim = ready(real("fib.py"))
    (server,) = [each for each in psutil.Process(nvim.pid).children() if "serve" in each.cmdline()]
    os.kill(server.pid, signal.SIGKILL)
    nvim.until(lambda n: n.lua("return require('slm').status().state") == "starting", "the server is restarted")
    ready(nvim)
    nvim.type(KEYS)
    assert "fib(n" in ghost(nvim, "    return ")
    assert not messages(nvim)


def test_missing_model_is_reported_once_and_shown_in_the_status(open_nvim: Open, tmp_path: Path) -> None:
    nvim = open_nvim("orders.py", environ={"SLM_LSP_MODELS_DIR": str(tmp_path / "empty")})
    nvim.until(lambda n: n.lua("return require('slm').status().state") == "failed", "the status is `failed`", NEXT_S)
    nvim.until(lambda n: n.lua("return require('slm').statusline()") == "slm failed", "the index is built", NEXT_S)
    assert "models pull fast" in nvim.lua("return require('slm').status().reason")
    nvim.type("GAx = ")
    nvim.until(messages, "a message", NEXT_S)
    time.sleep(1)
    assert [each for each in messages(nvim) if ":Slm pull fast" in each] == messages(nvim)
    assert len(messages(nvim)) == 1


def test_no_file_of_the_project_is_changed(real: Open, project: Path) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    nvim = ready(real("fib.py"))
    nvim.type(KEYS)
    ghost(nvim, "    return ")
    nvim.type("<Tab><Esc>:qall!<CR>")
    psutil.wait_procs([psutil.Process(nvim.pid)], timeout=10)
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def steps() -> list[tuple[str, str]]:
    """Return language and text of each code block in the first steps of docs/editors/neovim.md."""
    page = (FIXTURES.parent / "docs" / "editors" / "neovim.md").read_text()
    part = page.split("## From nothing to the first suggestion")[1].split("\n## ")[0]
    blocks = part.split("```")[1::2]
    return [(block.split("\n", 1)[0], block.split("\n", 1)[1].strip()) for block in blocks]


def test_documented_steps_lead_to_the_first_suggestion(
    real: Open, module_home: dict[str, str], project: Path, tmp_path: Path
) -> None:
    """The documentation has at most five steps. The installation steps were done before this test."""
    documented = steps()
    assert len(documented) <= 5
    kinds = [kind for kind, _ in documented]
    assert kinds == ["sh", "sh", "lua", "vim"]
    setup, model, configuration, keys = (text for _, text in documented)
    assert setup.splitlines()[-1] == "make setup"
    assert model == ".venv/bin/slm-lsp models pull fast"
    home = tmp_path / "home"
    checkout = home / "slm-lsp"
    home.mkdir()
    checkout.symlink_to(FIXTURES.parent, target_is_directory=True)
    server = Path(sys.executable).parent / "slm-lsp"
    written = configuration.replace("~/slm-lsp/.venv/bin/slm-lsp", str(server)).replace("~/slm-lsp", str(checkout))
    (tmp_path / "documented.lua").write_text(written + "\nvim.o.swapfile = false\n")
    nvim = real("fib.py", init=tmp_path / "documented.lua")
    ready(nvim)
    nvim.api.current.buffer[3] = ""
    nvim.api.current.window.cursor = (4, 0)
    nvim.type(keys)
    assert "fib(n" in ghost(nvim, "    return ")
