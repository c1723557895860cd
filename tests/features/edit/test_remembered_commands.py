"""Test commands are remembered for each project, and only in the user's own folder."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slm_lsp.config import WORKSPACE_FILE, load_settings
from slm_lsp.errors import UsageError
from slm_lsp.features.edit.test_commands import commands_file, remember, remembered


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_command_is_remembered_for_its_project_only(project: Path, tmp_path: Path) -> None:
    assert remembered(project) is None
    remember(project, " pytest -q ")
    assert remembered(project) == "pytest -q"
    assert remembered(tmp_path) is None
    remember(project, "make test")
    assert remembered(project) == "make test"


def test_project_is_found_through_a_link(project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project)
    remember(tmp_path / "link", "make test")
    assert remembered(project) == "make test"


def test_empty_command_removes_the_remembered_one(project: Path, tmp_path: Path) -> None:
    remember(project, "make test")
    remember(tmp_path, "tox")
    remember(project, " ")
    assert (remembered(project), remembered(tmp_path)) == (None, "tox")


def test_only_the_user_can_read_the_file(project: Path) -> None:
    remember(project, "API_TOKEN=x make test")
    assert stat.S_IMODE(commands_file().stat().st_mode) == 0o600


def test_commands_that_are_remembered_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: remember(tmp_path / str(number), f"test {number}"), range(24)))
    assert [remembered(tmp_path / str(number)) for number in range(24)] == [f"test {number}" for number in range(24)]
    assert sorted(each.name for each in commands_file().parent.iterdir()) == [
        "test-commands.json",
        "test-commands.lock",
    ]


@pytest.mark.parametrize("content", ["not json", "[1]", '{"a": 1}'])
def test_damaged_file_is_reported_and_kept(project: Path, content: str) -> None:
    commands_file().parent.mkdir(parents=True)
    commands_file().write_text(content)
    for action in (lambda: remembered(project), lambda: remember(project, "x")):
        with pytest.raises(UsageError, match="Correct or delete the file"):
            action()
    assert commands_file().read_text() == content


@pytest.mark.parametrize("key", ["test", "tests", "test_command", "test_commands", "test-command"])
def test_settings_of_a_workspace_cannot_set_the_command(project: Path, key: str) -> None:
    (project / WORKSPACE_FILE).write_text(f'{key} = "touch /tmp/owned"\n')
    (project / "test-commands.json").write_text(json.dumps({str(project): "touch /tmp/owned"}))
    assert remembered(project) is None
    settings = load_settings(project, environ={}, user=project / "none.toml")
    assert any(f"there is no setting `{key}`" in each for each in settings.problems)
