"""VS Code's part of `bench editor`: time from a key to ghost text, and the delay of typing.

The code in `tests/editors/vscode/` sets VS Code up and controls it, so this benchmark needs the repository. The editor
and a client without an editor visit the same positions in the same order with the same pauses. Each has its own engine.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from slm_lsp.bench.conditions import Conditions
from slm_lsp.bench.raw_lsp import raw_client
from slm_lsp.errors import PeerError
from slm_lsp.text import Position

ROOT = Path(__file__).parents[2]
REST_S = 4.0
"""Seconds that the cursor rests at a position before the key, long enough to evaluate the prompt ahead."""

KEY_MS = 100
"""Milliseconds between two keys."""

TYPED = "".join(f"total_{n} = price_{n} * count_{n} + base\n" for n in range(16))[:500]
FUNCTION = "def fib_{0}(n):\n    if n < 2:\n        return n\n    return\n\n\n"
"""Code for which the model always gives a suggestion of typical length after `return`."""

QUIET = {
    "editor.quickSuggestions": False,
    "editor.autoClosingBrackets": "never",
    "editor.autoIndent": "none",
    "files.autoSave": "off",
}
"""VS Code settings for typing with and without suggestions. Otherwise an open completion list would take the Enter key,
and automatic saving would start the indexer."""


@dataclass(frozen=True, slots=True)
class Typing:
    """Percentiles of the milliseconds from a key to the frame that shows its character, for 500 characters."""

    p50_ms: float
    p95_ms: float
    intact: bool
    """Whether the file contains exactly the typed text."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds at the same positions in the same order: with the editor (`ghost_ms`) and without it (`raw_ms`)."""

    ghost_ms: tuple[float, ...]
    raw_ms: tuple[float, ...]
    typing_on: Typing
    typing_off: Typing

    @property
    def ratio(self) -> float:
        """Median of the ratios `ghost_ms` / `raw_ms` of all positions.

        The medians of both are not compared, because some positions take three times as long as others.
        """
        return median(ghost / raw for ghost, raw in zip(self.ghost_ms, self.raw_ms, strict=True))

    @property
    def typing_ratio_p95(self) -> float:
        """95th percentile of the typing delay with suggestions, divided by that without suggestions."""
        return self.typing_on.p95_ms / self.typing_off.p95_ms


def run(conditions: Conditions) -> Measured:
    """Measure suggestions at `runs` positions, then typing with and without suggestions.

    Raises:
        PeerError: VS Code cannot be set up here, or it showed no suggestion.
    """
    code, conftest = _editor()
    tools, vsix = code.set_up(), code.build()
    with _home(conditions, conftest) as environ:
        raw = asyncio.run(_raw(conditions, environ))
    with _home(conditions, conftest) as environ:
        folder = Path(environ["HOME"])
        editor = code.Code(tools, folder / "code", environ)
        editor.settings(**{key.replace(".", "_"): value for key, value in QUIET.items()})
        editor.install(vsix)
        browser = code.Browser(tools)
        try:
            with code.running(editor):
                ghost = _ghosts(conditions, editor, browser, folder)
                on = _typing(editor, browser, folder / "on", suggest=True)
                off = _typing(editor, browser, folder / "off", suggest=False)
        finally:
            browser.close()
    if all(waited is None for waited in ghost):
        raise PeerError("VS Code showed no suggestion at any position.", "Run `slm-lsp doctor`.")
    both = [(waited, alone) for waited, alone in zip(ghost, raw, strict=True) if waited is not None]
    return Measured(tuple(waited for waited, _ in both), tuple(alone for _, alone in both), on, off)


def _editor() -> tuple[Any, Any]:
    """Return the modules that set VS Code up and control it."""
    if not (ROOT / "tests" / "editors" / "vscode" / "code.py").exists():
        what = "VS Code is set up by the repository's tests, which are not installed."
        raise PeerError(what, "Run this from a clone of the repository.")
    sys.path.insert(0, str(ROOT))
    return import_module("tests.editors.vscode.code"), import_module("tests.editors.vscode.conftest")


@contextmanager
def _home(conditions: Conditions, conftest: Any) -> Iterator[dict[str, str]]:
    """Yield an environment with its own home and engine; kill the engine afterwards."""
    with tempfile.TemporaryDirectory(prefix="slm-") as name:
        folder = Path(name)
        kinds = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
        own = {"HOME": name, "XDG_RUNTIME_DIR": name, "SLM_LSP_MODEL": str(conditions.model)}
        own["SLM_LSP_COMPLETION_LEAST_CONFIDENCE"] = "0"  # show unsure suggestions too: every position needs one
        own["SLM_LSP_ENGINE_BACKEND"] = conditions.settings.engine.backend
        environ = {**conftest.with_server_on_path({**os.environ, **kinds}), **own}
        try:
            yield environ
        finally:
            end_engine(environ)


def end_engine(environ: Mapping[str, str]) -> None:
    """Kill the engine that was started with an environment."""
    for process in psutil.process_iter(["cmdline"]):
        try:
            if "slm_lsp.engine.daemon" in (process.info["cmdline"] or []) and (
                process.environ().get("XDG_RUNTIME_DIR") == environ["XDG_RUNTIME_DIR"]
            ):
                process.kill()
                process.wait(10)
        except psutil.Error:
            continue


def _program(places: int) -> tuple[str, list[int]]:
    """Return a program with incomplete functions, and the numbers of the incomplete lines from the last to the first.

    In this order, a line that was completed is never part of the prefix of a position that is visited later.
    """
    text = "".join(FUNCTION.format(number) for number in range(places))
    lines = [number for number, line in enumerate(text.splitlines()) if line.endswith("return")]
    return text, lines[::-1]


def _ghosts(conditions: Conditions, editor: Any, browser: Any, folder: Path) -> list[float | None]:
    text, lines = _program(conditions.runs + 1)
    file = folder / "ghost" / "steps.py"
    file.parent.mkdir()
    file.write_text(text)
    window = browser.open(editor.url(file.parent, file))
    window.do("focus")
    found: list[float | None] = []
    for line in lines:
        window.press("Control+g")
        window.type(f"{line + 1}:99")
        window.press("Enter")
        time.sleep(REST_S)
        waited = window.do("keyToGhost", key="Space")
        conditions.note(f"VS Code, line {line + 1}: {'nothing' if waited is None else f'{waited:.0f} ms'}")
        window.press("Escape")
        window.press("Backspace")
        found.append(waited)
    window.close()
    return found[1:]  # the first time includes loading the model


def _typing(editor: Any, browser: Any, folder: Path, *, suggest: bool) -> Typing:
    folder.mkdir()
    file = folder / "typed.py"
    file.write_text("")
    own = {**QUIET, "editor.inlineSuggest.enabled": suggest}
    editor.settings(**{key.replace(".", "_"): value for key, value in own.items()})
    window = browser.open(editor.url(folder, file))
    window.do("focus")
    time.sleep(REST_S)
    waits = window.do("typed", text=TYPED, delay=KEY_MS)
    window.press("Control+s")
    time.sleep(REST_S)
    window.close()
    p50, p95 = (float(np.percentile(waits, each)) for each in (50, 95))
    return Typing(p50, p95, file.read_text() == TYPED)


async def _raw(conditions: Conditions, environ: Mapping[str, str]) -> list[float]:
    """Visit the same positions with a client without an editor and return the milliseconds of each answer."""
    text, lines = _program(conditions.runs + 1)
    file = Path(environ["HOME"]) / "ghost" / "steps.py"
    found: list[float] = []
    async with raw_client([sys.executable, "-m", "slm_lsp.cli.main", "serve", "--stdio"], environ, file) as client:
        client.open(text, "python")
        for line in lines:
            at = Position(line, len("    return"))
            client.rest_at(at)
            await asyncio.sleep(REST_S)
            client.type(at, " ")
            took, _ = await client.complete(Position(line, at.column + 1))
            found.append(took)
            conditions.note(f"raw, line {line + 1}: {took:.0f} ms")
            client.delete(at, 1)
    return found[1:]
