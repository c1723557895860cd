"""Take the picture of Neovim that the documentation shows: `python docs/images/make_nvim.py`, with the fast model.

A real Neovim with the real plugin, server and model; what is drawn is its screen, cell by cell.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from slm_lsp.bench.nvim_screen import PLUGIN, Screen, neovim

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent / "fixtures" / "inventory"
WAIT_S = 240.0
WIDTH, HEIGHT = 80, 20
FONT_PX, CELL, MARGIN = 14, (8.4, 18), 8
FONTS = (("weight", "bold", "bold"), ("style", "italic", "italic"))

INIT = """
vim.opt.runtimepath:prepend({plugin!r})
vim.o.termguicolors, vim.o.swapfile, vim.o.shadafile = true, false, "NONE"
vim.o.hlsearch = false
vim.o.number, vim.o.laststatus, vim.o.ruler = true, 2, false
vim.o.statusline = " %f %m%= %{{v:lua.require'slm'.statusline()}} "
require("slm").setup({{ cmd = {{ {python!r}, "-m", "slm_lsp.cli.main" }}, settings = {{ model = "fast" }} }})
"""


def picture(screen: Screen) -> str:
    """The screen as SVG: a rectangle where the background differs, and the text of each run of one highlight."""
    foreground, background = screen.default_colours
    width, height = screen.width * CELL[0] + 2 * MARGIN, screen.height * CELL[1] + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}">',
        f'<rect width="100%" height="100%" rx="6" fill="#{background:06x}"/>',
        f'<g font-family="monospace" font-size="{FONT_PX}" fill="#{foreground:06x}">',
        "<style>text { white-space: pre }</style>",
    ]
    for row, cells in enumerate(screen.cells()):
        column = 0
        for number, run in groupby(cells, lambda cell: cell.highlight):
            text = "".join(cell.text for cell in run)
            parts += pieces(screen.colours.get(number, {}), text, column, row, screen.default_colours)
            column += len(text)
    return "\n".join([*parts, "</g></svg>", ""])


def pieces(said: dict[str, Any], text: str, column: int, row: int, default: tuple[int, int]) -> Iterator[str]:
    """One run of text."""
    colours = said.get("foreground", default[0]), said.get("background", default[1])
    foreground, background = reversed(colours) if said.get("reverse") else colours
    x, y, width = MARGIN + column * CELL[0], MARGIN + row * CELL[1], len(text) * CELL[0]
    if background != default[1]:
        yield f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{CELL[1]}" fill="#{background:06x}"/>'
    if text.strip():
        fill = f' fill="#{foreground:06x}"' if foreground != default[0] else ""
        style = "".join(f' font-{name}="{said_as}"' for name, said_as, wanted in FONTS if said.get(wanted))
        baseline = y + CELL[1] * 0.75
        yield f'<text x="{x:g}" y="{baseline:g}" textLength="{width:g}"{fill}{style}>{escape(text)}</text>'


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
            nvim.type("/total_quantity<CR>jzzAsum(")
            nvim.until(lambda n: n.lua("return require('slm').visible()"), WAIT_S, "a suggestion")
            nvim.until(lambda n: n.lua("return require('slm').status().state") == "ready", WAIT_S, "all of it")
            nvim.settle()
            print("\n".join(nvim.screen.lines()))  # noqa: T201 - what is on the picture
            (HERE / "nvim.svg").write_text(picture(nvim.screen))


if __name__ == "__main__":
    main()
