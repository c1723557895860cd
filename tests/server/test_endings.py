"""However a client leaves, the server ends, with the right code and without a traceback. No model is needed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.test_wire import Wire

SHUTDOWN = {"jsonrpc": "2.0", "id": 8, "method": "shutdown"}
EXIT = {"jsonrpc": "2.0", "method": "exit"}


@pytest.fixture
def wire(home: dict[str, str], tmp_path: Path) -> Iterator[Wire]:
    """A server with one file open, so that an indexer and a warm-up are about to start."""
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
def asked(tmp_path: Path) -> dict[str, Any]:
    place = {
        "textDocument": {"uri": (tmp_path / "shop" / "a.py").as_uri()},
        "position": {"line": 1, "character": 0},
        "context": {"triggerKind": 1},
    }
    return {"jsonrpc": "2.0", "id": 7, "method": "textDocument/inlineCompletion", "params": place}


def ended(wire: Wire, tmp_path: Path) -> int:
    """The exit code; checks the log. Nothing is read meanwhile, as by an editor that has gone."""
    code = wire.process.wait(30)
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert "Exception" not in log
    return code


def test_shutdown_and_exit_in_one_go(wire: Wire, opened: dict[str, Any], tmp_path: Path) -> None:
    wire.send_all(opened, SHUTDOWN, EXIT)
    assert ended(wire, tmp_path) == 0


def test_shutdown_and_exit_with_a_pending_request(
    wire: Wire, opened: dict[str, Any], asked: dict[str, Any], tmp_path: Path
) -> None:
    wire.send_all(opened, asked, SHUTDOWN, EXIT)
    assert ended(wire, tmp_path) == 0


def test_exit_with_a_pending_request(wire: Wire, opened: dict[str, Any], asked: dict[str, Any], tmp_path: Path) -> None:
    wire.send_all(opened, asked, EXIT)
    assert ended(wire, tmp_path) == 1


def test_shutdown_twice_and_exit_twice(wire: Wire, tmp_path: Path) -> None:
    wire.send_all(SHUTDOWN, {**SHUTDOWN, "id": 9}, EXIT, EXIT)
    assert ended(wire, tmp_path) == 0


def test_a_document_that_is_opened_after_shutdown(wire: Wire, opened: dict[str, Any], tmp_path: Path) -> None:
    wire.send_all(SHUTDOWN, opened, EXIT)
    assert ended(wire, tmp_path) == 0


def test_a_client_that_hangs_up_while_the_indexer_starts(wire: Wire, opened: dict[str, Any], tmp_path: Path) -> None:
    wire.send_all(opened)
    wire.hang_up()
    assert ended(wire, tmp_path) == 1


def test_a_client_that_hangs_up_with_a_pending_request(
    wire: Wire, opened: dict[str, Any], asked: dict[str, Any], tmp_path: Path
) -> None:
    wire.send_all(opened, asked)
    wire.hang_up()
    assert ended(wire, tmp_path) == 1


def test_a_client_that_reads_no_more(wire: Wire, opened: dict[str, Any], asked: dict[str, Any], tmp_path: Path) -> None:
    assert wire.process.stdout
    wire.process.stdout.close()
    wire.send_all(opened, asked)
    assert ended(wire, tmp_path) == 1


def test_shutdown_and_exit_of_a_client_that_reads_no_more(wire: Wire, tmp_path: Path) -> None:
    assert wire.process.stdout
    wire.process.stdout.close()
    wire.send_all(SHUTDOWN, EXIT)
    assert ended(wire, tmp_path) == 0
