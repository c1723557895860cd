"""Drafts are copied from a text that the answer repeats, and their length follows their success."""

from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.engine.daemon.prompt_lookup import LENGTHS, DraftCosts, DraftLength, PromptLookup

TOKENS = st.lists(st.integers(0, 6), max_size=40)


def test_first_draft_is_the_start_of_the_source() -> None:
    assert PromptLookup([1, 2, 3, 4]).draft([], 3) == [1, 2, 3]


def test_draft_contains_the_source_tokens_after_the_last_generated_ones() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5, 6])
    assert lookup.draft([1, 2], 2) == [3, 4]
    assert lookup.draft([1, 2, 3, 4, 5], 9) == [6]


def test_drafts_continue_when_the_answer_returns_to_the_source_after_an_insertion() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5, 6, 7, 8])
    lookup.draft([1, 2, 3], 2)
    assert lookup.draft([1, 2, 3, 90, 91, 92], 2) == []
    assert lookup.draft([1, 2, 3, 90, 91, 92, 4, 5], 2) == [6, 7]


def test_of_several_matches_the_one_nearest_to_the_expected_position_is_used() -> None:
    lookup = PromptLookup([1, 2, 9, 1, 2, 8, 1, 2, 7])
    lookup.draft([1, 2, 9], 1)
    assert lookup.draft([1, 2, 9, 1, 2], 1) == [8]


def test_without_a_source_drafts_are_copied_from_the_answer_itself() -> None:
    lookup = PromptLookup([])
    assert lookup.draft([1, 2, 3, 4, 1, 2], 2) == [3, 4]


def test_after_one_replaced_name_the_draft_contains_the_same_replacement() -> None:
    key, renamed = [50], [60, 61]
    source = [1, 2, *key, 3, 4, 5, 6, *key, 7, 8, *key, 9]
    lookup = PromptLookup(source)
    generated = [1, 2]
    lookup.draft([], 4)
    for token in (*renamed, 3, 4):
        generated.append(token)
        draft = lookup.draft(generated, 12)
    assert draft == [5, 6, *renamed, 7, 8, *renamed, 9]


def test_draft_continues_after_one_replaced_token() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5])
    assert lookup.draft([], 5) == [1, 2, 3, 4, 5]
    assert lookup.draft([1, 2, 77], 2) == [4, 5]


@given(st.lists(st.integers(0, 6), max_size=60), st.lists(st.integers(0, 9), max_size=60), st.integers(0, 8))
def test_draft_never_exceeds_the_length(source: list[int], generated: list[int], length: int) -> None:
    lookup = PromptLookup(source)
    for end in range(len(generated) + 1):
        assert len(lookup.draft(generated[:end], length)) <= length


@given(TOKENS, TOKENS, st.integers(0, 8))
def test_draft_contains_only_tokens_of_the_source_and_the_answer(
    source: list[int], generated: list[int], length: int
) -> None:
    """A draft may differ from the source, because replacements of the answer are applied to it."""
    found = PromptLookup(source).draft(generated, length)
    assert len(found) <= length
    assert set(found) <= {*source, *generated}


@given(TOKENS, st.data(), st.integers(0, 8))
def test_draft_of_an_answer_that_repeats_the_source_is_the_rest_of_the_source(
    source: list[int], data: st.DataObject, length: int
) -> None:
    lookup = PromptLookup(source)
    end = data.draw(st.integers(0, len(source)))
    for generated in range(end):
        lookup.draft(source[:generated], 1)
    assert lookup.draft(source[:end], length) == source[end : end + length]


def test_drafts_become_longer_when_accepted_and_rare_when_rejected() -> None:
    good, bad = DraftLength(), DraftLength()
    for _ in range(20):
        good.note(16, 16)
        bad.note(16, 0)
    assert good.best() >= 15
    assert [bad.best() for _ in range(24)].count(0) == 22


def test_drafts_become_longer_again_when_accepted_again() -> None:
    length = DraftLength()
    for _ in range(20):
        length.note(16, 0)
    for _ in range(400):
        drafted = length.best()
        length.note(drafted, drafted)
    assert length.best() >= 15


def test_expensive_batches_make_drafts_shorter() -> None:
    costs = DraftCosts()
    for _ in range(50):
        for length in LENGTHS[1:]:
            costs.note(length + 1, float(length + 1))
    assert DraftLength(costs).best() == 0
