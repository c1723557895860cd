"""`serve --tcp` and `--ws`: several sessions in one process. Other machines need a token to connect."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from slm_lsp.errors import UsageError
from slm_lsp.server.sockets import Address, check_reach, parse_address

SERVE = [sys.executable, "-m", "slm_lsp.cli.main", "serve", "--json"]
TOKEN = "a-long-and-random-token"  # noqa: S105 - of these tests
PAGE = Origin("https://example.org")

Listen = Callable[..., int]


class TestAddresses:
    """Addresses on which the server may listen."""

    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("127.0.0.1:2087", Address("127.0.0.1", 2087)),
            ("[::1]:0", Address("::1", 0)),
            ("localhost:80", Address("localhost", 80)),
            ("2087", Address("127.0.0.1", 2087)),
        ],
    )
    def test_host_and_port_are_parsed(self, text: str, address: Address) -> None:
        assert parse_address(text) == address

    @pytest.mark.parametrize("text", ["", ":", ":80", "localhost", "localhost:x", "localhost:70000", "localhost:-1"])
    def test_invalid_address_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match="HOST:PORT"):
            parse_address(text)

    def test_connections_from_other_machines_need_a_token(self) -> None:
        everywhere = Address("0.0.0.0", 0)
        with pytest.raises(UsageError, match="--token-file"):
            check_reach(everywhere, None)
        check_reach(everywhere, TOKEN)
        check_reach(Address("localhost", 0), None)

    def test_unknown_host_is_refused(self) -> None:
        with pytest.raises(UsageError, match="not an address"):
            check_reach(Address("no such host", 0), TOKEN)


@pytest.fixture
def listen(home: dict[str, str], tmp_path: Path) -> Iterator[Listen]:
    """Return a function that starts a server and returns its port. No server may log a traceback."""
    processes: list[subprocess.Popen[str]] = []
    log = tmp_path / "log"

    def start(kind: str, token: str | None = None, address: str = "127.0.0.1:0") -> int:
        command = [*SERVE, f"--{kind}", address]
        if token:
            (tmp_path / "token").write_text(token + "\n")
            command += ["--token-file", str(tmp_path / "token")]
        with log.open("ab") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=home, text=True)
        processes.append(process)
        assert process.stdout
        message = json.loads(process.stdout.readline())
        assert message["listening"] == kind
        return int(message["port"])

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert "Traceback" not in log.read_text()


class Tcp:
    """A client over TCP."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 20)
        self._file = self._socket.makefile("rwb")

    def send(self, message: object) -> None:
        body = json.dumps(message).encode()
        self._file.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._file.flush()

    def read(self) -> Any:
        """Return the next message; None when the server has closed the connection."""
        length = 0
        while (line := self._file.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self._file.read(length)) if length else None

    def request(self, number: int, method: str, params: object = None) -> Any:
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while (answer := self.read()) is not None and answer.get("id") != number:
            pass
        return answer

    def initialize(self, **options: object) -> Any:
        params = {"processId": None, "rootUri": None, "capabilities": {}, "initializationOptions": options}
        return self.request(1, "initialize", params)

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def test_every_client_has_its_own_session(listen: Listen) -> None:
    port = listen("tcp")
    one, other = Tcp(port), Tcp(port)
    assert "capabilities" in one.initialize()["result"]
    assert other.request(7, "slm/status")["error"]["code"] == -32002
    assert "capabilities" in other.initialize()["result"]
    assert one.request(2, "shutdown")["result"] is None
    one.send({"jsonrpc": "2.0", "method": "exit"})
    assert one.read() is None
    assert other.request(3, "slm/status")["result"]["state"] == "idle"
    other.close()
    third = Tcp(port)
    assert "capabilities" in third.initialize()["result"]
    third.close()


def test_client_with_a_wrong_token_is_refused(listen: Listen) -> None:
    port = listen("tcp", TOKEN)
    for options in ({}, {"token": "another"}, {"token": 7}):
        anonymous = Tcp(port)
        assert "token" in anonymous.initialize(**options)["error"]["message"]
        assert anonymous.read() is None
        anonymous.close()
    client = Tcp(port)
    assert "capabilities" in client.initialize(token=TOKEN)["result"]
    assert client.request(2, "slm/status")["result"]["state"] == "idle"
    client.close()


def test_message_that_is_too_long_ends_only_its_session(listen: Listen) -> None:
    port = listen("tcp")
    greedy = Tcp(port)
    greedy._file.write(b"Content-Length: 99999999999\r\n\r\n")
    greedy._file.flush()
    assert greedy.read() is None
    greedy.close()
    other = Tcp(port)
    assert "capabilities" in other.initialize()["result"]
    other.close()


def test_web_socket_accepts_messages_without_headers(listen: Listen) -> None:
    port = listen("ws")
    params: dict[str, object] = {"processId": None, "rootUri": None, "capabilities": {}}
    with connect(f"ws://127.0.0.1:{port}") as client:
        client.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}))
        answer = json.loads(client.recv(timeout=20))
        assert "capabilities" in answer["result"]
        client.send(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "shutdown"}))
        assert json.loads(client.recv(timeout=20))["id"] == 2
        client.send(json.dumps({"jsonrpc": "2.0", "method": "exit"}))
        assert list(client) == []


@pytest.mark.parametrize("with_exit", [True, False])
def test_web_socket_that_closes_with_a_pending_request_causes_no_traceback(listen: Listen, with_exit: bool) -> None:
    params: dict[str, object] = {"processId": None, "rootUri": None, "capabilities": {}}
    port = listen("ws")
    with connect(f"ws://127.0.0.1:{port}") as client:
        client.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}))
        client.recv(timeout=20)
        for number in range(2, 6):
            client.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": "slm/status"}))
        if with_exit:
            client.send(json.dumps({"jsonrpc": "2.0", "method": "exit"}))
        client.send(json.dumps({"jsonrpc": "2.0", "id": 7, "method": "shutdown"}))
        if not with_exit:
            client.socket.close()
    with connect(f"ws://127.0.0.1:{port}") as other:
        other.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}))
        assert "capabilities" in json.loads(other.recv(timeout=20))["result"]


def test_web_page_without_a_token_cannot_connect(listen: Listen) -> None:
    port = listen("ws")
    with pytest.raises(InvalidStatus, match="403"), connect(f"ws://127.0.0.1:{port}", origin=PAGE):
        pass


def test_web_page_with_the_token_can_connect(listen: Listen) -> None:
    port = listen("ws", TOKEN)
    params = {"processId": None, "rootUri": None, "capabilities": {}, "initializationOptions": {"token": TOKEN}}
    with connect(f"ws://127.0.0.1:{port}", origin=PAGE) as client:
        client.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}))
        assert "capabilities" in json.loads(client.recv(timeout=20))["result"]


def test_address_in_use_is_reported(home: dict[str, str], listen: Listen) -> None:
    port = listen("tcp")
    done = subprocess.run([*SERVE, "--tcp", f"127.0.0.1:{port}"], capture_output=True, text=True, env=home, timeout=60)
    assert done.returncode == 2
    assert "Cannot listen on" in done.stderr


@pytest.mark.parametrize("token", ["", "short"])
def test_short_token_is_refused(home: dict[str, str], tmp_path: Path, token: str) -> None:
    (tmp_path / "token").write_text(token)
    command = [*SERVE, "--tcp", "127.0.0.1:0", "--token-file", str(tmp_path / "token")]
    done = subprocess.run(command, capture_output=True, text=True, env=home, timeout=60)
    assert done.returncode == 2
    assert "too short" in done.stderr


def test_a_line_is_completed_over_tcp(module_home: dict[str, str], program: str, tmp_path: Path) -> None:
    """Use the real model."""

    async def run() -> Any:
        command = [*SERVE, "--tcp", "127.0.0.1:0"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=module_home)
        assert process.stdout
        try:
            port = json.loads(await process.stdout.readline())["port"]
            return await asyncio.to_thread(suggestion, Tcp(port))
        finally:
            process.terminate()
            assert await process.wait() == 0

    def suggestion(client: Tcp) -> Any:
        uri = (tmp_path / "fib.py").as_uri()
        client._socket.settimeout(120)
        client.initialize()
        client.send({"jsonrpc": "2.0", "method": "initialized", "params": {}})
        document = {"uri": uri, "languageId": "python", "version": 1, "text": program}
        client.send({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": document}})
        where = {"textDocument": {"uri": uri}, "position": {"line": 3, "character": 11}}
        answer = client.request(2, "textDocument/inlineCompletion", {**where, "context": {"triggerKind": 1}})
        client.close()
        return answer["result"]["items"][0]["insertText"]

    assert "fib(n" in asyncio.run(run())
