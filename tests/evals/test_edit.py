"""The tasks of `eval edit`, and how edits are judged."""

import json
from pathlib import Path

import pytest

from slm_lsp.errors import UsageError
from slm_lsp.evals.arms import Answered, Attempt, EditedFile, judged
from slm_lsp.evals.edit import ARMS, Result, report
from slm_lsp.evals.edit_tasks import EditTask, load_tasks
from slm_lsp.features.edit.units import Extent, Unit

ROW = {
    "task_id": "EditEval/0",
    "instruction": "Double the number instead of adding 2. ",
    "context": "",
    "input": "def double(x):\n    return x + 2",
    "output": "def double(x):\n    return x * 2",
    "test": "def check():\n    assert double(3) == 6\n",
}
QUOTED = ROW | {
    "context": "edited_code = '''\n{{Code}}\n'''",
    "test": "def check():\n    assert 'x * 2' in edited_code\n",
}
TEXT = "import re\n\ndef double(x):\n    return x + 2\n"
FILE = EditedFile("python", TEXT, Unit(Extent.FUNCTION, "double", TEXT.index("def"), len(TEXT) - 1, 0, widened=False))


def task_of(row: dict[str, str], folder: Path) -> EditTask:
    file = folder / "data.jsonl"
    file.write_text(json.dumps(row) + "\n")
    (found,) = load_tasks(file)
    return found


@pytest.mark.parametrize("row", [ROW, QUOTED], ids=["code", "code in a string"])
async def test_hidden_tests_pass_with_the_solution_only(row: dict[str, str], tmp_path: Path) -> None:
    task = task_of(row, tmp_path)
    assert await task.passes(task.solution)
    assert not await task.passes(task.text)


@pytest.mark.parametrize("content", ["{", '{"task_id": "EditEval/0"}', None])
def test_other_files_are_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "data.jsonl"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError):
        load_tasks(file)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (TEXT.replace("+", "*"), None),
        (f"import os\n{TEXT}".replace("+", "*"), None),
        (f"print()\n{TEXT}".replace("+", "*"), "outside_unit"),
        (TEXT.replace("import re", "print()"), "outside_unit"),
        (TEXT.rstrip("\n"), "outside_unit"),
        (TEXT.replace("x + 2", "(x"), "parse_break"),
        (TEXT.replace("    return", '    """\n```\n"""\n    return'), "fenced"),
    ],
)
async def test_faults_of_an_edit_are_counted(text: str, fault: str | None) -> None:
    async def attempt() -> Answered:
        return Answered(text, 7)

    async def passes(_: str) -> bool:
        return True

    found = await judged(FILE, attempt, passes)
    assert (found.text, found.passed, found.tokens) == (text, True, 7)
    faults = {name for name in ("outside_unit", "parse_break", "fenced") if getattr(found, name)}
    assert faults == ({fault} if fault else set())


def test_report_counts_passed_tasks_and_faults_of_our_edits() -> None:
    results = [
        Result(
            "a", "python", {"bare": Attempt("x", 2.0, passed=True), "ours": Attempt("x", 4.0, passed=True, fenced=True)}
        ),
        Result("b", "c", {"bare": Attempt(None, 2.0, passed=False), "ours": Attempt("x", 2.0, passed=True, tokens=10)}),
    ]
    found = report(results, "model", "ik", 1.0)
    assert (found.n, found.bare.rate, found.ours.rate) == (2, 0.5, 1.0)
    assert (found.ours.mean_s, found.ours.mean_tokens) == (3.0, 5.0)
    assert (found.outside_unit, found.parse_breaks, found.fenced) == (0, 0, 1)
    assert found.passed == {"bare": ["a"], "ours": ["a", "b"]}
    assert set(found.passed) == set(ARMS)
    assert {name: (each.n, each.bare.rate) for name, each in found.languages.items()} == {
        "c": (1, 0.0),
        "python": (1, 1.0),
    }
