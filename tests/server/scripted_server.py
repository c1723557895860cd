"""Runs the real server on standard input and output, with scripted answers in place of a model.

Usage: `python scripted_server.py FOLDER`. `FOLDER/script.json` has the answers and how long each line takes:
`{"answers": ["def f(): …"], "line_s": 0.0}`. Each request for an edit is appended to `FOLDER/requests.jsonl`. The log
is written to `FOLDER/server.log`; it contains the callbacks that block the event loop.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from slm_lsp.engine.api import (
    ChatFormat,
    Done,
    Estimate,
    Estimated,
    Event,
    Generate,
    ModelInfo,
    ModelRef,
    OnLoading,
    Priority,
    Started,
    Token,
    Warm,
    ignore_loading,
)
from slm_lsp.server import app
from slm_lsp.server.stdio import serve_stdio


class ScriptedEngine:
    """A provider that answers requests for edits from a script, and requests for completions with nothing."""

    def __init__(self) -> None:
        self._folder = Path(sys.argv[1])

    async def describe(
        self, model: ModelRef, *, explicit: bool = False, on_loading: OnLoading = ignore_loading
    ) -> ModelInfo:
        on_loading(0.5)
        return ModelInfo(model, "scripted", 8192, None, chat=ChatFormat())

    async def loaded(self, model: ModelRef) -> ModelInfo | None:
        return await self.describe(model)

    async def generate(self, request: Generate) -> AsyncGenerator[Event, None]:
        if request.priority is not Priority.EDIT:
            yield Started(0, 0.0, 1, 0, "scripted")
            yield Token(0, "", 0.0, finish="end")
            yield Done(0, "end", 1, 0.0, 0.0)
            return
        self._note({"prompt": "".join(each.text for each in request.segments), "model": request.model.path})
        script = json.loads((self._folder / "script.json").read_text())
        try:
            yield Started(0, 0.0, 10, 4, "scripted")
            for number, answer in enumerate(script["answers"]):
                for line in answer.splitlines(keepends=True):
                    await asyncio.sleep(script["line_s"])
                    yield Token(0, line, -0.1, number)
                yield Token(0, "", 0.0, number, "stop")
        except (asyncio.CancelledError, GeneratorExit):
            self._note({"cancelled": True})
            raise
        yield Done(0, "stop", len(script["answers"]), 1.0, 1.0)

    async def warm(self, request: Warm) -> None:
        """Evaluate nothing."""

    async def estimate(self, request: Estimate) -> Estimated:
        return Estimated(0, loaded=True)

    async def close(self) -> None:
        """Hold nothing."""

    def _note(self, event: dict[str, Any]) -> None:
        with (self._folder / "requests.jsonl").open("a") as log:
            log.write(json.dumps(event) + "\n")


if __name__ == "__main__":
    sys.stderr = (Path(sys.argv[1]) / "server.log").open("w", buffering=1)
    setattr(app, "EngineClient", ScriptedEngine)  # noqa: B010 - a plain assignment has the wrong type for mypy
    sys.exit(serve_stdio({}, debug=True))
