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


def test_the_same_seed_gives_the_same_trial(tried: Trial) -> None:
    assert trial(tried.task, PROBLEMS, seed=3) == tried


def test_what_is_typed_begins_the_line_behind_its_indentation_and_leaves_a_rest(tried: Trial) -> None:
    line = tried.task.missing
    assert line.startswith(tried.typed)
    assert len(line) - len(line.lstrip()) <= len(tried.typed) < len(line.rstrip())


def test_the_cursor_is_behind_what_is_typed_and_the_task_is_all_round_it(tried: Trial) -> None:
    cursor, task = tried.cursor, tried.task
    assert cursor.text[: cursor.offset].endswith(task.prefix + tried.typed)
    assert cursor.text[cursor.offset :].startswith(task.suffix)


def test_other_programs_stand_before_and_behind_and_the_answer_does_not(tried: Trial) -> None:
    text = tried.cursor.text
    assert text.count("def times") == 6
    assert text.count(f"def {tried.task.entry_point}(") == 1


def test_earlier_less_of_the_line_was_typed(tried: Trial) -> None:
    earlier, cursor = tried.earlier, tried.cursor
    assert earlier.offset < cursor.offset
    assert earlier.text == cursor.text[: earlier.offset] + cursor.text[cursor.offset :]


def test_the_cursor_came_from_a_few_lines_away(tried: Trial) -> None:
    there, here = tried.elsewhere, tried.cursor
    assert there.text == here.text
    assert 3 <= abs(there.text.count("\n", 0, there.offset) - here.text.count("\n", 0, here.offset)) <= 6


def test_cuts_are_spread_over_the_line() -> None:
    task = TASKS[0]
    cuts = {len(trial(task, PROBLEMS, seed).typed) for seed in range(300)}
    indentation = len(task.missing) - len(task.missing.lstrip())
    assert cuts == set(range(indentation, len(task.missing)))
