"""Create the screenshots docs/images/nvim.svg and nvim_edit.svg.

Run `python docs/images/make_nvim.py [NAME…]`, for example with the name `nvim_edit`. Without names, it creates both. It
needs the strong model. It runs a real Neovim with the plugin, the server and the model, and draws each cell of the
screen as SVG.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from slm_lsp.bench.nvim_screen import PLUGIN, Neovim, Screen, neovim

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent / "fixtures" / "inventory"
TIMEOUT_S = 240.0
WIDTH, HEIGHT = 80, 20
FONT_PX, CELL, MARGIN = 14, (8.4, 18), 8
FONTS = (("weight", "bold", "bold"), ("style", "italic", "italic"))

INIT = """
vim.opt.runtimepath:prepend({plugin!r})
vim.o.termguicolors, vim.o.swapfile, vim.o.shadafile = true, false, "NONE"
vim.o.hlsearch = false
vim.o.number, vim.o.laststatus, vim.o.ruler = true, 2, false
vim.o.statusline = " %f %m%= %{{v:lua.require'slm'.statusline()}} "
require("slm").setup({{ cmd = {{ {python!r}, "-m", "slm_lsp.cli.main" }}, settings = {{ model = "strong" }} }})
"""


def picture(screen: Screen) -> str:
    """Return the screen as SVG: the text of each run of equal highlight, with a rectangle for its background."""
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


def pieces(highlight: dict[str, Any], text: str, column: int, row: int, default: tuple[int, int]) -> Iterator[str]:
    """Return the SVG elements of a run of text with one highlight."""
    colours = highlight.get("foreground", default[0]), highlight.get("background", default[1])
    foreground, background = reversed(colours) if highlight.get("reverse") else colours
    x, y, width = MARGIN + column * CELL[0], MARGIN + row * CELL[1], len(text) * CELL[0]
    if background != default[1]:
        yield f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{CELL[1]}" fill="#{background:06x}"/>'
    if text.strip():
        fill = f' fill="#{foreground:06x}"' if foreground != default[0] else ""
        style = "".join(f' font-{name}="{value}"' for name, value, attribute in FONTS if highlight.get(attribute))
        baseline = y + CELL[1] * 0.75
        yield f'<text x="{x:g}" y="{baseline:g}" textLength="{width:g}"{fill}{style}>{escape(text)}</text>'


def suggestion(nvim: Neovim) -> None:
    """Type the beginning of a line, and wait for the suggestion."""
    nvim.type("/total_quantity<CR>jzzAsum(")
    nvim.until(lambda n: n.lua("return require('slm').visible()"), "a suggestion", TIMEOUT_S)
    ready(nvim, "the complete suggestion")


def edit(nvim: Neovim) -> None:
    """Refactor a method, and wait for the hunk."""
    nvim.type(":edit stock.py<CR>/total_value<CR>zz:.,+4Slm refactor use sum() with a generator expression<CR>")
    nvim.until(lambda n: n.lua("return #require('slm.edit.proposals').buffers() > 0"), "a hunk", TIMEOUT_S)
    ready(nvim, "the edit is complete")
    nvim.until(lambda n: any("slm strong" in line for line in n.screen.lines()), "the statusline", TIMEOUT_S)


def ready(nvim: Neovim, what: str) -> None:
    """Wait until the model has no work."""
    nvim.until(lambda n: n.lua("return require('slm').status().state") == "ready", what, TIMEOUT_S)


PICTURES: dict[str, Callable[[Neovim], None]] = {"nvim": suggestion, "nvim_edit": edit}


def make(name: str) -> None:
    """Create one screenshot."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "inventory"
        shutil.copytree(PROJECT, folder)
        (folder / ".git").mkdir()
        init = Path(temporary) / "init.lua"
        init.write_text(INIT.format(plugin=str(PLUGIN), python=sys.executable))
        environ = {**os.environ, "XDG_STATE_HOME": temporary}
        arguments = ["-u", str(init), "orders.py"]
        with neovim(folder, environ, arguments, width=WIDTH, height=HEIGHT, clean=False) as nvim:
            ready(nvim, "the model is ready")
            PICTURES[name](nvim)
            nvim.settle()
            print("\n".join(nvim.screen.lines()))  # noqa: T201 - the text of the screenshot
            (HERE / f"{name}.svg").write_text(picture(nvim.screen))


if __name__ == "__main__":
    for each in sys.argv[1:] or PICTURES:
        make(each)
