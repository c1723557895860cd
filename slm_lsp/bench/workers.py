"""Processes that benchmarks start: peers that answer on standard output, and programs that keep cores busy."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from slm_lsp.bench.conditions import Conditions
from slm_lsp.errors import PeerError

BARE_LOOP = "bare C-API loop"


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Run `count` processes that each keep one core busy, and kill them afterwards."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in running:
            each.kill()
        for each in running:
            each.wait()


class Worker:
    """A peer process that answers each line of JSON with one line of JSON."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        self.name = name
        self._process = process

    def answer(self) -> Any:
        """Read the next line that the process prints.

        Raises:
            PeerError: the process ended.
        """
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise PeerError(f"The {self.name} ended early.", "Run the benchmark with -v to see its output.")
        return json.loads(line)

    def ask(self, message: object) -> Any:
        """Send one message and wait for its answer. Raises the same errors as `answer`."""
        if self._process.stdin is None:
            raise PeerError(f"The {self.name} has no standard input.")
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # `answer` reports that the process ended
        return self.answer()


@contextmanager
def worker(name: str, module: str, arguments: Sequence[object], verbose: bool) -> Iterator[Worker]:
    """Run a module of this package as a peer process, and kill the process afterwards.

    Args:
        name: name of the peer in error messages.
        module: the module, run with `python -m`.
        arguments: command-line arguments of the module.
        verbose: whether the standard error of the process is shown.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    stderr = None if verbose else subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        yield Worker(name, process)
    finally:
        process.kill()
        process.communicate()


class BareLoop:
    """The peer of `decode` and `load`: a process that runs `slm_lsp.engine.backend.bare`."""

    def __init__(self, process: Worker) -> None:
        self._process = process
        process.answer()  # waits until the model is loaded

    def generate(self, prompt: str) -> tuple[float, list[int]]:
        """Return the seconds from the first token to the last, and all tokens."""
        answer = self._process.ask(prompt)
        return float(answer["seconds"]), answer["tokens"]


@contextmanager
def bare_loop(binding: str, tokens: int, conditions: Conditions) -> Iterator[BareLoop]:
    """Start the bare loop, wait until it has loaded the model, and kill it afterwards."""
    cells = conditions.settings.engine.context_tokens
    arguments = (binding, conditions.model, conditions.threads, cells, tokens)
    with worker(BARE_LOOP, "slm_lsp.engine.backend.bare", arguments, conditions.verbose) as process:
        yield BareLoop(process)
