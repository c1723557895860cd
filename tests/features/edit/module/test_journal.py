"""The journal records the finished steps of a run."""

from contextlib import closing
from pathlib import Path

import pytest

from slm_lsp.features.edit.module.journal import KEPT_S, Journal, run_key
from slm_lsp.features.edit.module.plan import Plan, Step
from slm_lsp.features.edit.module.result import ModuleResult, StepResult, summary, time_left_s
from slm_lsp.features.verify.verdict import Check

FIRST = StepResult(Step("f", "simplify", "function", 1, 4), "done", old="a", new="b", seconds=8.0, generated_tokens=9)
SECOND = StepResult(
    Step("g", "simplify"), "unchanged", "names failed: x", (Check("names", "failed", "x"),), 7, old="c", new="c"
)


def test_finished_steps_are_found_by_the_next_process(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "new" / "journal.db", "run")) as journal:
        journal.add(0, FIRST)
        journal.add(1, SECOND)
    with closing(Journal(tmp_path / "new" / "journal.db", "run")) as journal:
        assert journal.finished() == [FIRST, SECOND]
    with closing(Journal(tmp_path / "new" / "journal.db", "another run")) as journal:
        assert journal.finished() == []


def test_steps_after_a_missing_step_do_not_count(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "journal.db", "run")) as journal:
        journal.add(0, FIRST)
        journal.add(2, SECOND)
        assert journal.finished() == [FIRST]


def test_only_the_user_can_read_the_journal(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "folder" / "journal.db", "run")) as journal:
        journal.add(0, FIRST)
        assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
        assert all(not each.stat().st_mode & 0o077 for each in (tmp_path / "folder").iterdir())


def test_cleared_run_leaves_no_code_in_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    secret = StepResult(Step("f", "simplify"), "done", old="def very_special_name(): ...")
    with closing(Journal(path, "run")) as journal:
        journal.add(0, secret)
        journal.clear()
        assert journal.finished() == []
    assert b"very_special_name" not in path.read_bytes()


def test_old_runs_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(Journal(path, "old", lambda: 0.0)) as journal:
        journal.add(0, FIRST)
    with closing(Journal(path, "recent", lambda: KEPT_S - 1)) as journal:
        journal.add(0, FIRST)
    Journal(path, "recent", lambda: KEPT_S + 1).close()
    for run, steps in (("old", []), ("recent", [FIRST])):
        with closing(Journal(path, run, lambda: KEPT_S + 1)) as journal:
            assert journal.finished() == steps


@pytest.mark.parametrize("content", [b"not a database" * 100, b""])
def test_damaged_journal_is_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with closing(Journal(path, "run")) as journal:
        journal.add(0, FIRST)
        assert journal.finished() == [FIRST]


def test_failed_write_is_reported_and_does_not_stop_the_run(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db", "run")
    journal.close()
    journal.add(0, FIRST)
    assert journal.problem is not None


def test_run_is_identified_by_file_plan_and_conditions(tmp_path: Path) -> None:
    plan, other = Plan("0", "simplify", (FIRST.step,)), Plan("1", "simplify", (FIRST.step,))
    keys = [
        run_key(tmp_path / "a.py", plan, "auto"),
        run_key(tmp_path / "b.py", plan, "auto"),
        run_key(tmp_path / "a.py", other, "auto"),
        run_key(tmp_path / "a.py", plan, "strong"),
    ]
    assert len(set(keys)) == len(keys)
    assert run_key(tmp_path / "." / "a.py", plan, "auto") == keys[0]


def test_remaining_time_is_proportional_to_the_lines() -> None:
    assert time_left_s([FIRST, SECOND], [Step("h", "simplify", "function", 10, 29)]) == pytest.approx(40.0)
    assert time_left_s([SECOND], [FIRST.step]) is None


def test_summary_says_what_was_not_done_and_why() -> None:
    assert summary(ModuleResult("", (FIRST, SECOND))) == (
        "done       f",
        "unchanged  g: names failed: x",
        "1 of 2 steps done",
    )
