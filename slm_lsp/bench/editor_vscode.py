"""VS Code's part of `bench editor`: from a key to grey text beside the raw protocol, and what typing costs.

VS Code itself comes from `tests/editors/vscode/`, which sets it up and drives it, so this needs the repository. Places
are visited in the same order, with the same pauses, by the editor and by a bare client, each with an engine of its own.
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
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from slm_lsp.bench.common import Conditions
from slm_lsp.errors import PeerError

ROOT = Path(__file__).parents[2]
REST_S = 4.0
"""How long the cursor rests at a place before the key: on both sides, long enough for it to be evaluated ahead."""

KEY_MS = 100
"""Ten keys a second."""

TYPED = "".join(f"total_{n} = price_{n} * count_{n} + base\n" for n in range(16))[:500]
FUNCTION = "def fib_{0}(n):\n    if n < 2:\n        return n\n    return\n\n\n"
"""A place where a suggestion is sure to come, of a usual length."""

QUIET = {
    "editor.quickSuggestions": False,
    "editor.autoClosingBrackets": "never",
    "editor.autoIndent": "none",
    "files.autoSave": "off",
}
"""The list of words would take Enter for itself, with completions on and off; a saved file is indexed anew."""


@dataclass(frozen=True, slots=True)
class Typing:
    """Typing 500 characters: milliseconds from a key to the frame that shows it, and whether all were there."""

    p50_ms: float
    p95_ms: float
    intact: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured in the editor, and raw, at the same places in the same order."""

    ghost_ms: tuple[float, ...]
    raw_ms: tuple[float, ...]
    typing_on: Typing
    typing_off: Typing

    @property
    def ratio(self) -> float:
        """Median of the ratios, place by place: one place takes three times as long as another."""
        return median(ghost / raw for ghost, raw in zip(self.ghost_ms, self.raw_ms, strict=True))

    @property
    def typing_ratio_p95(self) -> float:
        """Input latency with completions on over that with them off."""
        return self.typing_on.p95_ms / self.typing_off.p95_ms


def run(conditions: Conditions) -> Measured:
    """Visit as many places as there are runs, then type with completions on and off.

    Raises:
        PeerError: VS Code cannot be set up here, or showed no suggestion.
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
        raise PeerError("VS Code showed no suggestion at any place.", "Run `slm-lsp doctor`.")
    both = [(waited, alone) for waited, alone in zip(ghost, raw, strict=True) if waited is not None]
    return Measured(tuple(waited for waited, _ in both), tuple(alone for _, alone in both), on, off)


def _editor() -> tuple[Any, Any]:
    """The modules that set VS Code up and drive it."""
    if not (ROOT / "tests" / "editors" / "vscode" / "code.py").exists():
        raise PeerError("VS Code is set up by the repository's tests.", "Run this from a clone of the repository.")
    sys.path.insert(0, str(ROOT))
    return import_module("tests.editors.vscode.code"), import_module("tests.editors.vscode.conftest")


@contextmanager
def _home(conditions: Conditions, conftest: Any) -> Iterator[dict[str, str]]:
    """An environment of its own, with an engine of its own, which is ended with it."""
    with tempfile.TemporaryDirectory(prefix="slm-") as name:
        folder = Path(name)
        kinds = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
        own = {"HOME": name, "XDG_RUNTIME_DIR": name, "SLM_LSP_MODEL": str(conditions.model)}
        own["SLM_LSP_COMPLETION_LEAST_CONFIDENCE"] = "0"  # every place is to bring a suggestion
        own["SLM_LSP_ENGINE_BACKEND"] = conditions.settings.engine.backend
        environ = {**conftest.with_server_on_path({**os.environ, **kinds}), **own}
        try:
            yield environ
        finally:
            end_engine(environ)


def end_engine(environ: Mapping[str, str]) -> None:
    """End the engine that was started in an environment."""
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
    """A program with so many functions that lack their end, and the lines where it is missing, the last one first.

    So what was completed at one place is never part of the prefix at the next.
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
    return found[1:]  # the first one waits for the model


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
    """The same places, asked for by a bare client."""
    text, lines = _program(conditions.runs + 1)
    client = LanguageClient("bench", "1")
    client.feature("slm/status")(lambda status: None)  # what is measured is the answer alone
    await client.start_io(sys.executable, "-m", "slm_lsp.cli.main", "serve", "--stdio", env=dict(environ))
    uri = (Path(environ["HOME"]) / "ghost" / "steps.py").as_uri()
    await client.initialize_async(types.InitializeParams(capabilities=types.ClientCapabilities()))
    client.initialized(types.InitializedParams())
    item = types.TextDocumentItem(uri, "python", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    document = types.TextDocumentIdentifier(uri)
    context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic)
    found = []
    for number, line in enumerate(lines):
        at, behind = (types.Position(line, len("    return") + more) for more in (0, 1))
        client.protocol.notify(
            "slm/cursor", {"textDocument": {"uri": uri}, "position": {"line": line, "character": 10}}
        )
        await asyncio.sleep(REST_S)
        began = time.perf_counter()
        _change(client, uri, 2 * number + 2, types.Range(at, at), " ")
        await client.text_document_inline_completion_async(types.InlineCompletionParams(context, document, behind))
        found.append((time.perf_counter() - began) * 1e3)
        conditions.note(f"raw, line {line + 1}: {found[-1]:.0f} ms")
        _change(client, uri, 2 * number + 3, types.Range(at, behind), "")
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]
    return found[1:]


def _change(client: LanguageClient, uri: str, version: int, where: types.Range, text: str) -> None:
    change = types.TextDocumentContentChangePartial(where, text)
    document = types.VersionedTextDocumentIdentifier(version, uri)
    client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
