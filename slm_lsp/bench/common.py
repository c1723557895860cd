"""What benchmarks share: an engine of their own, a bare loop as the peer, and the form of the result."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from slm_lsp.engine.client import EngineClient
from slm_lsp.errors import EngineError

PEER = "bare C-API loop"


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a benchmark, as `--json` prints it."""

    name: str
    runs: int
    ours: Mapping[str, float]
    peer: Mapping[str, object]
    ratio: float
    unit: str
    ratios: Mapping[str, float]
    """By binding; `ratio` is the worst of them."""


def paired_ratio(ours: list[float], theirs: list[float]) -> float:
    """Median of the ratios run by run, which a machine whose speed drifts disturbs least."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


@asynccontextmanager
async def private_engine(binding: str) -> AsyncIterator[EngineClient]:
    """A client of an engine of its own that nobody else uses, ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="slm-") as folder:
        environ = {**os.environ, "XDG_RUNTIME_DIR": folder, "SLM_LSP_ENGINE_BACKEND": binding}
        async with EngineClient(environ) as engine:
            pid = (await engine.stats()).pid
            try:
                yield engine
            finally:
                os.kill(pid, signal.SIGTERM)
                await asyncio.to_thread(psutil.wait_procs, [psutil.Process(pid)])


class Bare:
    """The peer: a process that runs `slm_lsp.engine.backend.bare`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.load_seconds = float(self._answer()["seconds"])

    def generate(self, prompt: str) -> tuple[float, list[int]]:
        """Seconds behind the first token, and all tokens."""
        if self._process.stdin is None:
            raise EngineError("the peer has no standard input")
        self._process.stdin.write(json.dumps(prompt) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        return float(answer["seconds"]), answer["tokens"]

    def _answer(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise EngineError(f"The {PEER} ended early.", "Run the benchmark with -v to see why.")
        return json.loads(line)


@contextmanager
def bare_loop(binding: str, model: Path, threads: int, cells: int, tokens: int, verbose: bool) -> Iterator[Bare]:
    """The peer with a model loaded, ended afterwards."""
    command = [sys.executable, "-m", "slm_lsp.engine.backend.bare", binding, str(model)]
    command += [str(number) for number in (threads, cells, tokens)]
    stderr = None if verbose else subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        yield Bare(process)
    finally:
        process.kill()
        process.wait()
