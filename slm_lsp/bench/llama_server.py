"""Starts llama.cpp's server on a free port of this machine and sends requests to its endpoint `/infill`."""

import json
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from slm_lsp.errors import PeerError

NAME = "llama-server /infill"
HOST = "127.0.0.1"
LOAD_TIMEOUT_S = 180.0
ANSWER_TIMEOUT_S = 300.0
POLL_S = 0.05
CACHE_REUSE = 256
"""Value of the option `--cache-reuse`, from llama.cpp's presets for fill-in-the-middle (`--fim-qwen-1.5b-default`)."""


@dataclass(frozen=True, slots=True)
class FirstToken:
    """Milliseconds to a peer's first token, and the number of prompt tokens that the peer evaluated."""

    ms: float
    evaluated: int


def command(binary: Path, model: Path, threads: int, cells: int, port: int) -> list[str]:
    """Return the command line of the server."""
    return [
        str(binary), "--model", str(model), "--host", HOST, "--port", str(port), "--threads", str(threads),
        "--threads-batch", str(threads), "--ctx-size", str(cells), "--parallel", "1",
        "--cache-reuse", str(CACHE_REUSE), "--no-ui", "--offline",
    ]  # fmt: skip


def request(prefix: str, suffix: str) -> dict[str, object]:
    """Return the body of an `/infill` request for one greedy token."""
    return {
        "input_prefix": prefix,
        "input_suffix": suffix,
        "n_predict": 1,
        "temperature": 0.0,
        "top_k": 1,
        "cache_prompt": True,
        "stream": True,
    }


class LlamaServer:
    """A running server of llama.cpp."""

    name = NAME

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def first_token(self, prefix: str, suffix: str) -> FirstToken:
        """Request the first token that the model puts between two texts.

        Raises:
            PeerError: the server failed or gave an invalid answer.
        """
        started = time.perf_counter()
        try:
            with self._client.stream("POST", "/infill", json=request(prefix, suffix)) as response:
                if response.status_code != httpx.codes.OK:
                    raise PeerError(f"{NAME} answered {response.status_code}: {response.read().decode()[:300]}")
                return read_events(response.iter_lines(), started)
        except httpx.HTTPError as error:
            raise PeerError(
                f"{NAME} did not answer: {error!r}.", "Run the benchmark with -v to see its log."
            ) from error


def read_events(lines: Iterable[str], started: float) -> FirstToken:
    """Return the time to the first event with text, or to the last event, and the last event's count of prompt tokens.

    Raises:
        PeerError: the stream ended early or contains an error.
    """
    first: float | None = None
    for line in lines:
        if line.startswith("error:"):
            raise PeerError(f"{NAME} failed: {line}")
        if not line.startswith("data:"):
            continue
        event = json.loads(line.removeprefix("data:"))
        if first is None and (event.get("content") or event.get("stop")):
            first = (time.perf_counter() - started) * 1e3
        if event.get("stop") and first is not None:
            return FirstToken(first, event["timings"]["prompt_n"])
    raise PeerError(f"{NAME} ended its answer early.")


@contextmanager
def llama_server(binary: Path, model: Path, threads: int, cells: int, verbose: bool) -> Iterator[LlamaServer]:
    """Start a server, wait until it has loaded the model, and stop it afterwards.

    Raises:
        PeerError: the server ended, or was not ready in time.
    """
    port = free_port()
    sink = None if verbose else subprocess.DEVNULL
    process = subprocess.Popen(
        command(binary, model, threads, cells, port), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
    )
    try:
        # Ignore proxies of the environment: requests stay on this machine.
        with httpx.Client(base_url=f"http://{HOST}:{port}", timeout=ANSWER_TIMEOUT_S, trust_env=False) as client:
            _wait(client, process)
            yield LlamaServer(client)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the model is loaded. Until then the server answers 503, or does not answer at all."""
    deadline = time.monotonic() + LOAD_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise PeerError(
                f"llama-server exited with status {process.returncode} while it loaded the model.",
                "Run the benchmark with -v to see its log.",
            )
        try:
            if client.get("/health").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(POLL_S)
    raise PeerError(f"llama-server was not ready after {LOAD_TIMEOUT_S:.0f} s.")
