"""The tasks of `eval fix`, how attempts are judged, and what is reported."""

import json
from pathlib import Path

import pytest

from slm_lsp.errors import UsageError
from slm_lsp.evals.arms import Attempt
from slm_lsp.evals.fix import ARMS, Result, report
from slm_lsp.evals.fix_tasks import FixTask, load_tasks
from slm_lsp.harness.tasks import spread

ROW = {
    "task_id": "Python/0",
    "prompt": "def double(x):\n",
    "buggy_solution": "    return x + 2\n",
    "test": "assert double(3) == 6",
    "example_test": "assert double(2) == 4",
    "entry_point": "double",
    "canonical_solution": "    return x * 2\n",
}


@pytest.fixture
def task(tmp_path: Path) -> FixTask:
    file = tmp_path / "data.jsonl"
    file.write_text(json.dumps(ROW) + "\n")
    (found,) = load_tasks(file)
    return found


async def test_hidden_tests_tell_a_fix_from_the_bug(task: FixTask) -> None:
    assert (await task.passes(task.text, task.visible_tests)).ok
    assert not (await task.passes(task.text, task.hidden_tests)).ok
    assert (await task.passes(task.text.replace("+", "*"), task.hidden_tests)).ok


async def test_failed_assertion_of_javascript_ends_the_program() -> None:
    task = FixTask("JavaScript/0", "javascript", "", "", "f", "console.assert(1 === 2)", "")
    outcome = await task.passes("", task.hidden_tests)
    if outcome.why is not None:
        pytest.skip("needs node")
    assert not outcome.ok


@pytest.mark.parametrize("content", ["{", '{"task_id": "Python/0"}', None])
def test_other_files_are_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "data.jsonl"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError):
        load_tasks(file)


def test_fewer_tasks_are_spread_evenly_over_the_data(task: FixTask) -> None:
    tasks = [FixTask(str(number), "python", "", "", "f", "", "") for number in range(10)]
    assert [each.name for each in spread(tasks, 3)] == ["0", "3", "6"]
    assert spread(tasks, None) == tasks


def test_report_has_rates_by_arm_and_language() -> None:
    def attempts(*fixed: bool) -> dict[str, Attempt]:
        return {arm: Attempt("x", 2.0, each) for arm, each in zip(ARMS, fixed, strict=True)}

    results = [
        Result("a", "python", attempts(True, True, True)),
        Result("b", "python", attempts(False, False, True)),
        Result("c", "java", attempts(False, True, True)),
    ]
    found = report(results, "model", "ik", 1.0)
    assert (found.n, found.bare.rate, found.ours.rate, found.ours_tests.rate) == (3, 1 / 3, 2 / 3, 1.0)
    assert found.ratio_tests == pytest.approx(3.0)
    assert found.bare.mean_s == 2.0
    assert {name: each.n for name, each in found.languages.items()} == {"python": 2, "java": 1}
    assert found.fixed["ours_tests"] == ["a", "b", "c"]
