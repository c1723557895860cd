"""`run_plan` rewrites one member after the other, and keeps only edits that pass all checks."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.engine.api import Generate, ModelRef
from slm_lsp.errors import EngineLostError, UsageError
from slm_lsp.features.edit.hunks import hunks
from slm_lsp.features.edit.module.execute import (
    ALREADY,
    GONE,
    ModuleJob,
    ModuleProgress,
    fitting,
    replaced,
    run_plan,
)
from slm_lsp.features.edit.module.journal import Journal, run_key
from slm_lsp.features.edit.module.plan import Plan, Step, check_plan, digest_of, plan_module
from slm_lsp.features.edit.module.result import ModuleResult
from slm_lsp.features.edit.propose import UNCHANGED, Checks
from slm_lsp.features.edit.units import Extent, Unit
from slm_lsp.features.verify.verdict import Check, Verdict
from slm_lsp.index.project import Project
from slm_lsp.languages.registry import languages
from tests.features.edit.module.scripted import Rewriter, documented

PYTHON = languages()["python"]

TEXT = '''"""Names."""

GREETING = "Hello"


def greet(name):
    return f"{GREETING} {shout(name)}"


def shout(name):
    return name.upper()


class Crowd:
    """People."""

    def names(self):
        return ["a", "b"]
'''

DONE = '''"""Names."""

GREETING = "Hello"


def greet(name):
    """Docs."""
    return f"{GREETING} {shout(name)}"


def shout(name):
    """Docs."""
    return name.upper()


class Crowd:
    """People."""

    def names(self):
        """Docs."""
        return ["a", "b"]
'''


def job(instruction: str = "add docstrings", text: str = TEXT, final: Checks | None = None) -> ModuleJob:
    return job_of(plan_module(text, PYTHON, instruction), text, final)


def job_of(plan: Plan, text: str = TEXT, final: Checks | None = None, path: str = "people.py") -> ModuleJob:
    return ModuleJob(Project(None), path, text, PYTHON, plan, ModelRef("/m.gguf"), "auto", final)


def outcomes(result: ModuleResult) -> list[tuple[str, str]]:
    return [(each.step.symbol, each.result) for each in result.steps]


def replacing(old: str, *new: str) -> Callable[[str], Sequence[str]]:
    """Return a rewriting that replaces a text in several ways, one for each candidate."""
    return lambda code: [code.replace(old, each) for each in new]


async def test_every_member_of_the_plan_is_rewritten() -> None:
    result = await run_plan(job(), Rewriter(documented))
    assert result.text == DONE
    assert outcomes(result) == [("greet", "done"), ("shout", "done"), ("Crowd.names", "done")]
    assert all(("goal", "passed") in [(each.check, each.result) for each in step.checks] for step in result.steps)


async def test_edit_with_a_failed_check_leaves_the_code_as_it_was() -> None:
    def rewrite(code: str) -> Sequence[str]:
        return [f"{code}\n    return undefined_name"] if "def shout" in code else documented(code)

    result = await run_plan(job(), Rewriter(rewrite))
    assert outcomes(result) == [("greet", "done"), ("shout", "unchanged"), ("Crowd.names", "done")]
    assert result.text == DONE.replace('shout(name):\n    """Docs."""', "shout(name):")
    assert result.steps[1].reason.startswith("names failed: undefined: undefined_name")
    assert result.steps[1].old == result.steps[1].new == "def shout(name):\n    return name.upper()"


async def test_candidate_that_reaches_the_goal_wins_over_a_smaller_change() -> None:
    def rewrite(code: str) -> Sequence[str]:
        return [f"{code}  # Docs.", *documented(code)]

    assert (await run_plan(job(), Rewriter(rewrite))).text == DONE


async def test_answer_without_a_change_is_reported() -> None:
    result = await run_plan(job("simplify"), Rewriter(lambda code: [code]))
    assert result.text == TEXT
    assert {(each.result, each.reason) for each in result.steps} == {("unchanged", UNCHANGED)}


async def test_step_is_not_run_if_its_goal_is_reached_already() -> None:
    plan = Plan(digest_of(TEXT), "", (Step("Crowd", "add docstrings"), Step("shout", "add docstrings")))
    writer = Rewriter(documented)
    result = await run_plan(job_of(check_plan(plan, TEXT, PYTHON)), writer)
    assert [(each.result, each.reason) for each in result.steps] == [("done", ALREADY), ("done", "")]
    assert writer.codes == ["def shout(name):"]


async def test_member_that_an_earlier_step_renamed_is_not_edited() -> None:
    steps = (Step("Crowd", "rename"), Step("Crowd.names", "add docstrings"))
    plan = check_plan(Plan(digest_of(TEXT), "", steps), TEXT, PYTHON)
    result = await run_plan(job_of(plan), Rewriter(replacing("def names", "def people")))
    assert [(each.result, each.reason) for each in result.steps] == [("done", ""), ("unchanged", GONE)]


async def test_edit_that_breaks_the_tests_is_replaced_by_the_next_candidate() -> None:
    seen: list[str] = []

    async def test(text: str) -> Verdict:
        seen.append(text)
        return Verdict((Check("tests", "failed" if "lower" in text else "passed", "output"),))

    plan = check_plan(Plan(digest_of(TEXT), "", (Step("shout", "change"),)), TEXT, PYTHON)
    writer = Rewriter(replacing("upper()", "missing(", "lower()", "capitalize()"))
    result = await run_plan(job_of(plan, final=test), writer)
    assert result.text == TEXT.replace("upper", "capitalize")
    assert result.steps[0].checks[-1] == Check("tests", "passed", "output")
    assert all("missing(" not in each for each in seen)


async def test_edit_whose_candidates_all_break_the_tests_is_not_kept() -> None:
    async def test(text: str) -> Verdict:
        return Verdict((Check("tests", "failed", "1 failed\nFAILED test_a.py"),))

    plan = check_plan(Plan(digest_of(TEXT), "", (Step("shout", "change"),)), TEXT, PYTHON)
    result = await run_plan(job_of(plan, final=test), Rewriter(replacing("upper", "lower", "title")))
    assert (result.text, result.steps[0].reason) == (TEXT, "tests failed: 1 failed")


async def test_outside_the_planned_members_only_imports_change() -> None:
    text = TEXT.replace("\n", "\r\n")
    plan = check_plan(Plan(digest_of(text), "", (Step("shout", "change"),)), text, PYTHON)
    evil = "import os\n\ndef shout(name):\n    return os.sep\n\nGREETING = 1"
    result = await run_plan(job_of(plan, text), Rewriter(lambda _: [evil]))
    assert result.steps[0].result == "done"
    before, after = text.split("def shout(name):\r\n    return name.upper()")
    code = evil.removeprefix("import os\n\n").replace("\n", "\r\n")
    assert result.text == before.replace('"""Names."""', '"""Names."""\r\n\r\nimport os') + code + after


async def test_member_that_is_too_long_for_the_model_is_left_as_it_is() -> None:
    body = "".join(f"    number_{number} = {number}\n" for number in range(300))
    text = f"def long():\n{body}\n\ndef short():\n    return 1\n"
    writer = Rewriter(documented, context_tokens=2048)
    result = await run_plan(job(text=text), writer)
    assert outcomes(result) == [("long", "unchanged"), ("short", "done")]
    assert "301 lines, which is too long" in result.steps[0].reason
    assert writer.codes == ["def short():"]


@pytest.mark.parametrize(
    ("characters", "context", "candidates"), [(300, 8192, 4), (6000, 8192, 1), (3000, 8192, 3), (30_000, 8192, 0)]
)
def test_number_of_candidates_depends_on_the_length_of_the_code(characters: int, context: int, candidates: int) -> None:
    found = fitting(characters, 20, context)
    assert (0 if found is None else found[0]) == candidates
    if found is not None:
        assert found[0] * found[1] + characters / 3 < 0.9 * context


async def test_file_with_secrets_is_refused() -> None:
    with pytest.raises(UsageError, match="does not read it"):
        await run_plan(job_of(plan_module(TEXT, PYTHON, "simplify"), path=".env"), Rewriter(documented))


async def test_member_with_a_secret_is_not_read_and_the_others_are() -> None:
    text = f'{TEXT}\n\ndef login():\n    return connect(password="Kx9!vQ2#mL8zTr4w")\n'
    writer = Rewriter(documented)
    result = await run_plan(job(text=text), writer)
    assert outcomes(result)[-1] == ("login", "unchanged")
    assert "contains a key or password" in result.steps[-1].reason
    assert len(writer.requests) == 3


class Ending(Rewriter):
    """Fails or hangs at the request with this number."""

    def __init__(self, number: int, error: Exception | None = None) -> None:
        super().__init__(documented)
        self.number, self.error = number, error
        self.reached = asyncio.Event()

    async def before_answer(self, request: Generate) -> None:
        if len(self.requests) == self.number:
            self.reached.set()
            if self.error is not None:
                raise self.error
            await asyncio.Event().wait()


def journal_of(folder: Path, this: ModuleJob) -> Journal:
    return Journal(folder / "journal.db", run_key(folder / "people.py", this.plan))


async def test_cancelled_run_continues_after_its_last_finished_step(tmp_path: Path) -> None:
    this, ending = job(), Ending(3)
    with closing(journal_of(tmp_path, this)) as journal:
        running = asyncio.create_task(run_plan(this, ending, journal))
        await ending.reached.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert [each.step.symbol for each in journal.finished()] == ["greet", "shout"]
    writer, seen = Rewriter(documented), []
    with closing(journal_of(tmp_path, this)) as journal:
        result = await run_plan(this, writer, journal, ModuleProgress(on_result=seen.append))
    assert (result.text, result.resumed, result.done) == (DONE, 2, 3)
    assert writer.codes == ["def names(self):"]
    assert seen == list(result.steps)


async def test_finished_steps_are_kept_if_the_model_process_ends(tmp_path: Path) -> None:
    this = job()
    with closing(journal_of(tmp_path, this)) as journal:
        with pytest.raises(EngineLostError):
            await run_plan(this, Ending(2, EngineLostError("The engine ended.")), journal)
        result = await run_plan(this, Rewriter(documented), journal)
    assert (result.text, result.resumed) == (DONE, 1)


async def test_finished_run_is_repeated_from_the_journal_without_the_model(tmp_path: Path) -> None:
    this = job()
    with closing(journal_of(tmp_path, this)) as journal:
        first = await run_plan(this, Rewriter(documented), journal)
        writer = Rewriter(documented)
        second = await run_plan(this, writer, journal)
    assert (second.text, second.steps, writer.requests) == (first.text, first.steps, [])


async def test_steps_of_a_journal_that_does_not_fit_the_text_are_run_again(tmp_path: Path) -> None:
    this = job()
    other = job(text=TEXT.replace("upper", "lower"))
    with closing(Journal(tmp_path / "journal.db", "same")) as journal:
        await run_plan(this, Rewriter(documented), journal)
        result = await run_plan(other, Rewriter(documented), journal)
    assert result.resumed == 1  # `greet` is the same in both texts
    assert result.text == DONE.replace("upper", "lower")


async def test_progress_counts_steps_and_estimates_the_remaining_time() -> None:
    steps: list[tuple[int, str, bool]] = []
    texts: list[str] = []

    def on_step(number: int, step: Step, left_s: float | None) -> None:
        steps.append((number, step.symbol, left_s is not None))

    await run_plan(job(), Rewriter(documented), None, ModuleProgress(on_step=on_step, on_text=texts.append))
    assert steps == [(0, "greet", False), (1, "shout", True), (2, "Crowd.names", True)]
    assert texts[0].startswith("def greet(name):\n")


@given(st.text("ab\n"), st.text("ab\n"), st.text("ab\n"), st.text("ab\n"), st.text("ab\n"))
def test_recorded_piece_contains_the_unit_and_all_changes(
    above: str, new_above: str, unit: str, new_unit: str, below: str
) -> None:
    old, new = above + unit + below, new_above + new_unit + below
    place = Unit(Extent.FUNCTION, "f", len(above), len(above) + len(unit), len(above), widened=False)
    start, before, after = replaced(old, new, hunks(old, new), place)
    assert old[start : start + len(before)] == before
    assert old[:start] + after + old[start + len(before) :] == new
    assert start <= place.start <= place.end <= start + len(before)
