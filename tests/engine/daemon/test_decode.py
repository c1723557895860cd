"""Tokens are decoded to text: stop strings, characters of several tokens, and the end of an answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.engine.api import FimTokens, Sampling, Stop
from slm_lsp.engine.daemon.decode import Decoder, TextStream, distribution, pick
from slm_lsp.engine.daemon.healing import Healing, Pieces


class Bytes:
    """A vocabulary with one token for each of the 256 bytes; token 256 ends the answer."""

    size = 257
    fim: FimTokens | None = None
    start: tuple[int, ...] = ()

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        return list(text.encode())

    def piece(self, token: int) -> bytes:
        return bytes([token]) if token < 256 else b""

    def ends(self, token: int) -> bool:
        return token == 256


def stream(text: str, stop: Stop, sizes: list[int]) -> tuple[str, bool]:
    """Feed the bytes of `text` in pieces; return the text and whether a stop string was found."""
    feeder, raw, out = TextStream(stop), text.encode(), ""
    while raw:
        size = sizes.pop() if sizes else 1
        more, stopped = feeder.feed(raw[:size])
        out, raw = out + more, raw[size:]
        if stopped:
            return out, True
    return out + feeder.flush(), False


SIZES = st.lists(st.integers(1, 4), max_size=30)


@given(st.text(alphabet="abé🎉 \n;", max_size=30), SIZES)
def test_all_text_is_returned_without_stop_strings(text: str, sizes: list[int]) -> None:
    assert stream(text, Stop(), sizes) == (text, False)


@given(
    st.text(alphabet="ab\n;é", max_size=30),
    st.lists(st.text(alphabet="ab\n;", min_size=1, max_size=3), min_size=1, max_size=3),
    SIZES,
)
def test_text_ends_before_the_first_complete_stop_string(text: str, strings: list[str], sizes: list[int]) -> None:
    out, stopped = stream(text, Stop(tuple(strings)), sizes)
    hits = [(text.find(each) + len(each), text.find(each)) for each in strings if each in text]
    assert stopped == bool(hits)
    assert out == (text[: min(hits)[1]] if hits else text)


def test_with_after_text_a_leading_line_break_is_not_a_stop_string() -> None:
    assert stream("\n    x = 1\ny", Stop(("\n",), after_text=True), []) == ("\n    x = 1", True)
    assert stream("\n    x = 1\ny", Stop(("\n",)), []) == ("", True)


def test_incomplete_character_is_held_back() -> None:
    feeder = TextStream(Stop())
    first, second = "é".encode()[:1], "é".encode()[1:]
    assert feeder.feed(b"a" + first) == ("a", False)
    assert feeder.feed(second) == ("é", False)


def test_beginning_of_a_possible_stop_string_is_held_back() -> None:
    feeder = TextStream(Stop(("END",)))
    assert feeder.feed(b"aEN") == ("a", False)
    assert feeder.feed(b"d") == ("ENd", False)


def logits_for(token: int) -> np.ndarray:
    logits = np.zeros(Bytes.size, dtype=np.float32)
    logits[token] = 10
    return logits


def test_end_token_ends_the_answer() -> None:
    decoder = Decoder(Bytes(), Stop(), max_tokens=9)
    assert decoder.accept(logits_for(ord("a"))).text == "a"
    step = decoder.accept(logits_for(256))
    assert (step.token, step.finish, decoder.generated) == (None, "end", 1)


def test_answer_that_reaches_max_tokens_includes_text_that_was_held_back() -> None:
    decoder = Decoder(Bytes(), Stop(("ab",)), max_tokens=1)
    step = decoder.accept(logits_for(ord("a")))
    assert (step.token, step.text, step.finish) == (None, "a", "length")


@given(st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=50))
def test_log_probabilities_match_the_full_softmax(values: list[float]) -> None:
    logits = np.array(values, dtype=np.float32)
    token, logprob = pick(distribution(logits), Sampling(), np.random.default_rng(0))
    exact = logits.astype(np.float64) - np.log(np.exp(logits.astype(np.float64)).sum())
    assert logits[token] == logits.max()
    assert logprob == pytest.approx(exact[token], abs=1e-4)


def test_sampling_depends_on_the_seed_and_skips_unlikely_tokens() -> None:
    logits = np.array([5.0, 4.8, 4.5, -5.0], dtype=np.float32)
    sampling = Sampling(temperature=1.0)

    def draw(seed: int) -> list[int]:
        random = np.random.default_rng(seed)
        return [pick(distribution(logits), sampling, random)[0] for _ in range(50)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert set(draw(1)) == {0, 1, 2}


def test_reported_entropy_belongs_to_the_first_token() -> None:
    decoder = Decoder(Bytes(), Stop(), max_tokens=9)
    even = np.full(Bytes.size, -100, dtype=np.float32)
    even[[65, 66]] = 1.0
    decoder.accept(even)
    decoder.accept(logits_for(65))
    assert decoder.entropy == pytest.approx(np.log(2), abs=1e-5)


@pytest.mark.parametrize(("end", "finish"), [(9.0, "end"), (2.0, None)])
def test_infill_rule_ends_the_answer_of_an_unsure_model(end: float, finish: str | None) -> None:
    """Ten text tokens are equally likely, and the end token is less likely than each of them."""
    logits = np.full(Bytes.size, -100, dtype=np.float32)
    logits[65:75] = 10.0
    logits[256] = end
    assert Decoder(Bytes(), Stop(), 9, infill_end=True).accept(logits).finish == finish
    assert Decoder(Bytes(), Stop(), 9).accept(logits).finish is None


class TestHealing:
    """The first generated tokens spell the bytes that were removed from the prompt."""

    def decoder(self, forced: bytes) -> Decoder:
        vocabulary = Words()
        return Decoder(vocabulary, Stop(), 9, Healing(forced, lambda: Pieces(vocabulary.size, vocabulary.piece)))

    def test_rest_of_a_longer_token_is_the_answer(self) -> None:
        step = self.decoder(b"ret").accept(likes(b"return", b"x"))
        assert (step.token, step.text) == (Words.WORDS.index(b"return"), "urn")

    def test_token_that_does_not_spell_the_forced_bytes_is_not_chosen(self) -> None:
        step = self.decoder(b"ret").accept(likes(b"x", b"return"))
        assert step.text == "urn"

    def test_several_tokens_can_spell_the_forced_bytes(self) -> None:
        decoder = self.decoder(b"ret")
        assert decoder.accept(likes(b"re", b"x")).text == ""
        assert decoder.accept(likes(b"x", b"ty")).text == "y"
        assert decoder.accept(likes(b"x", b"ty")).text == "x"

    def test_answer_cannot_end_before_the_forced_bytes_are_spelled(self) -> None:
        decoder = self.decoder(b"r")
        assert decoder.accept(likes(b"", b"re")).text == "e"
        assert decoder.accept(likes(b"", b"re")).finish == "end"


class Words(Bytes):
    """A vocabulary of a few words; the empty word ends the answer."""

    WORDS = (b"", b"r", b"re", b"ret", b"return", b"t", b"ty", b"x", b" ", b"    ", "é".encode())
    size = len(WORDS)

    def piece(self, token: int) -> bytes:
        return self.WORDS[token]

    def ends(self, token: int) -> bool:
        return token == 0


def likes(*words: bytes) -> np.ndarray:
    """Return logits in which these words are the likeliest, in this order."""
    logits = np.full(Words.size, -5, dtype=np.float32)
    for rank, word in enumerate(words):
        logits[Words.WORDS.index(word)] = 10 - rank
    return logits
