"""Token healing: which tokens are removed from the prompt, and which tokens can replace them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.engine.daemon.healing import Pieces, cut

WORDS = (b"", b"r", b"re", b"ret", b"return", b"t", b"u", b"x", b" ", b"    ", b" re", b"\xff", b"\xff\xff")


def piece(token: int) -> bytes:
    return WORDS[token]


PIECES = Pieces(len(WORDS), piece)


def tokens(*words: bytes) -> list[int]:
    return [WORDS.index(word) for word in words]


@pytest.mark.parametrize(
    ("typed", "kept", "forced"),
    [
        ([], 0, b""),
        ([b"x"], 0, b"x"),
        ([b"x", b"t"], 1, b"t"),
        ([b"re", b"t"], 0, b"ret"),
        ([b"x", b"re", b"t", b"u"], 1, b"retu"),
        ([b"x", b" "], 1, b" "),
        ([b" ", b"r"], 0, b" r"),
    ],
)
def test_tokens_that_may_begin_a_longer_token_are_removed(typed: list[bytes], kept: int, forced: bytes) -> None:
    assert cut(tokens(*typed), PIECES, piece) == (kept, forced)


@given(st.lists(st.sampled_from(WORDS[1:]), max_size=8))
def test_kept_tokens_and_forced_bytes_make_the_typed_text(typed: list[bytes]) -> None:
    kept, forced = cut(tokens(*typed), PIECES, piece)
    assert b"".join(typed[:kept]) + forced == b"".join(typed)
    assert kept < len(typed) or not typed


def fits(word: bytes, forced: bytes) -> bool:
    return bool(word) and (word.startswith(forced) or forced.startswith(word))


@given(st.lists(st.sampled_from(WORDS[1:]), min_size=1, max_size=3).map(b"".join))
def test_all_and_only_tokens_that_can_spell_the_forced_bytes_are_found(forced: bytes) -> None:
    found: Sequence[int] = PIECES.fitting(forced).tolist()
    assert sorted(found) == [token for token, word in enumerate(WORDS) if fits(word, forced)]


@given(st.lists(st.sampled_from(WORDS[1:]), min_size=1, max_size=2).map(b"".join))
def test_longer_token_is_detected(beginning: bytes) -> None:
    assert PIECES.begins_one(beginning) == any(w.startswith(beginning) and w != beginning for w in WORDS)
