"""Neovim's part of `bench editor`: time from a key to ghost text, and the delay of typing.

Neovim and a client without an editor do the same at each position, each with its own server and file. They open the
file, rest at the position so that the prompt is evaluated ahead, and type one key. The time after this key is measured.
"""

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from slm_lsp.bench.nvim_screen import PLUGIN, Frame, Neovim, neovim
from slm_lsp.bench.raw_lsp import raw_client
from slm_lsp.errors import PeerError
from slm_lsp.proportions import percentile
from slm_lsp.text import Position

SERVER = (sys.executable, "-m", "slm_lsp.cli.main")
MILLISECONDS = 1e3
READY_S = 120.0
SHOWN_S = 60.0
KEY_S = 0.1
"""Seconds between two keys."""
REST_S = 8.0
"""Seconds that the cursor rests before the key, long enough to load a model and to evaluate the prompt."""

WIDTH, HEIGHT = 120, 60


@dataclass(frozen=True, slots=True)
class Place:
    """A text, a cursor position in it, and the key that is typed there."""

    text: str
    at: Position
    key: str


@dataclass(frozen=True, slots=True)
class Typing:
    """Milliseconds from a key to its character on the screen."""

    p50_ms: float
    p95_ms: float
    characters: int
    in_order: bool
    """Whether the buffer contains exactly the typed text."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The result of `measure`."""

    ghost_ms: tuple[float, ...]
    """Milliseconds from the key to the first ghost text, by position."""
    raw_ms: tuple[float, ...]
    """Milliseconds from the request to the answer at the same positions, without an editor."""
    ratio: float
    """Median of the ratios `ghost_ms` / `raw_ms` of all positions."""
    typing_on: Typing
    typing_off: Typing
    typing_ratio_p95: float

    def as_json(self) -> dict[str, object]:
        """Return the figures for `--json`."""
        return asdict(self)


def measure(
    places: Sequence[Place], text: str, folder: Path, environ: Mapping[str, str], note: Callable[[str], None]
) -> Figures:
    """Measure suggestions and typing.

    Args:
        places: positions in Python files at which the model always gives a suggestion.
        text: the text to type; at most 50 lines of at most 100 characters.
        folder: an empty folder for the files.
        environ: environment variables of the servers, which must give them a private engine.
        note: called with a line about the progress.

    Raises:
        PeerError: Neovim is not installed, or a position got no suggestion.
    """
    ghost: list[float] = []
    raw: list[float] = []
    for number, place in enumerate(places):
        sides = [(ghost, _ghost_ms), (raw, _raw_ms)]
        for into, side in sides if number % 2 else reversed(sides):
            into.append(side(place, _file(folder, f"{side.__name__}{number}", place.text), environ))
        note(f"position {number + 1}/{len(places)}: ghost text after {ghost[-1]:.0f} ms, raw answer {raw[-1]:.0f} ms")
    typing_off = _typing(text, _file(folder, "off", ""), environ, on=False)
    typing_on = _typing(text, _file(folder, "on", ""), environ, on=True)
    note(f"typing: p95 {typing_on.p95_ms:.1f} ms with suggestions, {typing_off.p95_ms:.1f} ms without")
    ratio = median(a / b for a, b in zip(ghost, raw, strict=True))
    ratio_p95 = typing_on.p95_ms / typing_off.p95_ms
    return Figures(tuple(ghost), tuple(raw), ratio, typing_on, typing_off, ratio_p95)


def _file(folder: Path, name: str, text: str) -> Path:
    """Create a file in a new workspace folder and return its path."""
    workspace = folder / name.strip("_")
    shutil.rmtree(workspace, ignore_errors=True)
    (workspace / ".git").mkdir(parents=True)
    file = workspace / "place.py"
    file.write_text(text, encoding="utf-8")
    return file


def _configured(file: Path) -> Sequence[str]:
    """Return Neovim's arguments: load our plugin and disable automatic indentation."""
    init = file.parent / ".git" / "init.lua"
    lines = ["vim.o.swapfile = false", "vim.o.shadafile = 'NONE'", "vim.cmd('filetype indent off')"]
    options = json.dumps(json.dumps({"cmd": list(SERVER)}))
    lines += [
        "vim.o.autoindent = false",
        f"vim.opt.runtimepath:prepend({json.dumps(str(PLUGIN))})",
        f"require('slm').setup(vim.json.decode({options}))",
    ]
    init.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ("-u", str(init), str(file))


def _opened(file: Path, environ: Mapping[str, str]) -> Any:
    return neovim(file.parent, environ, _configured(file), width=WIDTH, height=HEIGHT, clean=False)


def _ready(nvim: Neovim) -> None:
    ready = "return require('slm').status().state == 'ready'"
    nvim.until(lambda n: n.lua(ready), "the model is ready", READY_S)


def _ghost_ms(place: Place, file: Path, environ: Mapping[str, str]) -> float:
    with _opened(file, environ) as nvim:
        _ready(nvim)
        nvim.type("i")
        nvim.settle()
        # Move the cursor only now, with a command: otherwise the suggestion that Neovim requests when it enters insert
        # mode would be cached for the position of the key.
        nvim.type(f"<Cmd>call cursor({place.at.line + 1}, {place.at.column + 1})<CR>")
        time.sleep(REST_S)
        nvim.settle()
        typed = place.text.split("\n")[place.at.line] + place.key
        nvim.screen.forget()
        begun = time.monotonic()
        nvim.type("<Space>" if place.key == " " else place.key)

        def shown(n: Neovim) -> Frame | None:
            return next((f for f in n.screen.frames if _longer(f, typed.rstrip())), None)

        try:
            frame: Frame = nvim.until(shown, "ghost text", SHOWN_S)
        except TimeoutError as error:
            raise PeerError(f"There was no suggestion after {typed!r}.") from error
        return (frame.at - begun) * MILLISECONDS


def _longer(frame: Frame, typed: str) -> bool:
    """Return whether the cursor's line shows more than the typed text."""
    line = frame.lines[frame.cursor[0]]
    return line.startswith(typed) and len(line) > len(typed)


def _raw_ms(place: Place, file: Path, environ: Mapping[str, str]) -> float:
    async def measured() -> float:
        async with raw_client([*SERVER, "serve", "--stdio"], environ, file) as client:
            client.open(place.text, "python")
            client.rest_at(place.at)
            await asyncio.sleep(REST_S)
            client.type(place.at, place.key)
            took, items = await client.complete(Position(place.at.line, place.at.column + len(place.key)))
            if not items:
                raise PeerError(f"There was no suggestion in line {place.at.line + 1} of {file}.")
            return took

    return asyncio.run(measured())


def _typing(text: str, file: Path, environ: Mapping[str, str], *, on: bool) -> Typing:
    """Type a text at ten keys per second. If `on` is false, the server runs as well, but suggestions are paused."""
    with _opened(file, environ) as nvim:
        _ready(nvim)
        nvim.type("i" if on else ":Slm pause everywhere<CR>i")
        nvim.settle()
        nvim.screen.forget()
        typed: list[tuple[float, tuple[int, int]]] = []
        for key, place in _cursors(text):
            begun = time.monotonic()
            nvim.type({" ": "<Space>", "\n": "<CR>", "<": "<lt>"}.get(key, key))
            typed.append((begun, place))
            time.sleep(max(0.0, begun + KEY_S - time.monotonic()))
        nvim.settle()
        content = "\n".join(nvim.api.current.buffer[:])
        waits = list(_waits(typed, nvim.screen.frames))
    return Typing(percentile(waits, 50), percentile(waits, 95), len(text), content == text)


def _cursors(text: str) -> Iterable[tuple[str, tuple[int, int]]]:
    """Yield each character, with the row and column of the cursor on the screen after the character was typed."""
    row = column = 0
    for key in text:
        row, column = (row + 1, 0) if key == "\n" else (row, column + 1)
        yield key, (row, column)


def _waits(typed: Sequence[tuple[float, tuple[int, int]]], frames: Sequence[Frame]) -> Iterable[float]:
    """Yield the milliseconds from each key to the first frame in which the cursor is after the typed character."""
    remaining = iter(frames)
    frame = next(remaining, None)
    for begun, place in typed:
        while frame is not None and (frame.at < begun or frame.cursor < place):
            frame = next(remaining, None)
        if frame is None:
            raise PeerError("Neovim did not show every character.", "Run the benchmark again on an idle machine.")
        yield (frame.at - begun) * MILLISECONDS
