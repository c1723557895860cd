"""Stopping generation early shows the same suggestion as the complete answer would."""

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


def stopped_at(answer: str, around: Surroundings) -> int | None:
    """Return the number of characters after which an answer is stopped; None if it is not stopped."""
    return next((length for length in range(len(answer) + 1) if decided(answer[:length], around) is not None), None)


def check_that_stopping_changes_nothing(answer: str, around: Surroundings) -> None:
    """Check that every early stop shows the same text as the complete answer, with and without a token limit."""
    complete = [postprocess(answer, around, whole=each) for each in (True, False)]
    for end in {decided(answer[:length], around) for length in range(len(answer) + 1)} - {None}:
        early = postprocess(answer[:end], around)
        for late in complete:
            assert (early.text, early.over) == (late.text, late.over), (answer[:end], early, late)
            assert (early.reason is None) == (late.reason is None)


def around_of(case: Case) -> Surroundings:
    return surroundings(case.document, case.offset, case.notes.get("@", ""))


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.title)
def test_stopping_early_changes_no_result_of_the_filter_cases(case: Case) -> None:
    check_that_stopping_changes_nothing(case.answer + "\n    more(1)\n    and_more(2)\n", around_of(case))


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
    ("path", "marked", "answer", "kept"),
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
def test_answer_is_stopped_once_filters_cut_the_rest_or_reject_it(
    path: str, marked: str, answer: str, kept: str
) -> None:
    around = surroundings(marked.replace("█", ""), marked.index("█"), path)
    assert stopped_at(answer, around) == len(kept)


@pytest.mark.parametrize(
    "answer",
    [
        "result = []\n    result",
        "result = []\n    for row in rows:\n        result.append(row)\n",
        "return total(rows",
        " ",
    ],
)
def test_answer_that_may_still_be_shown_is_not_stopped(answer: str) -> None:
    assert stopped_at(answer, surroundings("def total(rows):\n    \n", 21, "a.py")) is None


@given(st.lists(st.floats(-20, 0), min_size=1, max_size=40), st.floats(0.01, 1.0), st.data())
def test_answer_stopped_for_low_confidence_could_not_have_been_shown(
    logprobs: list[float], min_confidence: float, data: st.DataObject
) -> None:
    beginning = logprobs[: data.draw(st.integers(1, len(logprobs)))]
    if too_unsure(beginning, len(logprobs), min_confidence):
        sure = confidence(logprobs)
        assert sure is not None
        assert sure < min_confidence or math.isclose(sure, min_confidence)


def test_answer_that_may_still_reach_the_confidence_is_not_stopped() -> None:
    assert not too_unsure([math.log(0.5)], 257, 0.75)
    assert too_unsure([math.log(0.5)] * 110, 257, 0.75)
    assert too_unsure([-20.0], 13, 0.75)
    assert not too_unsure([-20.0], 257, 0.0), "an explicit request has no minimum confidence"


@dataclass(frozen=True)
class Recorded:
    """A recorded answer of the fast model, from `fixtures/answers/blocks.json`."""

    path: str
    around: Surroundings
    tokens: list[tuple[str, float]]
    """Text and log-probability of each token."""

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.tokens)

    def stopped_after(self, min_confidence: float) -> int:
        """Return the number of tokens after which the answer is stopped."""
        answer, logprobs = "", []
        for count, (text, logprob) in enumerate(self.tokens, start=1):
            answer += text
            logprobs.append(logprob)
            if decided(answer, self.around) is not None or too_unsure(logprobs, len(self.tokens), min_confidence):
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
@pytest.mark.parametrize("min_confidence", [0.0, 0.6, 0.75, 0.9])
def test_stopping_early_changes_no_recorded_answer(answer: Recorded, min_confidence: float) -> None:
    check_that_stopping_changes_nothing(answer.text, answer.around)
    logprobs = [logprob for _, logprob in answer.tokens]
    if any(too_unsure(logprobs[:count], len(logprobs), min_confidence) for count in range(1, len(logprobs) + 1)):
        assert (confidence(logprobs) or 0.0) < min_confidence


def test_recorded_answers_are_stopped_where_they_repeat_the_next_line() -> None:
    """In `loop.py` the model's second line repeats the line below the cursor, and 88 more tokens follow."""
    stopped = {each.path: (each.stopped_after(0.0), len(each.tokens)) for each in recorded()}
    assert stopped["loop.py"] == (8, 96)
    assert stopped["double.py"] == (7, 8)
    assert stopped["test_shop.py"] == (256, 256), "the complete answer is shown"
