"""However its client disconnects, the server ends with the right exit code and no traceback. No model is needed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.test_wire import Wire

SHUTDOWN = {"jsonrpc": "2.0", "id": 8, "method": "shutdown"}
EXIT = {"jsonrpc": "2.0", "method": "exit"}


@pytest.fixture
def wire(home: dict[str, str], tmp_path: Path) -> Iterator[Wire]:
    """Start a server that starts an indexer and a warm-up when a file is opened."""
    with (tmp_path / "log").open("wb") as log:
        found = Wire(home | {"SLM_LSP_MODELS_DIR": str(tmp_path / "no models")}, log)
    folder = tmp_path / "shop"
    folder.mkdir()
    workspace = {"workspaceFolders": [{"uri": folder.as_uri(), "name": "shop"}]}
    found.request(1, "initialize", {"processId": None, "rootUri": None, "capabilities": {}, **workspace})
    found.notify("initialized", {})
    yield found
    found.process.kill()
    found.process.wait()


@pytest.fixture
def opened(tmp_path: Path) -> dict[str, Any]:
    item = {"uri": (tmp_path / "shop" / "a.py").as_uri(), "languageId": "python", "version": 1, "text": "x = 1\n"}
    return {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": item}}


@pytest.fixture
def completion_request(tmp_path: Path) -> dict[str, Any]:
    place = {
        "textDocument": {"uri": (tmp_path / "shop" / "a.py").as_uri()},
        "position": {"line": 1, "character": 0},
        "context": {"triggerKind": 1},
    }
    return {"jsonrpc": "2.0", "id": 7, "method": "textDocument/inlineCompletion", "params": place}


def exit_code(wire: Wire, tmp_path: Path) -> int:
    """Wait for the end of the server without reading its messages. Check the log and return the exit code."""
    code = wire.process.wait(30)
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert "Exception" not in log
    return code


def test_server_ends_after_shutdown_and_exit_in_one_write(wire: Wire, opened: dict[str, Any], tmp_path: Path) -> None:
    wire.send_all(opened, SHUTDOWN, EXIT)
    assert exit_code(wire, tmp_path) == 0


def test_server_ends_after_shutdown_and_exit_with_a_pending_request(
    wire: Wire, opened: dict[str, Any], completion_request: dict[str, Any], tmp_path: Path
) -> None:
    wire.send_all(opened, completion_request, SHUTDOWN, EXIT)
    assert exit_code(wire, tmp_path) == 0


def test_server_ends_after_exit_with_a_pending_request(
    wire: Wire, opened: dict[str, Any], completion_request: dict[str, Any], tmp_path: Path
) -> None:
    wire.send_all(opened, completion_request, EXIT)
    assert exit_code(wire, tmp_path) == 1


def test_server_ends_after_two_shutdowns_and_two_exits(wire: Wire, tmp_path: Path) -> None:
    wire.send_all(SHUTDOWN, {**SHUTDOWN, "id": 9}, EXIT, EXIT)
    assert exit_code(wire, tmp_path) == 0


def test_server_ends_if_a_document_is_opened_after_shutdown(wire: Wire, opened: dict[str, Any], tmp_path: Path) -> None:
    wire.send_all(SHUTDOWN, opened, EXIT)
    assert exit_code(wire, tmp_path) == 0


def test_server_ends_if_the_client_disconnects_while_the_indexer_starts(
    wire: Wire, opened: dict[str, Any], tmp_path: Path
) -> None:
    wire.send_all(opened)
    wire.disconnect()
    assert exit_code(wire, tmp_path) == 1


def test_server_ends_if_the_client_disconnects_with_a_pending_request(
    wire: Wire, opened: dict[str, Any], completion_request: dict[str, Any], tmp_path: Path
) -> None:
    wire.send_all(opened, completion_request)
    wire.disconnect()
    assert exit_code(wire, tmp_path) == 1


def test_server_ends_if_the_client_stops_reading(
    wire: Wire, opened: dict[str, Any], completion_request: dict[str, Any], tmp_path: Path
) -> None:
    assert wire.process.stdout
    wire.process.stdout.close()
    wire.send_all(opened, completion_request)
    assert exit_code(wire, tmp_path) == 1


def test_server_ends_after_shutdown_and_exit_of_a_client_that_stopped_reading(wire: Wire, tmp_path: Path) -> None:
    assert wire.process.stdout
    wire.process.stdout.close()
    wire.send_all(SHUTDOWN, EXIT)
    assert exit_code(wire, tmp_path) == 0
