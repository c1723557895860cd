"""Take the picture of Neovim that the documentation shows: `python docs/images/make_nvim.py`, with the fast model.

A real Neovim with the real plugin, server and model; what is drawn is its screen, cell by cell.
"""

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.text import Text

from slm_lsp.bench.nvim_screen import PLUGIN, Cell, Screen, neovim

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent / "fixtures" / "inventory"
WAIT_S = 240.0
WIDTH, HEIGHT = 80, 20

INIT = """
vim.opt.runtimepath:prepend({plugin!r})
vim.o.termguicolors, vim.o.swapfile, vim.o.shadafile = true, false, "NONE"
vim.o.number, vim.o.laststatus, vim.o.ruler = true, 2, false
vim.o.statusline = " %f %m%= %{{v:lua.require'slm'.statusline()}} "
require("slm").setup({{ cmd = {{ {python!r}, "-m", "slm_lsp.cli.main" }}, settings = {{ model = "fast" }} }})
"""


def picture(screen: Screen) -> str:
    """The screen as SVG."""
    console = Console(width=screen.width, record=True, file=io.StringIO(), force_terminal=True)
    for row in screen.cells():
        line = Text()
        for cell in row:
            line.append(cell.text, style_of(screen, cell))
        console.print(line, end="\n")
    return console.export_svg(title="Neovim")


def style_of(screen: Screen, cell: Cell) -> Style:
    """A cell's colours."""
    said = screen.colours.get(cell.highlight, {})
    foreground, background = screen.default_colours
    foreground, background = said.get("foreground", foreground), said.get("background", background)
    if said.get("reverse"):
        foreground, background = background, foreground
    return Style(
        color=f"#{foreground:06x}",
        bgcolor=f"#{background:06x}",
        bold=said.get("bold", False),
        italic=said.get("italic", False),
    )


def main() -> None:
    """Type the beginning of a method, and write what is on the screen then."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "inventory"
        shutil.copytree(PROJECT, folder)
        (folder / ".git").mkdir()
        init = Path(temporary) / "init.lua"
        init.write_text(INIT.format(plugin=str(PLUGIN), python=sys.executable))
        environ = {**os.environ, "XDG_STATE_HOME": temporary}
        arguments = ["-u", str(init), "orders.py"]
        with neovim(folder, environ, arguments, width=WIDTH, height=HEIGHT, clean=False) as nvim:
            nvim.until(lambda n: n.lua("return require('slm').status().state") == "ready", WAIT_S, "the model is ready")
            nvim.type("/total_quantity<CR>jzzA")
            nvim.until(lambda n: n.lua("return require('slm').visible()"), WAIT_S, "a suggestion")
            nvim.until(lambda n: n.lua("return require('slm').status().state") == "ready", WAIT_S, "all of it")
            nvim.settle()
            (HERE / "nvim.svg").write_text(picture(nvim.screen))


if __name__ == "__main__":
    main()
