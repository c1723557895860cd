"""slm-lsp's own tasks for `eval fix` and `eval edit`: the tests detect each bug, and no file is already changed."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from slm_lsp.errors import UsageError
from slm_lsp.evals.own_tasks import ROOT, BugTask, RefactoringTask, load_bugs, load_refactorings

BUGS, REFACTORINGS = load_bugs(), load_refactorings()
PROGRAMS = {"python": "python3", "javascript": "node", "java": "javac", "c": "gcc", "perl": "perl"}
PROJECTS = {each.project.name: each for each in BUGS}


def needs(language: str) -> None:
    if shutil.which(PROGRAMS[language]) is None:
        pytest.skip(f"needs {PROGRAMS[language]}")


def test_there_are_enough_tasks_in_five_languages() -> None:
    assert len(BUGS) >= 60
    assert len(REFACTORINGS) >= 60
    assert set(Counter(each.project.language for each in REFACTORINGS)) == set(PROGRAMS)


def test_names_are_unique() -> None:
    for tasks in (BUGS, REFACTORINGS):
        names = [each.name for each in tasks]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", PROJECTS)
async def test_correct_project_passes_its_tests(name: str) -> None:
    task = PROJECTS[name]
    needs(task.language)
    text = task.project.read(task.path)
    assert await task.project.visible_passes(task.path, text)
    assert await task.passes_hidden(text)


@pytest.mark.parametrize("task", BUGS, ids=lambda each: each.name)
async def test_the_tests_of_a_project_detect_its_bug(task: BugTask) -> None:
    needs(task.language)
    unit = task.unit
    assert task.text[: unit.start] + task.text[unit.end :] != task.text
    assert not await task.passes_hidden(task.text)
    assert await task.project.visible_passes(task.path, task.text) is not task.bug.visible


@pytest.mark.parametrize("task", REFACTORINGS, ids=lambda each: each.name)
def test_the_file_is_not_already_changed(task: RefactoringTask) -> None:
    assert task.unit is None or task.refactoring.symbol
    assert not task.changed_as_told(task.text)


def test_missing_tasks_are_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="source repository"):
        load_bugs(tmp_path)


def test_text_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "shop", tmp_path / "shop")
    file = tmp_path / "shop" / "tasks.toml"
    file.write_text(
        'language = "javascript"\ntest = "true"\nhidden_test = "true"\n'
        '[[bugs]]\nname = "a"\nfile = "src/cart.js"\nsymbol = "Cart.add"\nright = "return"\nwrong = ""\n'
    )
    with pytest.raises(UsageError, match="exactly once"):
        load_bugs(tmp_path)
