"""`bench editor`: the delay of suggestions and of typing in real VS Code and Neovim.

The benchmark measures two ratios. First: the time from a key to ghost text on the screen, divided by the time of the
same request without an editor. Second: the time from a key to its character on the screen with suggestions, divided by
the same time without suggestions.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slm_lsp.bench import editor_nvim, editor_vscode
from slm_lsp.bench.conditions import Conditions
from slm_lsp.bench.report import Report
from slm_lsp.errors import PeerError
from slm_lsp.text import Position

RAW = "the same requests without an editor"

PROGRAM = editor_vscode.FUNCTION + "print(fib_{0}(10))\n"

CURSOR = Position(3, 10)

LINE = "total = sum(item.price * item.count for item in cart)\n"
CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class EditorReport(Report):
    """The result as `--json` prints it. An editor that is not available is null; `notes` has the reason."""

    vscode: dict[str, object] | None
    nvim: dict[str, object] | None
    typing_ratio_p95: float | None
    """The higher `typing_ratio_p95` of the two editors; None if no editor is available."""
    notes: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        for name, figures in (("VS Code", self.vscode), ("Neovim", self.nvim)):
            if figures is not None:
                ghost = f"ghost text after {figures['ratio']:.2f} x the time without an editor"
                typing = f"typing p95 {figures['typing_ratio_p95']:.2f} x the time without suggestions"
                yield f"  {name:8s} {ghost}   {typing}"
        yield from (f"  {each}" for each in self.notes)


async def run(conditions: Conditions) -> EditorReport:
    """Measure both editors, one after the other, at `runs` positions each."""
    notes: list[str] = []
    with contextlib.suppress(ImportError):
        import pynvim  # noqa: F401 - its first import sets signal handlers, which only the main thread can do
    nvim = await asyncio.to_thread(_measured, _nvim, conditions, notes)
    vscode = await asyncio.to_thread(_measured, _vscode, conditions, notes)
    return report(conditions.runs, vscode, nvim, notes)


def report(runs: int, vscode: dict[str, Any] | None, nvim: dict[str, Any] | None, notes: list[str]) -> EditorReport:
    """Build the report from the figures of both editors. Each ratio of the report is the higher one of the two editors.

    If only one editor is available, the ratios are those of this editor.
    """
    there = [each for each in (vscode, nvim) if each is not None]
    return EditorReport(
        name="editor",
        runs=runs,
        ours={},
        peer={"name": RAW},
        ratio=max((each["ratio"] for each in there), default=None),
        unit="ms",
        vscode=vscode,
        nvim=nvim,
        typing_ratio_p95=max((each["typing_ratio_p95"] for each in there), default=None),
        notes=tuple(notes),
    )


def _measured(
    measure: Callable[[Conditions], dict[str, object]], conditions: Conditions, notes: list[str]
) -> dict[str, object] | None:
    try:
        return measure(conditions)
    except PeerError as error:
        notes.append(f"{error}")
        return None


def _vscode(conditions: Conditions) -> dict[str, object]:
    found = editor_vscode.run(conditions)
    return {**asdict(found), "ratio": found.ratio, "typing_ratio_p95": found.typing_ratio_p95}


def _nvim(conditions: Conditions) -> dict[str, object]:
    places = [editor_nvim.Place(PROGRAM.format(number), CURSOR, " ") for number in range(conditions.runs)]
    text = (LINE * (CHARACTERS // len(LINE) + 1))[:CHARACTERS]
    with tempfile.TemporaryDirectory(prefix="slm-") as name:
        kinds = {f"XDG_{kind}_HOME": str(Path(name) / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
        own = {"HOME": name, "XDG_RUNTIME_DIR": name, "SLM_LSP_MODEL": str(conditions.model)}
        own["SLM_LSP_COMPLETION_LEAST_CONFIDENCE"] = "0"  # show unsure suggestions too: every position needs one
        environ = {**os.environ, **kinds, **own, "SLM_LSP_ENGINE_BACKEND": conditions.settings.engine.backend}
        try:
            return editor_nvim.measure(places, text, Path(name) / "work", environ, conditions.note).as_json()
        finally:
            editor_vscode.end_engine(environ)
