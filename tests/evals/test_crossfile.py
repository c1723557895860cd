"""`eval crossfile`: the report, the budget of the snippets, and the command."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from slm_lsp.config import CompletionSettings, Settings
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.signals import SIGNALS
from slm_lsp.context.snippets import Snippet
from slm_lsp.engine.api import ModelRef
from slm_lsp.evals import ring
from slm_lsp.evals.crossfile import Case, Report, allowed, no_snippets, report, run
from slm_lsp.evals.crossfile_tasks import Task, choose
from slm_lsp.evals.packages import PACKAGES
from slm_lsp.routing.policy import Choice
from tests.conftest import engines
from tests.evals import shop

SMALL = CompletionSettings(prefix_tokens=100, suffix_tokens=50)
"""Small budgets, because the tiny model has one token per byte."""


def case(**answers: str) -> Case:
    return Case("shop", "a.py", 3, "x = ", "rounded(1)", "rounded", "b.py", answers, dict.fromkeys(answers, ()))


def snippet(path: str, characters: int) -> Snippet:
    return Snippet(path, "x" * (characters - len(path) - 1), "made", 1.0)


def test_report_counts_all_tasks_and_the_lines_gained_and_lost() -> None:
    won = case(none="rounded(2)", ring="", ours="rounded(1) ", siblings="rounded(1)")
    lost = case(none="rounded(1)", ring="rounded(1)", ours="round", siblings="rounded(1)")
    found = report([won, won, won, lost], ("none", "ring", "ours", "siblings"), "tiny", "ik", 1000, 1.0)
    assert found.ours == msgspec.convert({"exact": 0.75, "similarity": 0.875}, type(found.ours))
    assert found.none
    assert found.none.exact == 0.25
    assert found.none.similarity == pytest.approx((3 * 0.9 + 1) / 4)
    assert found.lift_over_none == found.lift_over_ring == 0.5
    low, high = found.ci95["lift_over_none"]
    assert low < 0 < 0.5 < high
    assert found.ablation["siblings"].exact == 1.0
    text = "\n".join(found.lines())
    assert "ours - ring: +0.500" in text
    assert "(3 lines gained, 1 lost)" in text
    assert "ours without siblings" in text


def test_tokens_of_snippets_are_reported_by_way() -> None:
    small, large = ({"none": 0.0, "ours": tokens} for tokens in (100.0, 700.0))
    cases = [msgspec.structs.replace(case(none="", ours=""), tokens=each) for each in (small, small, large)]
    found = report(cases, ("none", "ours"), "tiny", "ik", 1000, 1.0)
    assert {way: (each.mean, each.median) for way, each in found.context_tokens.items()} == {"ours": (300.0, 100.0)}
    assert "tokens of other files, ours: mean 300, median 100" in "\n".join(found.lines())


def test_ways_that_were_not_run_are_absent() -> None:
    found = report([case(none="", ring="rounded(1)")], ("none", "ring"), "tiny", "ik", 1000, 1.0)
    output = json.loads(msgspec.json.encode(found))
    assert output["ring"] == {"exact": 1.0, "similarity": 1.0}
    assert output["none"] == {"exact": 0.0, "similarity": 0.0}
    assert output["name"] == "crossfile"
    assert not output.keys() & {"ours", "lift_over_none", "lift_over_ring", "ci95", "ablation"}
    assert "ours" not in "\n".join(found.lines())


def test_lift_of_zero_is_reported() -> None:
    found = report([case(none="rounded(1)", ours="rounded(1)")], ("none", "ours"), "tiny", "ik", 1000, 1.0)
    assert json.loads(msgspec.json.encode(found))["lift_over_none"] == 0.0


def test_snippets_respect_the_budget_and_exclude_the_file_itself() -> None:
    first, second, own = snippet("a.py", 299), snippet("b.py", 299), snippet("here.py", 299)
    assert allowed([first, own, second], "here.py", 202) == (first, second)
    assert allowed([first, second], "here.py", 201) == (second,)
    assert allowed([first, second], "here.py", 0) == ()


async def test_tasks_are_completed_in_all_ways_and_kept_answers_are_used_again(
    home: dict[str, str], tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    project = shop.project(tmp_path)
    cursors: list[Cursor] = []

    def ours(task: Task, cursor: Cursor) -> Sequence[Snippet]:
        cursors.append(cursor)
        return [
            Snippet(task.path, task.text, "the answer itself", 1.0),
            Snippet("shop/money.py", "Price\n", "made", 1.0),
        ]

    ways = {"none": no_snippets, "ring": ring.source([project], 100, 1), "ours": ours, "again": ours}
    tasks = choose([project], 2, seed=1)
    progress: list[tuple[int, int]] = []
    kept = tmp_path / "answers.jsonl"

    async def evaluate() -> Report:
        choice = Choice(ModelRef.of(tiny_model), "tiny", None, "made")
        on_progress = lambda done, of: progress.append((done, of))  # noqa: E731
        return await run(choice, tasks, ways, Settings(completion=SMALL), 100, on_progress, kept)

    found = await evaluate()
    assert progress == [(1, 2), (2, 2)]
    assert (found.n, found.model, found.budget_tokens) == (2, "tiny", 100)
    for each, task in zip(found.cases, tasks, strict=True):
        assert (each.path, each.line, each.wanted) == (task.path, task.line, task.wanted)
        assert each.answers.keys() == {"none", "ring", "ours", "again"}
        assert all("\n" not in answer for answer in each.answers.values())
        assert each.answers["ours"] == each.answers["again"]
        assert each.snippets["none"] == ()
        assert each.snippets["ours"] == ("shop/money.py",)
        assert set(each.snippets["ring"]) <= set(task.opened)
    assert all(cursor.text[cursor.offset] == "\n" for cursor in cursors)
    assert found.ablation.keys() == {"again"}
    assert engines(home) == []
    lines = kept.read_text().splitlines()
    with kept.open("a") as file:
        file.write('["broken off')
    again = await evaluate()
    assert again.cases == found.cases
    assert kept.read_text().splitlines()[: len(lines)] == lines, "an answer was generated again"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "slm_lsp.cli.main", "eval", "crossfile", *arguments]


def test_command_runs_on_cached_packages(home: dict[str, str], tiny_model: Path) -> None:
    cache = Path(home["XDG_CACHE_HOME"]) / "slm-lsp" / "evals"
    for package in PACKAGES:
        shop.project(cache / package.folder)
    environ = home | {
        "PIP_NO_INDEX": "1",
        "SLM_LSP_COMPLETION_PREFIX_TOKENS": "100",
        "SLM_LSP_COMPLETION_SUFFIX_TOKENS": "50",
    }
    arguments = command("--tasks", "5", "--first", "3", "--budget", "100", "--ablation", "--model", str(tiny_model))
    found = subprocess.run(
        [*arguments, "--json"], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stderr
    output = json.loads(found.stdout)
    assert (output["name"], output["n"], output["budget_tokens"]) == ("crossfile", 3, 100)
    assert len(output["cases"]) == 3
    assert output.keys() >= {"none", "ring", "ours", "model", "lift_over_none", "lift_over_ring"}
    assert output["ablation"].keys() == set(SIGNALS)
    assert engines(home) == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--tasks", "0"), "--tasks must be at least 1."),
        (("--budget", "-1"), "--budget must be at least 0."),
        (("--first", "0"), "--first must be at least 1."),
    ],
)
def test_usage_error_is_reported_before_anything_is_downloaded(
    home: dict[str, str], arguments: tuple[str, ...], error: str
) -> None:
    found = subprocess.run(command(*arguments), env=home, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert error in found.stderr
