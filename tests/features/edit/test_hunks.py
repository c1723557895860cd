"""Minimal changes between two versions of a document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.edit.hunks import apply_hunks, hunks

TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", "\n", "    x = 1\n", "d"]), max_size=12).map("".join)


@given(TEXTS, TEXTS)
def test_all_hunks_together_give_the_new_text(old: str, new: str) -> None:
    assert apply_hunks(old, hunks(old, new)) == new


@given(TEXTS, TEXTS)
def test_applying_no_hunks_changes_nothing(old: str, new: str) -> None:
    assert apply_hunks(old, []) == old
    assert (hunks(old, new) == ()) == (old == new)


@given(TEXTS, TEXTS, st.data())
def test_any_subset_of_the_hunks_can_be_applied(old: str, new: str, data: st.DataObject) -> None:
    found = hunks(old, new)
    chosen = data.draw(st.lists(st.sampled_from(found), unique=True)) if found else []
    both = apply_hunks(old, chosen)
    rejected = [each for each in found if each not in chosen]
    # The old lines of the other hunks are still in the text.
    assert all(each.old in both for each in rejected)


def test_change_of_two_lines_far_apart_makes_two_hunks() -> None:
    old = "".join(f"line {number}\n" for number in range(20))
    found = hunks(old, old.replace("line 3\n", "third\n").replace("line 15\n", "line 15\nnew\n"))
    assert [(each.line, each.old, each.new) for each in found] == [(3, "line 3\n", "third\n"), (16, "", "new\n")]


def test_hunk_for_another_version_is_refused() -> None:
    (hunk,) = hunks("a\nb\n", "a\nc\n")
    with pytest.raises(ValueError, match="line 2 has changed"):
        apply_hunks("a\nx\n", [hunk])
