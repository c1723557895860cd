"""Once the model is installed, no slm-lsp process opens a network socket. strace records the system calls."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import FIXTURES, engines

pytestmark = [pytest.mark.real_model, pytest.mark.usefixtures("fast_model")]

ORDERS = FIXTURES / "inventory" / "orders.py"


@pytest.fixture
def traced(home: dict[str, str], tmp_path: Path) -> Iterator["Traced"]:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace, which `make test` tries to install; otherwise: apt-get install strace")
    command = Traced(strace, home, tmp_path / "trace")
    yield command
    command.end()


class Traced:
    """A command that runs under strace, together with the engine that it starts."""

    def __init__(self, strace: str, environ: dict[str, str], log: Path) -> None:
        self._prefix = [strace, "-f", "-o", str(log), "-e", "trace=network", sys.executable, "-m", "slm_lsp.cli.main"]
        self._environ = environ
        self._log = log

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        self.process = subprocess.Popen(
            [*self._prefix, *arguments], env=self._environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self.process

    def end(self) -> None:
        """End the engine and then the command. strace runs as long as the engine runs."""
        for process in engines(self._environ):
            process.terminate()
            process.wait(20)
        self.process.kill()
        self.process.wait(20)

    def sockets(self) -> list[str]:
        return [line for line in self._log.read_text().splitlines() if "socket(" in line or "connect(" in line]


def only_local(calls: list[str]) -> bool:
    assert any("AF_UNIX" in line for line in calls), "the trace contains no Unix socket of slm-lsp"
    return not any(family in line for line in calls for family in ("AF_INET", "AF_NETLINK"))


def test_a_completion_on_the_command_line_opens_no_network_socket(traced: Traced) -> None:
    process = traced.start("complete", str(ORDERS), "37:16")
    assert process.stdout
    assert process.stdout.readline() == b"sum(line.quantity for line in self.lines)\n"
    traced.end()
    assert only_local(traced.sockets())


def test_a_completion_by_the_server_opens_no_network_socket(traced: Traced) -> None:
    process = traced.start("serve", "--stdio")
    uri = ORDERS.as_uri()
    document = {"uri": uri, "languageId": "python", "version": 1, "text": ORDERS.read_text()}
    position = {"line": 36, "character": 15}
    capabilities = {"processId": None, "rootUri": None, "capabilities": {}}
    send(process, {"id": 1, "method": "initialize", "params": capabilities})
    send(process, {"method": "textDocument/didOpen", "params": {"textDocument": document}})
    request = {"textDocument": {"uri": uri}, "position": position, "context": {"triggerKind": 1}}
    send(process, {"id": 2, "method": "textDocument/inlineCompletion", "params": request})
    answer = receive(process, 2)
    assert answer["result"]["items"][0]["insertText"].strip() != ""
    traced.end()
    assert only_local(traced.sockets())


def send(process: "subprocess.Popen[bytes]", message: dict[str, object]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    assert process.stdin
    process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    process.stdin.flush()


def receive(process: "subprocess.Popen[bytes]", number: int) -> dict[str, dict[str, list[dict[str, str]]]]:
    """Return the answer to a request. Skip the notifications before it."""
    assert process.stdout
    while True:
        length = 0
        while (line := process.stdout.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message = json.loads(process.stdout.read(length))
        if message.get("id") == number:
            return dict(message)
