"""The difference between the stored rows and the new rows of a file."""

from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.index.difference import Difference, difference

ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 5)), max_size=8)


@given(ROWS, ROWS)
def test_applying_the_difference_gives_the_wanted_rows(
    before: list[tuple[str, int]], wanted: list[tuple[str, int]]
) -> None:
    found = difference([(number, key, at) for number, (key, at) in enumerate(before)], wanted)
    rows = dict(enumerate(before))
    for number in found.removed:
        del rows[number]
    for number, at in found.moved:
        assert rows[number][1] != at
        rows[number] = rows[number][0], at
    assert sorted([*rows.values(), *(wanted[each] for each in found.added)]) == sorted(wanted)


@given(ROWS)
def test_equal_rows_give_an_empty_difference(rows: list[tuple[str, int]]) -> None:
    assert difference([(number, *row) for number, row in enumerate(rows)], rows) == Difference([], [], [])


def test_inserting_a_line_moves_the_rows_below() -> None:
    before = [(1, "def a", 0), (2, "def b", 10), (3, "def c", 20)]
    wanted = [("def a", 0), ("import x", 10), ("def b", 11), ("def c", 21)]
    assert difference(before, wanted) == Difference([], [(2, 11), (3, 21)], [1])
