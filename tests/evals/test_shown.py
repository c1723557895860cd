"""`eval shown`: which suggestions are right, and the report."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slm_lsp.context.cursor import Cursor
from slm_lsp.evals.shown import Run, is_right, judge, report
from slm_lsp.evals.shown_places import FILES, Spot, choose
from slm_lsp.features.completion.complete import UNSURE, Completion, Timing, Tokens, refused
from slm_lsp.features.completion.skip import IN_WORD
from tests.conftest import engines


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("sum(rows) / 2", True),
        ("sum(rows)/2", True),
        ("sum(rows)", True),
        ("sum(rows) / 2\n    print(total)", True),
        ("sum(rows) / 2\n    return", False),
        ("sum(ro", False),
        ("su", False),
        ("sum(lines) / 2", False),
    ],
)
def test_suggestion_is_right_if_the_file_continues_with_it(text: str, right: bool) -> None:
    assert is_right(text, "sum(rows) / 2", "\n    print(total)\n") == right


def test_positions_are_in_five_languages_and_reproducible() -> None:
    spots = choose(330, 1)
    assert len(spots) >= 300
    assert len({spot.language for spot in spots}) >= 5
    assert {spot.cursor.path for spot in spots} == set(FILES)
    assert spots == choose(330, 1)
    assert len(choose(100, 1)) == 100
    for spot in spots:
        text, at = spot.cursor.text, spot.cursor.offset
        assert text[at:] == spot.following
        assert spot.rest.strip()


def spot() -> Spot:
    before, after = "def f(rows):\n    total = ", "\n    print(total)\n"
    return Spot("python", Cursor("s", "a.py", before + after, len(before)), "sum(rows) / 2", after, 2)


def completion(text: str, confidence: float = 0.9) -> Completion:
    at = spot().cursor.offset
    return Completion(text, at, at, None, confidence, "ik", Timing(0, 0, None, 5.0), Tokens(0, 0, 0))


def test_report_counts_shown_and_right_suggestions() -> None:
    cases = [
        judge(spot(), completion("sum(rows) / 2")),
        judge(spot(), completion("len(rows)")),
        judge(spot(), completion("max(rows)", 0.2)),
        judge(spot(), completion("1\n    print(total)")),
        judge(spot(), completion("f(]")),
        judge(spot(), refused(spot().cursor, IN_WORD)),
    ]
    found = report(cases, Run("small", 0.5, "ik", ["a", "b", "b", "b", "b"]))
    assert (found.precision, found.coverage) == (1 / 4, 4 / 6)
    assert (found.duplicated_suffix, found.parse_breaks) == (1, 1)
    assert (found.saved, found.wanted) == (13, 6 * 13)
    assert found.by_language == {"python": (6, 4, 1)}
    assert found.reasons == {UNSURE: 1, IN_WORD: 1}
    assert found.curve["0"] == (0.2, 0.833)
    assert found.models == {"a": 1, "b": 4}
    assert list(found.lines())


def test_command_runs_on_the_tiny_model(home: dict[str, str], tiny_model: Path) -> None:
    environ = home | {"SLM_LSP_COMPLETION_PREFIX_TOKENS": "150", "SLM_LSP_COMPLETION_SUFFIX_TOKENS": "100"}
    arguments = [sys.executable, "-m", "slm_lsp.cli.main", "eval", "shown", "--tasks", "6", "--model", str(tiny_model)]

    def run(*more: str) -> str:
        found = subprocess.run(
            [*arguments, *more], env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert found.returncode == 0, found.stderr
        return found.stdout

    output = json.loads(run("--json"))
    assert (output["name"], output["n"], output["model"]) == ("shown", 6, str(tiny_model))
    answered = [each for each in output["cases"] if each["milliseconds"] > 0]
    assert output["models"] == {tiny_model.stem: len(answered)}
    assert output.keys() >= {"precision", "coverage", "duplicated_suffix", "parse_breaks", "saved"}
    assert f"answered by  {tiny_model.stem}: {len(answered)}" in run()
    assert engines(home) == []
