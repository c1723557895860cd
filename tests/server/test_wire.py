"""Answers to malformed messages, and the end of a connection. These tests need no model."""

import json
import subprocess
from collections.abc import Iterator
from typing import IO, Any

import pytest

from tests.server.conftest import SERVE


class Wire:
    """A running server, and the raw messages that it receives and sends."""

    def __init__(self, environ: dict[str, str], log: IO[bytes] | int = subprocess.DEVNULL, *arguments: str) -> None:
        command = [*SERVE, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environ)
        self.notifications: list[Any] = []

    def send(self, message: object) -> None:
        self.send_raw(json.dumps(message).encode())

    def send_all(self, *messages: object) -> None:
        """Send messages in one write, like a client that does not wait for answers."""
        assert self.process.stdin
        bodies = [json.dumps(each).encode() for each in messages]
        self.process.stdin.write(b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(each), each) for each in bodies))
        self.process.stdin.flush()

    def send_raw(self, body: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def disconnect(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()

    def read(self) -> Any:
        assert self.process.stdout
        length = 0
        while (line := self.process.stdout.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.process.stdout.read(length))

    def request(self, number: int, method: str, params: object = None) -> Any:
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while "method" in (answer := self.read()):
            self.notifications.append(answer)
        assert answer.get("id") == number
        return answer

    def notify(self, method: str, params: object = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})


@pytest.fixture
def wire(home: dict[str, str]) -> Iterator[Wire]:
    found = Wire(home)
    found.request(1, "initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    found.notify("initialized", {})
    yield found
    found.process.kill()
    found.process.wait()


def responds(wire: Wire) -> bool:
    """Return whether the server still answers."""
    return bool(wire.request(99, "slm/status", {})["result"]["state"] == "idle")


def test_invalid_json_is_answered_and_the_server_continues(wire: Wire) -> None:
    wire.send_raw(b"{not json")
    answer = wire.read()
    assert answer["id"] is None
    assert answer["error"]["code"] == -32700
    assert responds(wire)


def test_invalid_utf8_is_answered(wire: Wire) -> None:
    wire.send_raw(b"\xff\xfe\x00")
    assert wire.read()["error"]["code"] == -32700
    assert responds(wire)


@pytest.mark.parametrize(
    "message", [{"id": 5, "method": "slm/status"}, [], 7, "x", {}, {"jsonrpc": "1.0", "id": 5, "method": "slm/status"}]
)
def test_json_that_is_not_a_message_is_answered(wire: Wire, message: object) -> None:
    wire.send(message)
    answer = wire.read()
    assert answer["error"]["code"] in (-32600, -32603)
    assert answer["id"] == (5 if isinstance(message, dict) and "id" in message else None)
    assert responds(wire)


@pytest.mark.parametrize(
    "params", [{}, {"textDocument": 3}, {"textDocument": {"uri": "file:///x"}, "position": "here"}]
)
def test_wrong_parameters_are_answered_with_the_id_of_the_request(wire: Wire, params: object) -> None:
    answer = wire.request(7, "textDocument/inlineCompletion", params)
    assert answer["error"]["code"] in (-32602, -32603)
    assert responds(wire)


def test_unknown_method_is_answered(wire: Wire) -> None:
    assert wire.request(8, "textDocument/magic", {})["error"]["code"] == -32601
    wire.notify("textDocument/magic", {})
    assert responds(wire)


def test_change_of_a_document_that_is_not_open_is_ignored(wire: Wire) -> None:
    document = {"uri": "file:///x", "version": 2}
    wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": "x"}]})
    assert responds(wire)


def test_after_shutdown_requests_are_refused_and_exit_gives_exit_code_0(wire: Wire) -> None:
    assert wire.request(2, "shutdown")["result"] is None
    assert wire.request(3, "slm/status", {})["error"]["code"] == -32600
    wire.notify("exit")
    assert wire.process.wait(10) == 0


def test_exit_without_shutdown_gives_exit_code_1(wire: Wire) -> None:
    wire.notify("exit")
    assert wire.process.wait(10) == 1


def test_cursor_in_a_document_that_is_not_open_is_ignored(wire: Wire) -> None:
    position = {"line": 0, "character": 0}
    wire.notify("slm/cursor", {"textDocument": {"uri": "file:///x"}, "position": position})
    assert responds(wire)


def test_server_ends_when_the_client_disconnects(wire: Wire) -> None:
    wire.disconnect()
    assert wire.process.wait(10) == 1


def test_deeply_nested_json_is_answered(wire: Wire) -> None:
    wire.send_raw(b"[" * 100_000)
    assert wire.read()["error"]["code"] in (-32600, -32700)
    assert responds(wire)


def test_very_long_header_line_is_skipped(wire: Wire) -> None:
    assert wire.process.stdin
    wire.process.stdin.write(b"X" * 300_000 + b"\r\n\r\n")
    assert responds(wire)


def test_header_names_are_accepted_in_any_case(wire: Wire) -> None:
    assert wire.process.stdin
    body = json.dumps({"jsonrpc": "2.0", "id": 6, "method": "slm/status", "params": {}}).encode()
    wire.process.stdin.write(b"content-length:%d\r\nContent-Type: x\r\n\r\n%s" % (len(body), body))
    wire.process.stdin.flush()
    assert wire.read()["id"] == 6


def test_requests_before_initialize_are_refused(home: dict[str, str]) -> None:
    wire = Wire(home)
    assert wire.request(1, "slm/status", {})["error"]["code"] == -32002
    wire.process.kill()
    wire.process.wait()
