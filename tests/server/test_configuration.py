"""Settings from an editor and from a workspace, as the real server takes them. No model is needed."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.server.test_wire import Wire

COMMENT = "# a comment, in which nothing is suggested\n"

Start = Callable[[dict[str, Any] | None], Wire]


@pytest.fixture
def environ(home: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return home | {"SLM_LSP_MODELS_DIR": str(tmp_path / "no models")}


@pytest.fixture
def start(environ: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start a server with these initialization options and one folder, in which one file is open."""
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


def ask(wire: Wire, number: int, file: Path) -> None:
    """Ask where nothing is suggested, which is counted and needs no model."""
    place = {"textDocument": {"uri": file.as_uri()}, "position": {"line": 0, "character": 10}}
    answer = wire.request(number, "textDocument/inlineCompletion", {**place, "context": {"triggerKind": 2}})
    assert answer["result"]["items"] == []


def configure(wire: Wire, **settings: object) -> None:
    wire.notify("workspace/didChangeConfiguration", {"settings": {"slm": settings}})


def counted(wire: Wire, environ: dict[str, str]) -> int | None:
    """How many refusals are in the database after the server has left; None without a database."""
    wire.request(90, "shutdown")
    wire.notify("exit")
    wire.process.wait(20)
    database = Path(environ["XDG_STATE_HOME"], "slm-lsp", "stats.db")
    if not database.exists():
        return None
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT coalesce(sum(count), 0) FROM unshown").fetchone()[0])


def warnings(wire: Wire) -> list[str]:
    """The texts of `window/showMessage` so far."""
    wire.request(91, "slm/status", {})
    return [each["params"]["message"] for each in wire.notifications if each["method"] == "window/showMessage"]


def test_statistics_are_kept_unless_switched_off(start: Start, environ: dict[str, str], tmp_path: Path) -> None:
    wire = start(None)
    ask(wire, 2, tmp_path / "shop" / "app.py")
    assert counted(wire, environ) == 1


def test_an_editor_that_switches_statistics_off_leaves_no_database(
    start: Start, environ: dict[str, str], tmp_path: Path
) -> None:
    wire = start({"statistics": False})
    ask(wire, 2, tmp_path / "shop" / "app.py")
    assert counted(wire, environ) is None


def test_statistics_can_be_switched_off_and_on_while_the_server_runs(
    start: Start, environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "shop" / "app.py"
    wire = start(None)
    ask(wire, 2, file)
    configure(wire, statistics=False)
    ask(wire, 3, file)
    ask(wire, 4, file)
    configure(wire, statistics=True)
    ask(wire, 5, file)
    assert counted(wire, environ) == 2


def test_a_workspace_cannot_switch_statistics_on(start: Start, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "shop" / ".slm-lsp.toml").write_text("statistics = true\n")
    wire = start({"statistics": False})
    ask(wire, 2, tmp_path / "shop" / "app.py")
    assert counted(wire, environ) is None


def test_problems_in_a_workspace_file_are_shown_when_a_document_is_opened_and_when_they_change(
    start: Start, tmp_path: Path
) -> None:
    file, settings = tmp_path / "shop" / "app.py", tmp_path / "shop" / ".slm-lsp.toml"
    settings.write_text("speed = 3\n")
    wire = start(None)
    assert len(shown := warnings(wire)) == 1
    assert str(settings) in shown[0]
    assert "speed" in shown[0]
    for number in range(10, 13):
        ask(wire, number, file)
    opened(wire, tmp_path / "shop" / "other.py")
    assert warnings(wire) == shown

    settings.write_text("speed = 3\nmodel = 7\n")
    ask(wire, 20, file)
    assert len(warnings(wire)) == 2
    assert "`model`" in warnings(wire)[1]

    settings.write_text("")
    ask(wire, 21, file)
    assert len(warnings(wire)) == 2
    settings.write_text("speed = 3\n")
    ask(wire, 22, file)
    assert warnings(wire)[2:] == shown


def test_statistics_stop_when_the_users_file_says_so(start: Start, environ: dict[str, str], tmp_path: Path) -> None:
    wire = start(None)
    ask(wire, 2, tmp_path / "shop" / "app.py")
    file = Path(environ["XDG_CONFIG_HOME"], "slm-lsp", "config.toml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("statistics = false\n")
    ask(wire, 3, tmp_path / "shop" / "app.py")
    ask(wire, 4, tmp_path / "shop" / "app.py")
    assert counted(wire, environ) == 1
