"""Drafts from a text that is repeated, and how long they should be."""

from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.engine.daemon.prompt_lookup import LENGTHS, DraftCosts, DraftLength, PromptLookup

TOKENS = st.lists(st.integers(0, 6), max_size=40)


def test_an_answer_that_begins_like_the_source_is_drafted_from_its_start() -> None:
    assert PromptLookup([1, 2, 3, 4]).draft([], 3) == [1, 2, 3]


def test_a_draft_goes_on_where_the_answer_stands_in_the_source() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5, 6])
    assert lookup.draft([1, 2], 2) == [3, 4]
    assert lookup.draft([1, 2, 3, 4, 5], 9) == [6]


def test_after_an_insertion_the_source_is_found_again() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5, 6, 7, 8])
    lookup.draft([1, 2, 3], 2)
    assert lookup.draft([1, 2, 3, 90, 91, 92], 2) == []
    assert lookup.draft([1, 2, 3, 90, 91, 92, 4, 5], 2) == [6, 7]


def test_of_equal_places_the_one_where_the_answer_was_going_on_is_taken() -> None:
    lookup = PromptLookup([1, 2, 9, 1, 2, 8, 1, 2, 7])
    lookup.draft([1, 2, 9], 1)
    assert lookup.draft([1, 2, 9, 1, 2], 1) == [8]


def test_what_the_answer_repeats_of_itself_is_drafted_too() -> None:
    lookup = PromptLookup([])
    assert lookup.draft([1, 2, 3, 4, 1, 2], 2) == [3, 4]


def test_a_rename_seen_once_is_drafted_at_the_other_places() -> None:
    key, renamed = [50], [60, 61]
    source = [1, 2, *key, 3, 4, 5, 6, *key, 7, 8, *key, 9]
    lookup = PromptLookup(source)
    said = [1, 2]
    lookup.draft([], 4)
    for token in (*renamed, 3, 4):
        said.append(token)
        draft = lookup.draft(said, 12)
    assert draft == [5, 6, *renamed, 7, 8, *renamed, 9]


def test_after_one_token_in_place_of_another_the_source_goes_on() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5])
    assert lookup.draft([], 5) == [1, 2, 3, 4, 5]
    assert lookup.draft([1, 2, 77], 2) == [4, 5]


@given(st.lists(st.integers(0, 6), max_size=60), st.lists(st.integers(0, 9), max_size=60), st.integers(0, 8))
def test_drafts_are_of_the_wanted_length_whatever_is_said(source: list[int], said: list[int], length: int) -> None:
    lookup = PromptLookup(source)
    for end in range(len(said) + 1):
        assert len(lookup.draft(said[:end], length)) <= length


@given(TOKENS, TOKENS, st.integers(0, 8))
def test_what_is_drafted_was_there_before(source: list[int], said: list[int], length: int) -> None:
    """Not always as one run: what the answer put in place of something is put there again."""
    found = PromptLookup(source).draft(said, length)
    assert len(found) <= length
    assert set(found) <= {*source, *said}


@given(TOKENS, st.data(), st.integers(0, 8))
def test_an_answer_that_repeats_the_source_is_drafted_from_there(
    source: list[int], data: st.DataObject, length: int
) -> None:
    lookup = PromptLookup(source)
    end = data.draw(st.integers(0, len(source)))
    for said in range(end):
        lookup.draft(source[:said], 1)
    assert lookup.draft(source[:end], length) == source[end : end + length]


def test_good_drafts_get_longer_and_bad_ones_stop() -> None:
    good, bad = DraftLength(), DraftLength()
    for _ in range(20):
        good.note(16, 16)
        bad.note(16, 0)
    assert good.best() >= 15
    assert [bad.best() for _ in range(24)].count(0) == 22


def test_drafts_that_became_good_again_get_longer_again() -> None:
    length = DraftLength()
    for _ in range(20):
        length.note(16, 0)
    for _ in range(400):
        drafted = length.best()
        length.note(drafted, drafted)
    assert length.best() >= 15


def test_dear_batches_make_short_drafts() -> None:
    costs = DraftCosts()
    for _ in range(50):
        for length in LENGTHS[1:]:
            costs.note(length + 1, float(length + 1))
    assert DraftLength(costs).best() == 0
