"""What benchmarks share: what they are given, an engine of their own, peers as processes, the form of the result."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from slm_lsp.config import Settings
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import PeerError
from slm_lsp.platform.cores import usable_cores

PEER = "bare C-API loop"

MEASURED_S, POLL_S = 60.0, 0.2
"""An engine measures its models when it was idle for two seconds, in another few seconds."""


_WORDS = ("alpha", "return", "value", "index", "(self)", "=", "+", "import", "for", "total", "None", "list")


def random_text(dice: random.Random, words: int) -> str:
    """Words of code in random order, about 1.2 tokens each: a document that no model has evaluated before."""
    return " ".join(dice.choices(_WORDS, k=words))


@dataclass(frozen=True, slots=True)
class Conditions:
    """What every benchmark is given.

    Args:
        model: path of the GGUF file that both sides run.
        bindings: the installed ones.
        runs: how often each side is measured; what counts as a run is the benchmark's own.
        settings: the user's.
        note: says how it goes to whoever watches.
        verbose: let peers write to standard error.
    """

    model: Path
    bindings: tuple[str, ...]
    runs: int
    settings: Settings
    note: Callable[[str], None]
    verbose: bool = False

    @property
    def threads(self) -> int:
        """Threads that evaluate the model, on both sides."""
        return self.settings.engine.threads or usable_cores()


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a benchmark, as `--json` prints it; subclasses add what is their own."""

    name: str
    runs: int
    ours: Mapping[str, object]
    peer: Mapping[str, object]
    ratio: float | None
    """None where the peer is missing."""
    unit: str

    def lines(self) -> Iterator[str]:
        """The table for people, below a heading."""
        shown = "not measured" if self.ratio is None else f"{self.ratio:.3f}"
        yield f"  ratio to {self.peer['name']}: {shown}"


@dataclass(frozen=True, slots=True)
class BindingsReport(Report):
    """A benchmark that runs with every binding: figures by binding, and `ratio` is the worst of `ratios`."""

    ratios: Mapping[str, float]

    def lines(self) -> Iterator[str]:
        """A line a binding."""
        for binding, ratio in self.ratios.items():
            yield (
                f"  {binding:10s} ours {self.ours[binding]:8.2f} {self.unit}"
                f"   ratio to {self.peer['name']}: {ratio:.3f}"
            )


def paired_ratio(ours: list[float], theirs: list[float]) -> float:
    """Median of the ratios run by run, which a machine whose speed drifts disturbs least."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


@asynccontextmanager
async def private_engine(binding: str, settings: Mapping[str, str] | None = None) -> AsyncIterator[EngineClient]:
    """A client of an engine of its own that nobody else uses, ended afterwards.

    Args:
        binding: `auto` or one of the bindings.
        settings: more of the engine's environment.
    """
    with tempfile.TemporaryDirectory(prefix="slm-") as folder:
        environ = {**os.environ, "XDG_RUNTIME_DIR": folder, "SLM_LSP_ENGINE_BACKEND": binding, **(settings or {})}
        async with EngineClient(environ) as engine:
            pid = (await engine.stats()).pid
            try:
                yield engine
            finally:
                os.kill(pid, signal.SIGTERM)
                await asyncio.to_thread(psutil.wait_procs, [psutil.Process(pid)])


async def measured(engine: EngineClient) -> None:
    """Wait until all loaded models are measured."""
    for _ in range(round(MEASURED_S / POLL_S)):
        if not any(each.prefill_rate is None or each.measuring for each in (await engine.stats()).loaded):
            return
        await asyncio.sleep(POLL_S)


@contextmanager
def processes(count: int) -> Iterator[None]:
    """Other programs at work, ended afterwards."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
        for each in running:
            each.wait()


class Worker:
    """A peer in a process of its own that answers every line of JSON with one."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        self.name = name
        self._process = process

    def answer(self) -> Any:
        """The next line that the process prints."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise PeerError(f"The {self.name} ended early.", "Run the benchmark with -v to see why.")
        return json.loads(line)

    def ask(self, message: object) -> Any:
        """Send one message and wait for its answer."""
        if self._process.stdin is None:
            raise PeerError(f"The {self.name} has no standard input.")
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # `answer` says that it ended
        return self.answer()


@contextmanager
def worker(name: str, module: str, arguments: Sequence[object], verbose: bool) -> Iterator[Worker]:
    """A Python module of ours as a peer, ended afterwards.

    Args:
        name: what errors call it.
        module: run with `python -m`.
        arguments: for its command line.
        verbose: whether what it writes to standard error is shown.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    stderr = None if verbose else subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        yield Worker(name, process)
    finally:
        process.kill()
        process.communicate()


class Bare:
    """The peer of `decode` and `load`: a process that runs `slm_lsp.engine.backend.bare`."""

    def __init__(self, process: Worker) -> None:
        self._process = process
        self.load_seconds = float(process.answer()["seconds"])

    def generate(self, prompt: str) -> tuple[float, list[int]]:
        """Seconds behind the first token, and all tokens."""
        answer = self._process.ask(prompt)
        return float(answer["seconds"]), answer["tokens"]


@contextmanager
def bare_loop(binding: str, tokens: int, conditions: Conditions) -> Iterator[Bare]:
    """The peer with a model loaded, ended afterwards."""
    cells = conditions.settings.engine.context_tokens
    arguments = (binding, conditions.model, conditions.threads, cells, tokens)
    with worker(PEER, "slm_lsp.engine.backend.bare", arguments, conditions.verbose) as process:
        yield Bare(process)
