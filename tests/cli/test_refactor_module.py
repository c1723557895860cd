"""`slm-lsp refactor` plans and refactors whole modules."""

import ast
import json
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from slm_lsp.cli.main import main
from tests.cli.test_commands import run
from tests.conftest import heed_interrupts

PROGRAM = '''"""Prices."""


def with_tax(price):
    return price + tax(price)


def tax(price):
    # The rate is 20 %.
    return price * 0.2


def total(prices):
    """Return the sum."""
    return sum(with_tax(each) for each in prices)
'''


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    file = tmp_path / "project" / "prices.py"
    file.write_text(PROGRAM)
    return file


def test_plan_is_printed_as_toml(home: dict[str, str], program: Path) -> None:
    found = run(home, "refactor", str(program), "-i", "add docstrings", "--plan")
    assert found.returncode == 0
    plan = tomllib.loads(found.stdout)
    assert [each["symbol"] for each in plan["step"]] == ["with_tax", "tax"]
    assert {each["instruction"] for each in plan["step"]} == {"add docstrings"}


def test_plan_as_json_names_the_lines(home: dict[str, str], program: Path) -> None:
    report = json.loads(run(home, "refactor", str(program), "-i", "add type hints", "--plan", "--json").stdout)
    assert report.keys() == {"path", "sha256", "steps", "notes"}
    assert report["steps"][0] == {
        "symbol": "tax",
        "extent": "function",
        "lines": [8, 10],
        "instruction": "add type hints",
    }


def test_plan_file_is_written_and_never_overwritten(home: dict[str, str], program: Path, tmp_path: Path) -> None:
    plan = tmp_path / "PLAN.toml"
    command = ["refactor", str(program), "-i", "add docstrings", "--plan", "-o", str(plan)]
    assert run(home, *command).returncode == 0
    written = plan.read_text()
    assert tomllib.loads(written)["format"] == 1
    again = run(home, *command)
    assert (again.returncode, plan.read_text()) == (2, written)
    assert "exists already" in again.stderr


@pytest.mark.parametrize("mode", ["--plan", "--module"])
def test_reason_is_printed_if_no_member_needs_the_edit(home: dict[str, str], program: Path, mode: str) -> None:
    found = run(home, "refactor", str(program), "-i", "split long functions", mode)
    assert (found.returncode, found.stdout) == (1, "")
    assert "No function has more than 40 lines." in found.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "either an instruction or a rule"),
        (["--module"], "No instruction"),
        (["-i", "x", "--run", "PLAN.toml"], "-i is not allowed"),
        (["-i", "x", "-o", "PLAN.toml"], "-o needs --plan"),
        (["-i", "x", "--plan", "--write"], "--plan changes no file"),
        (["-i", "x", "--restart"], "--restart needs"),
        (["-i", "x", "--plan", "--module"], "not allowed with"),
        (["-i", " ", "--module"], "instruction is empty"),
        (["--run", "missing.toml"], "missing.toml cannot be read"),
    ],
)
def test_contradicting_options_are_wrong_usage(
    capsys: pytest.CaptureFixture[str], program: Path, options: list[str], message: str
) -> None:
    try:
        code = main(["refactor", str(program), *options])
    except SystemExit as error:  # argparse
        code = error.code  # type: ignore[assignment]
    assert code == 2
    assert message in capsys.readouterr().err


def test_lines_are_refused_for_a_whole_module(capsys: pytest.CaptureFixture[str], program: Path) -> None:
    assert main(["refactor", f"{program}:4-5", "-i", "simplify", "--module"]) == 2
    assert "lines are not allowed" in capsys.readouterr().err


def test_plan_of_a_changed_file_is_refused(home: dict[str, str], program: Path, tmp_path: Path) -> None:
    plan = tmp_path / "PLAN.toml"
    run(home, "refactor", str(program), "-i", "add docstrings", "--plan", "-o", str(plan))
    program.write_text(PROGRAM + "\n")
    found = run(home, "refactor", str(program), "--run", str(plan), "--write")
    assert found.returncode == 1
    assert "changed since the plan was made" in found.stderr


@pytest.mark.real_model
@pytest.mark.usefixtures("fast_model")
class TestWithModel:
    """The command with the real fast model. The tests check what must be true for every answer."""

    def test_steps_are_checked_written_once_and_summarized(self, home: dict[str, str], program: Path) -> None:
        shown = json.loads(run(home, "refactor", str(program), "-i", "add docstrings", "--module", "--json").stdout)
        assert program.read_text() == PROGRAM
        assert shown.keys() == {
            "steps", "notes", "hunks", "applied", "resumed", "model", "tier", "timing", "tokens",
        }  # fmt: skip
        assert [each["symbol"] for each in shown["steps"]] == ["with_tax", "tax"]
        done = [each for each in shown["steps"] if each["result"] == "done"]
        assert all({"check": "goal", "result": "passed"}.items() <= each["verdict"][-1].items() for each in done)
        assert all(each["reason"] for each in shown["steps"] if each not in done)
        assert bool(shown["hunks"]) is bool(done)

        found = run(home, "refactor", str(program), "-i", "add docstrings", "--module", "--json", "--write")
        written = json.loads(found.stdout)
        assert found.returncode == (0 if len(done) == 2 else 3 if done else 1)
        # The second run takes all results from the journal of the first.
        assert (written["resumed"], written["hunks"]) == (2, shown["hunks"])
        assert written["applied"] is bool(done)
        assert "Continuing an earlier run: 2 of 2 steps" in found.stderr
        assert without_docstrings(program.read_text()) == without_docstrings(PROGRAM)
        assert (program.read_text() != PROGRAM) is bool(done)

    def test_interrupted_run_says_how_to_continue(self, home: dict[str, str], program: Path) -> None:
        functions = "\n\n".join(f"def f{each}(value):\n    return value + {each}\n" for each in range(4))
        program.write_text(functions)
        arguments = ["refactor", str(program), "-i", "add docstrings", "--module", "--json", "--write"]
        command = [sys.executable, "-m", "slm_lsp.cli.main", *arguments]
        process = subprocess.Popen(
            command,
            env=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heed_interrupts,
        )
        journal = Path(home["XDG_CACHE_HOME"]) / "slm-lsp" / "refactor" / "journal.db-wal"
        deadline_s = time.monotonic() + 100
        while not (journal.exists() and b"def f1" in journal.read_bytes()) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, notes = process.communicate(timeout=60)
        assert (process.returncode, program.read_text()) == (130, functions)
        assert "steps are finished and kept. Run the same command again" in notes
        continued = json.loads(run(home, *arguments).stdout)
        assert 2 <= continued["resumed"] < 4
        assert len(continued["steps"]) == 4
        assert without_docstrings(program.read_text()) == without_docstrings(functions)


def without_docstrings(text: str) -> str:
    """Return Python code without comments, docstrings and formatting."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
