"""When the strong model's answer replaces what is shown."""

import pytest

from slm_lsp.features.completion.refine import Answer, is_better, says_the_same

FAST = Answer("total + 1", 0.85)


def test_a_different_answer_of_the_strong_model_replaces_what_is_shown() -> None:
    assert is_better(FAST, Answer("sum(rows)", 0.95))


@pytest.mark.parametrize(
    ("fast", "strong", "replaced"), [(0.85, 0.76, True), (0.95, 0.96, True), (0.95, 0.94, True), (0.95, 0.9, False)]
)
def test_confidences_are_compared_where_those_of_the_fast_model_are_to_be_trusted(
    fast: float, strong: float, replaced: bool
) -> None:
    assert is_better(Answer("total + 1", fast), Answer("sum(rows)", strong)) is replaced


def test_an_answer_is_shown_where_nothing_was() -> None:
    assert is_better(Answer("", 0.4), Answer("sum(rows)", 0.8))


def test_nothing_replaces_what_is_shown_where_the_strong_model_has_no_answer() -> None:
    assert not is_better(FAST, Answer("", 0.3))
    assert not is_better(Answer("", None), Answer("", None))


@pytest.mark.parametrize("other", ["total + 1", "total+1", "total + 1\n", "total +  1 "])
def test_the_same_answer_in_other_white_space_replaces_nothing(other: str) -> None:
    assert not is_better(FAST, Answer(other, 0.99))


def test_another_indentation_is_another_answer() -> None:
    assert not says_the_same("if x:\n    return 1", "if x:\n        return 1")
    assert not says_the_same("    if x:", "        if x:")
    assert not says_the_same("if x:", "    if x:")
    assert says_the_same("1", " 1")
    assert says_the_same("if x:\n    return 1\n\n    y = 2", "if x: \n    return  1\n  \n    y = 2\n")
