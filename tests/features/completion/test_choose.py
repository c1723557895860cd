"""Candidates in documents of several languages are checked for faults and ranked."""

import argparse
import inspect
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.choose import Candidate, Fault, Site, compared, ranked
from slm_lsp.languages.registry import languages

PYTHON = """import math
from os import path as where


def area(radius, scale=1):
    total = 0
    for each in range(radius):
        total += each
    ▌
    return total


class Shape:
    def name(self):
        return "shape"
"""


def site(marked: str = PYTHON, path: str = "a.py", **more: object) -> Site:
    """Return a site whose cursor is at the mark."""
    before, after = marked.split("▌")
    return Site(surroundings(before + after, len(before), path), **more)  # type: ignore[arg-type]


def candidate(text: str, likelihood: float = -1.0, finish: str = "end") -> Candidate:
    return Candidate(text, (likelihood,), finish)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("total *= scale", Fault.NONE),
        ("total = math.pow(radius, 2)", Fault.NONE),
        ("total = where.join(str(total))", Fault.NONE),
        ("total = sum(one for one in range(3) if one)", Fault.NONE),
        ("total = max([1], key=lambda item: -item)", Fault.NONE),
        ("with open('x') as file: total = file.read()", Fault.NONE),
        ("new_name = Shape()", Fault.NONE),
        ("if total > 3:", Fault.NONE),
        ("total = max(1,", Fault.NONE),
        ("print(total, frobnicate)", Fault.UNKNOWN_NAME),
        ("total = frobnicate(total)", Fault.UNKNOWN_NAME),
        ("total = 1)", Fault.BROKEN),
        ("def = 3", Fault.BROKEN),
        ("# the rest", Fault.NO_CODE),
        ("", Fault.EMPTY),
        ("   ", Fault.EMPTY),
    ],
)
def test_fault_of_a_line_is_found(text: str, fault: Fault) -> None:
    assert site().fault(text) is fault


def test_greedy_candidate_wins_unless_another_is_clearly_better() -> None:
    greedy = candidate("total = 1", -2.0)
    for other, wins in ((candidate("total = 2", -1.8), False), (candidate("total = 2", -1.7), True)):
        best = ranked([greedy, other], site())[0].candidate
        assert best == (other if wins else greedy)
        assert ranked([greedy, other], site(), greedy_first=False)[0].candidate == other


def test_likelihood_of_a_stopped_line_includes_the_probability_that_it_ends() -> None:
    tokens = (-0.1, -2.0)
    end = math.log(1 - math.exp(-2.0))
    assert Candidate("if total", tokens, "stop").likelihood == pytest.approx(-0.1 + end)
    assert Candidate("if total:", tokens, "stop", merged=True).likelihood == pytest.approx(-2.1 + end)
    assert Candidate("if total:", tokens, "end").likelihood == pytest.approx(-2.1)


def test_longer_candidates_lower_the_likelihood_of_a_shorter_one() -> None:
    """The line probably does not end after `c * c`, because the model continues with `or` at a probability of 0.65."""
    longer = Candidate("c * c or d", (-0.01, math.log(0.65), -0.02, -0.03), "end")
    shorter = Candidate("c * c", (-0.01, math.log(0.17)), "stop")
    other = Candidate("c + c", (-4.0, -0.1, -0.1), "end")
    _, found, _ = compared([longer, shorter, other])
    assert found.continuation_mass == pytest.approx(0.65)
    assert found.likelihood == pytest.approx(-0.01 + math.log(1 - 0.17 - 0.65))
    assert ranked([longer, shorter], site())[0].candidate == longer
    assert ranked([longer, shorter], site())[1].candidate == found
    assert compared([shorter], unfinished=[(-0.01, math.log(0.65))])[0] == found


def test_comment_within_a_comment_is_no_fault() -> None:
    assert site(PYTHON.replace("▌", "# the ▌")).fault("# rest") is Fault.NONE


def test_name_that_the_project_defines_is_known() -> None:
    looked_up: list[str] = []

    def is_known(name: str) -> bool:
        looked_up.append(name)
        return name == "frobnicate"

    assert site(is_known=is_known).fault("total = frobnicate(other)") is Fault.UNKNOWN_NAME
    assert looked_up == ["frobnicate", "other"]
    assert site(is_known=is_known).fault("total = frobnicate(total)") is Fault.NONE


def test_partly_typed_name_is_checked_as_a_whole() -> None:
    assert site(PYTHON.replace("▌", "total = frob▌")).fault("nicate(total)") is Fault.UNKNOWN_NAME
    assert site(PYTHON.replace("▌", "total = rad▌")).fault("ius + 1") is Fault.NONE
    assert site(PYTHON.replace("total = 0", "größé = 0")).fault("total = größé + 1") is Fault.NONE


def test_names_are_not_checked_with_a_wildcard_import_or_without_a_list_of_builtins() -> None:
    assert site("from tools import *\n" + PYTHON).fault("total = frobnicate(total)") is Fault.NONE
    assert site("int main(void) {\n    ▌\n}\n", "a.c").fault('printf("%d", 3);') is Fault.NONE


def test_existing_syntax_errors_are_no_fault_of_a_candidate() -> None:
    assert site("def f(:\n    x = (\n    ▌\n").fault("return 1") is Fault.NONE


@pytest.mark.parametrize(
    ("path", "marked", "good", "unknown", "broken"),
    [
        (
            "a.ts",
            "function area(radius: number): number {\n  ▌\n}\n",
            "return Math.PI * radius;",
            "return frobnicate(radius);",
            "return radius);",
        ),
        (
            "a.js",
            "const parts = [];\nfor (const one of parts) {\n  ▌\n}\n",
            "console.log(one, { key: parts });",
            "console.log(other);",
            "console.log(one]);",
        ),
    ],
)
def test_faults_are_found_if_builtins_are_known(path: str, marked: str, good: str, unknown: str, broken: str) -> None:
    found = site(marked, path)
    assert [found.fault(each) for each in (good, unknown, broken)] == [Fault.NONE, Fault.UNKNOWN_NAME, Fault.BROKEN]


def test_likeliest_candidate_without_faults_comes_first() -> None:
    found = ranked(
        [
            candidate("# first a comment", -0.1),
            candidate("total = frobnicate(total)", -0.2),
            candidate("total  =  2", -1.5),
            candidate("total = 2", -1.0),
            candidate("total = 3", -2.0),
        ],
        site(),
    )
    assert [each.candidate.text for each in found] == [
        "total = 2",
        "total = 3",
        "total = frobnicate(total)",
        "# first a comment",
    ]


def test_candidate_that_the_model_ended_itself_wins_over_a_cut_one() -> None:
    """The tokens of `if total:` are likelier, but the model would have continued after the stop string."""
    cut = Candidate("if total:", (-0.4, -0.01), "stop")
    complete = Candidate("total = abs(total)", (-0.8, -0.3), "end")
    assert [each.candidate for each in ranked([cut, complete], site())] == [complete, cut]
    assert cut.likelihood < -4


@given(
    st.lists(st.floats(-20, 0, exclude_max=True), min_size=1, max_size=8),
    st.sampled_from(["end", "stop", "length", None]),
)
def test_candidate_is_at_most_as_likely_as_each_of_its_beginnings(logprobs: list[float], finish: str | None) -> None:
    whole = Candidate("x", tuple(logprobs), finish)  # type: ignore[arg-type]
    for length in range(len(logprobs)):
        assert whole.likelihood <= sum(logprobs[:length]) + 1e-9


def test_ranking_keeps_one_candidate_per_text_without_whitespace() -> None:
    texts = ["a = 1", "a  = 1", "b = 2", "# c", "", "a = 1\n"]
    found = ranked([candidate(text, -number - 1.0) for number, text in enumerate(texts)], site())
    assert {"".join(each.candidate.text.split()) for each in found} == {"a=1", "b=2", "#c", ""}
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_ranking_eight_candidates_in_a_thousand_lines_is_fast() -> None:
    """`docs/evals.md` has the measured time. The limit is higher here, because other programs run during tests."""
    text = "".join(inspect.getsource(argparse).splitlines(keepends=True)[:1000])
    at = text.index("\n", len(text) // 2) + 1
    lines = [
        "return self",
        "parts = [p]",
        "if a:",
        "value = frobnicate(x)",
        "add(y=2)",
        "for i in x:",
        "raise x",
        "x = (",
    ]
    candidates = [candidate("        " + line, -number - 1.0) for number, line in enumerate(lines)]
    durations = []
    for _ in range(5):
        start = time.thread_time()
        ranked(candidates, Site(surroundings(text, at, "a.py")))
        durations.append(time.thread_time() - start)
    assert min(durations) < 0.1


def test_builtins_are_listed_only_for_languages_whose_imports_list_all_names() -> None:
    assert {name for name, language in languages().items() if language.builtins} == {
        "javascript",
        "python",
        "tsx",
        "typescript",
    }
