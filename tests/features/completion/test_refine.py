"""The strong model's answer replaces the fast model's suggestion only if it is probably better."""

import pytest

from slm_lsp.features.completion.refine import ModelAnswer, is_better, same_code

FAST = ModelAnswer("total + 1", 0.85)


def test_different_answer_of_the_strong_model_replaces_the_suggestion() -> None:
    assert is_better(FAST, ModelAnswer("sum(rows)", 0.95))


@pytest.mark.parametrize(
    ("fast", "strong", "replaced"), [(0.85, 0.76, True), (0.95, 0.96, True), (0.95, 0.94, True), (0.95, 0.9, False)]
)
def test_confidences_are_compared_if_the_fast_model_is_confident(fast: float, strong: float, replaced: bool) -> None:
    assert is_better(ModelAnswer("total + 1", fast), ModelAnswer("sum(rows)", strong)) is replaced


def test_answer_of_the_strong_model_is_shown_if_the_fast_model_has_none() -> None:
    assert is_better(ModelAnswer("", 0.4), ModelAnswer("sum(rows)", 0.8))


def test_suggestion_stays_if_the_strong_model_has_no_answer() -> None:
    assert not is_better(FAST, ModelAnswer("", 0.3))
    assert not is_better(ModelAnswer("", None), ModelAnswer("", None))


@pytest.mark.parametrize("other", ["total + 1", "total+1", "total + 1\n", "total +  1 "])
def test_answer_that_differs_only_in_whitespace_replaces_nothing(other: str) -> None:
    assert not is_better(FAST, ModelAnswer(other, 0.99))


def test_answer_with_other_indentation_is_different() -> None:
    assert not same_code("if x:\n    return 1", "if x:\n        return 1")
    assert not same_code("    if x:", "        if x:")
    assert not same_code("if x:", "    if x:")
    assert same_code("1", " 1")
    assert same_code("if x:\n    return 1\n\n    y = 2", "if x: \n    return  1\n  \n    y = 2\n")
