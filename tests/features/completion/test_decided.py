"""Answers that are stopped early: what is shown is what the whole answer would have shown."""

import json
import math
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slm_lsp.features.completion.around import Surroundings, surroundings
from slm_lsp.features.completion.complete import confidence
from slm_lsp.features.completion.decided import decided, too_unsure
from slm_lsp.features.completion.postprocess import postprocess
from tests.conftest import FIXTURES
from tests.features.completion.test_postprocess import Case, read_cases


def stopped_at(said: str, around: Surroundings) -> int | None:
    """After how many characters an answer is stopped; None if it never is."""
    return next((length for length in range(len(said) + 1) if decided(said[:length], around) is not None), None)


def check_that_stopping_changes_nothing(said: str, around: Surroundings) -> None:
    """For every beginning of an answer at which it is decided, and however the whole answer ends."""
    whole = [postprocess(said, around, whole=each) for each in (True, False)]
    for end in {decided(said[:length], around) for length in range(len(said) + 1)} - {None}:
        early = postprocess(said[:end], around)
        for late in whole:
            assert (early.text, early.over) == (late.text, late.over), (said[:end], early, late)
            assert (early.reason is None) == (late.reason is None)


def around_of(case: Case) -> Surroundings:
    return surroundings(case.document, case.offset, case.notes.get("@", ""))


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.title)
def test_stopping_early_changes_no_case_of_the_filters(case: Case) -> None:
    check_that_stopping_changes_nothing(case.said + "\n    more(1)\n    and_more(2)\n", around_of(case))


LINES = [
    "result = []",
    "result.append(1)",
    "    result.append(1)",
    "return result",
    "return total(rows)",
    "# TODO: write this",
    'password = "kT9xQ2mZ7vB4nR8w"',
    "}",
    ")",
    "",
    "pass",
    "x",
    "if rows:",
    " " * 130,
]
DOCUMENTS = [
    "def total(rows):\n    █\n",
    "def total(rows):\n    █\n    return result\n",
    "def total(rows):█\n    return result\n",
    "def total(rows):\n    result = []\n    █\n    result.append(1)\n",
    "function total(rows) {\n  █\n}\n",
]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(LINES), max_size=9),
    st.sampled_from(DOCUMENTS),
    st.sampled_from(["a.py", "a.js", "a.txt"]),
    st.sampled_from(["", "\n", "    "]),
)
@example(["result.append(1)", "if rows:", "if rows:", "x"] * 2, DOCUMENTS[0], "a.py", "")
def test_stopping_early_never_changes_what_is_shown(lines: list[str], marked: str, path: str, start: str) -> None:
    around = surroundings(marked.replace("█", ""), marked.index("█"), path)
    check_that_stopping_changes_nothing(start + "\n    ".join(lines), around)


@pytest.mark.parametrize(
    ("path", "marked", "said", "at"),
    [
        ("a.py", DOCUMENTS[1], "return result\n    return", "return result\n"),
        ("a.py", DOCUMENTS[0], "result = []\n    result = []\n    result", "result = []\n    result = []\n"),
        ("a.py", DOCUMENTS[0], "# TODO: implement this\n    pass", "# TODO: implement this\n"),
        ("a.py", DOCUMENTS[0], "return total(rows)\n    x = 1", "return total(rows)\n"),
        ("a.py", DOCUMENTS[0], 'password = "kT9xQ2mZ7vB4nR8w"\n    x', 'password = "kT9xQ2mZ7vB4nR8w"\n'),
        ("a.py", DOCUMENTS[0], " " * 150 + "x", " " * 121),
        ("a.py", DOCUMENTS[0], "\n" * 9, "\n" * 7),
    ],
)
def test_an_answer_is_stopped_as_soon_as_the_rest_is_cut_or_all_is_rejected(
    path: str, marked: str, said: str, at: str
) -> None:
    around = surroundings(marked.replace("█", ""), marked.index("█"), path)
    assert stopped_at(said, around) == len(at)


@pytest.mark.parametrize(
    "said",
    [
        "result = []\n    result",
        "result = []\n    for row in rows:\n        result.append(row)\n",
        "return total(rows",
        " ",
    ],
)
def test_an_answer_that_may_still_be_shown_goes_on(said: str) -> None:
    assert stopped_at(said, surroundings("def total(rows):\n    \n", 21, "a.py")) is None


@given(st.lists(st.floats(-20, 0), min_size=1, max_size=40), st.floats(0.01, 1.0), st.data())
def test_an_answer_that_is_stopped_as_too_unsure_could_not_have_been_shown(
    logprobs: list[float], least: float, data: st.DataObject
) -> None:
    said = logprobs[: data.draw(st.integers(1, len(logprobs)))]
    if too_unsure(said, len(logprobs), least):
        sure = confidence(logprobs)
        assert sure is not None
        assert sure < least or math.isclose(sure, least)


def test_an_answer_that_may_still_be_sure_enough_goes_on() -> None:
    assert not too_unsure([math.log(0.5)], 257, 0.75)
    assert too_unsure([math.log(0.5)] * 110, 257, 0.75)
    assert too_unsure([-20.0], 13, 0.75)
    assert not too_unsure([-20.0], 257, 0.0), "a request by hand is answered however unsure"


@dataclass(frozen=True)
class Recorded:
    """What the fast model answered in `fixtures/answers/blocks.json`: the texts of tokens and their logprobs."""

    path: str
    around: Surroundings
    tokens: list[tuple[str, float]]

    @property
    def said(self) -> str:
        return "".join(text for text, _ in self.tokens)

    def stopped_after(self, least: float) -> int:
        """The number of tokens after which the answer is stopped, its end aside."""
        said, logprobs = "", []
        for count, (text, logprob) in enumerate(self.tokens, start=1):
            said += text
            logprobs.append(logprob)
            if decided(said, self.around) is not None or too_unsure(logprobs, len(self.tokens), least):
                return count
        return len(self.tokens)


def recorded() -> list[Recorded]:
    found = []
    for each in json.loads((FIXTURES / "answers" / "blocks.json").read_text()):
        document, offset = each["document"].replace("█", ""), each["document"].index("█")
        around = surroundings(document, offset, each["path"])
        found.append(Recorded(each["path"], around, [(text, logprob) for text, logprob in each["tokens"]]))
    return found


@pytest.mark.parametrize("answer", recorded(), ids=lambda each: each.path)
@pytest.mark.parametrize("least", [0.0, 0.6, 0.75, 0.9])
def test_stopping_early_changes_nothing_of_a_recorded_answer(answer: Recorded, least: float) -> None:
    check_that_stopping_changes_nothing(answer.said, answer.around)
    logprobs = [logprob for _, logprob in answer.tokens]
    if any(too_unsure(logprobs[:count], len(logprobs), least) for count in range(1, len(logprobs) + 1)):
        assert (confidence(logprobs) or 0.0) < least


def test_recorded_answers_are_stopped_where_they_repeat_the_next_line() -> None:
    """`loop.py`: the model writes the line below as its second line, then goes on for 88 tokens."""
    stopped = {each.path: (each.stopped_after(0.0), len(each.tokens)) for each in recorded()}
    assert stopped["loop.py"] == (8, 96)
    assert stopped["double.py"] == (7, 8)
    assert stopped["test_shop.py"] == (256, 256), "it is shown whole"
