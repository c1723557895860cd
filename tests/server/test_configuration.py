"""The real server applies the settings of an editor and of a workspace. These tests need no model."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from slm_lsp.server.settings import CHECK_S
from tests.server.test_wire import Wire

COMMENT = "# a comment, where nothing is suggested\n"

Start = Callable[[dict[str, Any] | None], Wire]


@pytest.fixture
def environ(home: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return home | {"SLM_LSP_MODELS_DIR": str(tmp_path / "no models")}


@pytest.fixture
def start(environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a server with given initialization options, a workspace folder and an open file."""
    started: list[Wire] = []
    (tmp_path / "shop").mkdir()

    def start_one(options: dict[str, Any] | None) -> Wire:
        wire = Wire(environ)
        started.append(wire)
        folder = {"uri": (tmp_path / "shop").as_uri(), "name": "shop"}
        parameters = {"processId": None, "rootUri": None, "capabilities": {}, "workspaceFolders": [folder]}
        wire.request(1, "initialize", {**parameters, "initializationOptions": options})
        wire.notify("initialized", {})
        opened(wire, tmp_path / "shop" / "app.py")
        return wire

    yield start_one
    for wire in started:
        wire.process.kill()
        wire.process.wait()


def opened(wire: Wire, file: Path) -> None:
    item = {"uri": file.as_uri(), "languageId": "python", "version": 1, "text": COMMENT}
    wire.notify("textDocument/didOpen", {"textDocument": item})


def request(wire: Wire, number: int, file: Path) -> None:
    """Request a completion in a comment. The answer is empty; it is counted but needs no model."""
    place = {"textDocument": {"uri": file.as_uri()}, "position": {"line": 0, "character": 10}}
    answer = wire.request(number, "textDocument/inlineCompletion", {**place, "context": {"triggerKind": 2}})
    assert answer["result"]["items"] == []


def configure(wire: Wire, **settings: object) -> None:
    wire.notify("workspace/didChangeConfiguration", {"settings": {"slm": settings}})


def counted(wire: Wire, environ: dict[str, str]) -> int | None:
    """Stop the server and return the number of empty answers in its database; None if there is no database."""
    wire.request(90, "shutdown")
    wire.notify("exit")
    wire.process.wait(20)
    database = Path(environ["XDG_STATE_HOME"], "slm-lsp", "stats.db")
    if not database.exists():
        return None
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT coalesce(sum(count), 0) FROM unshown").fetchone()[0])


def warnings(wire: Wire) -> list[str]:
    """Return the texts of all `window/showMessage` notifications so far."""
    wire.request(91, "slm/status", {})
    return [each["params"]["message"] for each in wire.notifications if each["method"] == "window/showMessage"]


def wait_for_warnings(wire: Wire, count: int) -> list[str]:
    """Wait until the server has shown this many warnings, and return all of them."""
    deadline = time.monotonic() + 30
    while len(shown := warnings(wire)) < count:
        assert time.monotonic() < deadline, f"only {len(shown)} of {count} warnings were shown"
        time.sleep(0.05)
    return shown


def saved(wire: Wire, file: Path) -> None:
    """Report a file that was saved in the editor."""
    wire.notify("textDocument/didSave", {"textDocument": {"uri": file.as_uri()}})


def test_answers_are_counted_by_default(start: Start, environ: dict[str, str], tmp_path: Path) -> None:
    wire = start(None)
    request(wire, 2, tmp_path / "shop" / "app.py")
    assert counted(wire, environ) == 1


def test_editor_that_switches_statistics_off_leaves_no_database(
    start: Start, environ: dict[str, str], tmp_path: Path
) -> None:
    wire = start({"statistics": False})
    request(wire, 2, tmp_path / "shop" / "app.py")
    assert counted(wire, environ) is None


def test_statistics_can_be_switched_off_and_on_while_the_server_runs(
    start: Start, environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "shop" / "app.py"
    wire = start(None)
    request(wire, 2, file)
    configure(wire, statistics=False)
    request(wire, 3, file)
    request(wire, 4, file)
    configure(wire, statistics=True)
    request(wire, 5, file)
    assert counted(wire, environ) == 2


def test_workspace_cannot_switch_statistics_on(start: Start, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "shop" / ".slm-lsp.toml").write_text("statistics = true\n")
    wire = start({"statistics": False})
    request(wire, 2, tmp_path / "shop" / "app.py")
    assert counted(wire, environ) is None


def test_problems_of_a_workspace_are_shown_at_the_first_document_and_after_each_change(
    start: Start, tmp_path: Path
) -> None:
    file, settings = tmp_path / "shop" / "app.py", tmp_path / "shop" / ".slm-lsp.toml"
    settings.write_text("speed = 3\n")
    wire = start(None)
    (shown,) = wait_for_warnings(wire, 1)
    assert str(settings) in shown
    assert "speed" in shown
    for number in range(10, 13):
        request(wire, number, file)
    opened(wire, tmp_path / "shop" / "other.py")
    assert warnings(wire) == [shown]

    settings.write_text("speed = 3\nmodel = 7\n")
    saved(wire, settings)
    assert "`model`" in wait_for_warnings(wire, 2)[1]

    settings.write_text("")
    saved(wire, settings)
    request(wire, 21, file)
    settings.write_text("speed = 3\n")
    saved(wire, settings)
    assert wait_for_warnings(wire, 3)[2:] == [shown]


def test_change_of_a_workspace_file_that_the_editor_does_not_report_takes_effect(start: Start, tmp_path: Path) -> None:
    wire = start(None)
    request(wire, 10, tmp_path / "shop" / "app.py")
    (tmp_path / "shop" / ".slm-lsp.toml").write_text("speed = 3\n")
    time.sleep(CHECK_S)
    request(wire, 11, tmp_path / "shop" / "app.py")
    assert len(wait_for_warnings(wire, 1)) == 1


def test_change_of_the_users_file_stops_the_statistics(start: Start, environ: dict[str, str], tmp_path: Path) -> None:
    wire = start(None)
    request(wire, 2, tmp_path / "shop" / "app.py")
    file = Path(environ["XDG_CONFIG_HOME"], "slm-lsp", "config.toml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("statistics = false\n")
    saved(wire, file)
    request(wire, 3, tmp_path / "shop" / "app.py")
    request(wire, 4, tmp_path / "shop" / "app.py")
    assert counted(wire, environ) == 1
