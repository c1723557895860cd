"""Drafts from a text that the answer repeats, and their length."""

from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.engine.daemon.prompt_lookup import LENGTHS, DraftCosts, DraftLength, PromptLookup

TOKENS = st.lists(st.integers(0, 6), max_size=40)


def test_first_draft_is_the_start_of_the_source() -> None:
    assert PromptLookup([1, 2, 3, 4]).draft([], 3) == [1, 2, 3]


def test_draft_continues_the_source_after_the_last_tokens() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5, 6])
    assert lookup.draft([1, 2], 2) == [3, 4]
    assert lookup.draft([1, 2, 3, 4, 5], 9) == [6]


def test_source_is_found_again_after_an_insertion() -> None:
    lookup = PromptLookup([1, 2, 3, 4, 5, 6, 7, 8])
    lookup.draft([1, 2, 3], 2)
    assert lookup.draft([1, 2, 3, 90, 91, 92], 2) == []
    assert lookup.draft([1, 2, 3, 90, 91, 92, 4, 5], 2) == [6, 7]


def test_match_nearest_to_the_expected_position_is_used() -> None:
    lookup = PromptLookup([1, 2, 9, 1, 2, 8, 1, 2, 7])
    lookup.draft([1, 2, 9], 1)
    assert lookup.draft([1, 2, 9, 1, 2], 1) == [8]


def test_repetition_of_the_answer_itself_is_drafted() -> None:
    lookup = PromptLookup([])
    assert lookup.draft([1, 2, 3, 4, 1, 2], 2) == [3, 4]


def test_rename_is_drafted_after_its_first_occurrence() -> None:
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
    """Known replacements may be applied, so a draft need not be a run of the source."""
    found = PromptLookup(source).draft(generated, length)
    assert len(found) <= length
    assert set(found) <= {*source, *generated}


@given(TOKENS, st.data(), st.integers(0, 8))
def test_answer_that_repeats_the_source_is_drafted_exactly(source: list[int], data: st.DataObject, length: int) -> None:
    lookup = PromptLookup(source)
    end = data.draw(st.integers(0, len(source)))
    for generated in range(end):
        lookup.draft(source[:generated], 1)
    assert lookup.draft(source[:end], length) == source[end : end + length]


def test_accepted_drafts_become_longer_and_rejected_ones_stop() -> None:
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
