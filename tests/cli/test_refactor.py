"""`slm-lsp refactor` prints a diff, and changes the file only with `--write`."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from slm_lsp.cli.edits import read_edit_target, unified_diff
from slm_lsp.cli.main import parser
from slm_lsp.cli.stages import StageDisplay
from slm_lsp.cli.testing import checks_with_tests, chosen_test_command, shown
from slm_lsp.errors import UsageError
from slm_lsp.features.edit.propose import Checks
from slm_lsp.features.verify.verdict import Check
from tests.cli.test_commands import run
from tests.sandbox.programs import needs_python, needs_sandbox

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


# The user's tests

TESTS = """import unittest, people
class Tests(unittest.TestCase):
    def test_shout(self): self.assertEqual(people.shout("a"), "A!")
"""
COMMAND = "python3 -m unittest"
GOOD, BAD = (PROGRAM.replace('"!"', new) for new in ("'!'", "'?'"))


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "config"))


@pytest.fixture
def tested(program: Path) -> Path:
    (program.parent / "pyproject.toml").write_text("")
    (program.parent / "test_people.py").write_text(TESTS)
    return program


def checks_of(file: Path, *options: str) -> Checks | None:
    """Return the check of a candidate that the command line makes."""
    args = parser(["refactor"]).parse_args(["refactor", str(file), "-i", "x", *options])
    target = read_edit_target(str(file), None)
    return asyncio.run(checks_with_tests(args, target, "auto", StageDisplay()))


@needs_python
@needs_sandbox
@pytest.mark.usefixtures("own_settings")
class TestOfCandidates:
    """The options `--test` and `--no-test`."""

    def test_candidates_are_checked_with_the_command(self, tested: Path) -> None:
        checks = checks_of(tested, "--test", COMMAND)
        assert checks is not None
        for text, result in ((GOOD, "passed"), (BAD, "failed")):
            (check,) = asyncio.run(checks(text)).checks
            assert (check.check, check.result) == ("tests", result)
        assert tested.read_text() == PROGRAM

    def test_command_is_remembered_for_the_project(self, tested: Path) -> None:
        assert checks_of(tested) is None
        checks_of(tested, "--test", COMMAND)
        assert checks_of(tested) is not None
        assert checks_of(tested, "--no-test") is None
        assert checks_of(tested) is not None

    def test_empty_command_removes_the_remembered_one(self, tested: Path, capsys: pytest.CaptureFixture[str]) -> None:
        checks_of(tested, "--test", COMMAND)
        assert checks_of(tested, "--test", "") is None
        assert "is forgotten" in capsys.readouterr().err
        assert checks_of(tested) is None

    def test_command_that_cannot_run_is_not_remembered(self, tested: Path, capsys: pytest.CaptureFixture[str]) -> None:
        checks = checks_of(tested, "--test", "no-such-runner")
        assert "tests before the edit: not available" in capsys.readouterr().err
        assert checks is not None
        assert asyncio.run(checks(GOOD)).checks[0].result == "not available"
        assert checks_of(tested) is None

    def test_failure_before_the_edit_is_reported(self, tested: Path, capsys: pytest.CaptureFixture[str]) -> None:
        tested.write_text(BAD)
        checks_of(tested, "--test", COMMAND)
        shown = capsys.readouterr().err
        assert "tests before the edit: failed" in shown
        assert "test_shout" in shown
        assert "--no-test" in shown

    def test_tests_of_a_project_do_not_check_a_file_outside_it(self, tested: Path, tmp_path: Path) -> None:
        args = parser(["refactor"]).parse_args(["refactor", str(tested), "-i", "x", "--test", COMMAND])
        (tmp_path / "other").mkdir()
        target = read_edit_target(str(tested), str(tmp_path / "other"))
        with pytest.raises(UsageError, match="is not in"):
            chosen_test_command(args, target)


def test_evidence_of_several_lines_is_indented() -> None:
    assert shown(Check("tests", "failed", "a\nb\nc")) == "tests: failed (a)\n    b\n    c"
    assert shown(Check("parsed", "passed")) == "parsed: passed"


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

    @needs_python
    @needs_sandbox
    def test_verdict_contains_the_tests_and_a_failed_test_prevents_writing(
        self, home: dict[str, str], tested: Path
    ) -> None:
        arguments = ("refactor", f"{tested}:4-5", "-i", "add type hints to the function", "--json", "--write")
        found = run(home, *arguments, "--test", COMMAND)
        report = json.loads(found.stdout)
        results = {each["check"]: each["result"] for each in report["verdict"]}
        others_failed = "failed" in {result for check, result in results.items() if check != "tests"}
        assert report["hunks"], found.stderr
        assert ("tests" in results) is not others_failed
        assert report["applied"] is ("failed" not in results.values())
        if report["applied"]:
            command = ["/usr/bin/python3", "-m", "unittest"]
            assert subprocess.run(command, cwd=tested.parent, check=False, capture_output=True).returncode == 0

    def test_empty_instruction_is_wrong_usage(self, home: dict[str, str], program: Path) -> None:
        found = run(home, "refactor", str(program), "-i", " ")
        assert found.returncode == 2
        assert "The instruction is empty" in found.stderr
