"""HumanEval tasks in a larger file, with their three cursor positions."""

import pytest

from slm_lsp.evals.humaneval import Problem, Task, choose
from slm_lsp.evals.trials import Trial, trial


def problem(number: int) -> Problem:
    return Problem(
        task_id=f"Made/{number}",
        prompt=f'def times{number}(x):\n    """x, {number} times."""\n',
        canonical_solution=f"    if x:\n        return {number} * x\n    return 0\n",
        test="def check(candidate):\n    assert candidate(0) == 0\n",
        entry_point=f"times{number}",
    )


PROBLEMS = [problem(number) for number in range(8)]
TASKS = choose(PROBLEMS, 24, seed=3)


@pytest.fixture(params=TASKS, ids=lambda task: task.name)
def tried(request: pytest.FixtureRequest) -> Trial:
    task: Task = request.param
    return trial(task, PROBLEMS, seed=3)


def test_same_seed_gives_the_same_trial(tried: Trial) -> None:
    assert trial(tried.task, PROBLEMS, seed=3) == tried


def test_typed_part_contains_the_indentation_and_not_the_whole_line(tried: Trial) -> None:
    line = tried.task.missing
    assert line.startswith(tried.typed)
    assert len(line) - len(line.lstrip()) <= len(tried.typed) < len(line.rstrip())


def test_cursor_is_after_the_typed_part_inside_the_task(tried: Trial) -> None:
    cursor, task = tried.cursor, tried.task
    assert cursor.text[: cursor.offset].endswith(task.prefix + tried.typed)
    assert cursor.text[cursor.offset :].startswith(task.suffix)


def test_text_contains_other_programs_but_not_the_answer(tried: Trial) -> None:
    text = tried.cursor.text
    assert text.count("def times") == 6
    assert text.count(f"def {tried.task.entry_point}(") == 1


def test_earlier_cursor_has_less_of_the_line_typed(tried: Trial) -> None:
    earlier, cursor = tried.earlier, tried.cursor
    assert earlier.offset < cursor.offset
    assert earlier.text == cursor.text[: earlier.offset] + cursor.text[cursor.offset :]


def test_cursor_elsewhere_is_a_few_lines_away_in_the_same_text(tried: Trial) -> None:
    there, here = tried.elsewhere, tried.cursor
    assert there.text == here.text
    assert 3 <= abs(there.text.count("\n", 0, there.offset) - here.text.count("\n", 0, here.offset)) <= 6


def test_every_length_of_the_typed_part_occurs() -> None:
    task = TASKS[0]
    cuts = {len(trial(task, PROBLEMS, seed).typed) for seed in range(300)}
    indentation = len(task.missing) - len(task.missing.lstrip())
    assert cuts == set(range(indentation, len(task.missing)))
