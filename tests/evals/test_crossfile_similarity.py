"""Similarity of an answer to the wanted line, and confidence intervals of paired differences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.evals.similarity import distance, edit_similarity, exact, paired_difference


def of_table(both: int, first: int, second: int, neither: int) -> tuple[float, float]:
    """Return the interval for these numbers of pairs.

    Args:
        both: number of pairs in which both ways passed.
        first: number of pairs in which only the first way passed.
        second: number of pairs in which only the second way passed.
        neither: number of pairs in which neither way passed.
    """
    one = [True] * (both + first) + [False] * (second + neither)
    other = [True] * both + [False] * first + [True] * second + [False] * neither
    return paired_difference(one, other)


def test_trailing_whitespace_is_ignored() -> None:
    assert exact("x = 1 ", "x = 1")
    assert not exact(" x = 1", "x = 1")
    assert edit_similarity("x = 1\t", "x = 1") == 1.0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("abcd", "badc", 3)],
)
def test_distance_is_the_levenshtein_distance(one: str, other: str, expected: int) -> None:
    assert distance(one, other) == distance(other, one) == expected


def test_similarity_is_relative_to_the_longer_text() -> None:
    assert edit_similarity("kitten", "sitting") == pytest.approx(4 / 7)
    assert edit_similarity("", "") == 1.0
    assert edit_similarity("", "abc") == 0.0


@given(st.text("ab", max_size=8), st.text("ab", max_size=8), st.text("ab", max_size=8))
def test_distance_is_a_metric(a: str, b: str, c: str) -> None:
    assert distance(a, c) <= distance(a, b) + distance(b, c)
    assert (distance(a, b) == 0) == (a == b)


def test_paired_interval_matches_published_values() -> None:
    # Newcombe 1998, Statistics in Medicine 17, pages 2635-2650, method 10.
    assert of_table(36, 12, 2, 0) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    # Altman, Machin, Bryant, Gardner, "Statistics with confidence", 2nd edition, table 6.2: 0.01 to 0.23.
    assert of_table(14, 5, 0, 22) == pytest.approx((0.01, 0.23), abs=5e-3)


def test_swapping_both_ways_negates_the_interval() -> None:
    low, high = of_table(20, 9, 3, 68)
    assert of_table(20, 3, 9, 68) == pytest.approx((-high, -low))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_interval_contains_the_difference(pairs: list[tuple[bool, bool]]) -> None:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    low, high = paired_difference(first, second)
    difference = (sum(first) - sum(second)) / len(pairs)
    assert -1 <= low <= difference + 1e-12
    assert difference - 1e-12 <= high <= 1


def test_interval_without_pairs_is_minus_one_to_one() -> None:
    assert paired_difference([], []) == (-1.0, 1.0)
