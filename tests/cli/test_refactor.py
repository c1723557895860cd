"""`slm-lsp refactor` prints a diff, and changes the file only with `--write`."""

import json
import subprocess
from pathlib import Path

import pytest

from slm_lsp.cli.refactor import read_edit_target, unified_diff
from slm_lsp.errors import UsageError
from tests.cli.test_commands import run

PROGRAM = '''"""Names of people."""


def shout(name):
    return name.upper() + "!"


def greet(names):
    return [shout(each) for each in names]
'''


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    file = tmp_path / "project" / "people.py"
    file.write_text(PROGRAM)
    return file


@pytest.mark.parametrize(
    ("lines", "selected"),
    [
        ("", PROGRAM),
        (":4-5", 'def shout(name):\n    return name.upper() + "!"'),
        (":5-5", '    return name.upper() + "!"'),
        (":5", ""),
    ],
)
def test_lines_are_counted_from_1_and_the_last_line_is_included(program: Path, lines: str, selected: str) -> None:
    target = read_edit_target(f"{program}{lines}", None)
    assert target.file.text[slice(*target.selection)] == selected


@pytest.mark.parametrize("lines", [":9-4", ":1-99", ":99"])
def test_lines_outside_the_file_are_refused(program: Path, lines: str) -> None:
    with pytest.raises(UsageError, match="Invalid lines"):
        read_edit_target(f"{program}{lines}", None)


def test_workspace_that_is_not_a_folder_is_refused(program: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        read_edit_target(str(program), str(program.parent / "missing"))


@pytest.mark.parametrize(("old", "new"), [("a\nb\n", "a\nc\n"), ("a", "b"), ("a\n", "a"), ("a\r\nb\r\n", "a\r\nc\r\n")])
def test_diff_can_be_applied_by_patch(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "x.py").write_bytes(old.encode())
    diff = unified_diff("x.py", old, new)
    command = ["git", "apply", "-p1", "-"]
    subprocess.run(command, cwd=tmp_path, input=diff.encode(), check=True, capture_output=True)
    assert (tmp_path / "x.py").read_bytes() == new.encode()


@pytest.mark.real_model
class TestWithModel:
    """The command with the real fast model. The tests check what must be true for every answer."""

    def test_file_changes_only_with_write(self, home: dict[str, str], program: Path) -> None:
        found = run(home, "refactor", f"{program}:5", "-i", "add type hints to the function", "--json")
        report = json.loads(found.stdout)
        assert program.read_text() == PROGRAM
        assert report.keys() == {"hunks", "verdict", "applied", "model", "tier", "reason", "timing", "tokens"}
        assert report["applied"] is False
        assert (found.returncode == 1) == (report["hunks"] == [])
        for hunk in report["hunks"]:
            assert hunk["path"] == "people.py"
            assert 4 <= hunk["range"]["start"]["line"] <= hunk["range"]["end"]["line"] <= 6
            assert "```" not in hunk["new"]

    def test_write_changes_only_the_selected_function(self, home: dict[str, str], program: Path) -> None:
        found = run(home, "refactor", f"{program}:4-5", "-i", "add a docstring", "--write", "--json")
        report = json.loads(found.stdout)
        assert report["applied"] is (found.returncode == 0)
        assert program.read_text().endswith(PROGRAM[PROGRAM.index("\n\n\ndef greet") :])
        assert (program.read_text() == PROGRAM) is not report["applied"]

    def test_empty_instruction_is_wrong_usage(self, home: dict[str, str], program: Path) -> None:
        found = run(home, "refactor", str(program), "-i", " ")
        assert found.returncode == 2
        assert "The instruction is empty" in found.stderr
