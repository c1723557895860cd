"""What of a file's rows stays when the file changes."""

from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.index.difference import Difference, difference

ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 5)), max_size=8)


@given(ROWS, ROWS)
def test_what_is_left_moved_and_new_is_what_is_wanted(
    before: list[tuple[str, int]], wanted: list[tuple[str, int]]
) -> None:
    found = difference([(number, key, at) for number, (key, at) in enumerate(before)], wanted)
    rows = dict(enumerate(before))
    for number in found.gone:
        del rows[number]
    for number, at in found.moved:
        assert rows[number][1] != at
        rows[number] = rows[number][0], at
    assert sorted([*rows.values(), *(wanted[each] for each in found.fresh)]) == sorted(wanted)


@given(ROWS)
def test_nothing_is_done_where_nothing_changed(rows: list[tuple[str, int]]) -> None:
    assert difference([(number, *row) for number, row in enumerate(rows)], rows) == Difference([], [], [])


def test_a_line_put_in_above_moves_what_is_below() -> None:
    before = [(1, "def a", 0), (2, "def b", 10), (3, "def c", 20)]
    wanted = [("def a", 0), ("import x", 10), ("def b", 11), ("def c", 21)]
    assert difference(before, wanted) == Difference([], [(2, 11), (3, 21)], [1])
