"""From logits to text: the choice of a token, text that is certain, and the end of an answer. Holds no cells."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slm_lsp.engine.backend import Vocabulary
from slm_lsp.engine.backend.base import Logits
from slm_lsp.engine.protocol import Finish, Stop


@dataclass(frozen=True, slots=True)
class Step:
    """What one set of logits led to."""

    token: int | None
    """The token to evaluate next; None at the end."""
    text: str
    """What became certain: never a part of a character, nor of what may become a stop string."""
    logprob: float
    finish: Finish | None = None


NEGLIGIBLE = 16.0
"""Logits so far below the largest are left out of the sum: 150,000 of them would change a log-probability by 0.02 at
most, and leaving them out takes a fifth of the time."""


def pick(logits: Logits) -> tuple[int, float]:
    """The most likely token and its log-probability."""
    token = int(logits.argmax())
    top = logits[token]
    near = logits[np.flatnonzero(logits > top - NEGLIGIBLE)]
    return token, -float(np.log(np.exp(near - top).sum()))


class TextStream:
    """Turns the bytes of tokens into text, and stops before the first stop string."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""
        self._text_seen = not stop.after_text

    def feed(self, piece: bytes) -> tuple[str, bool]:
        """The text that `piece` makes certain, and whether a stop string was met."""
        self._pending += self._characters.decode(piece)
        out = "" if self._text_seen else self._leading_space()
        if not self._text_seen:
            return out, False
        at = _first(self._pending, self._stop.strings)
        if at is not None:
            out, self._pending = out + self._pending[:at], ""
            return out, True
        keep = _possible_start(self._pending, self._stop.strings)
        cut = len(self._pending) - keep
        out, self._pending = out + self._pending[:cut], self._pending[cut:]
        return out, False

    def flush(self) -> str:
        """The rest, once nothing follows; half a character is dropped."""
        rest, self._pending = self._pending, ""
        return rest

    def _leading_space(self) -> str:
        """White space at the very beginning, where stop strings do not count yet."""
        body = self._pending.lstrip()
        out = self._pending[: len(self._pending) - len(body)]
        self._pending, self._text_seen = body, bool(body)
        return out


def _first(text: str, strings: Sequence[str]) -> int | None:
    found = [at for each in strings if (at := text.find(each)) >= 0]
    return min(found, default=None)


def _possible_start(text: str, strings: Sequence[str]) -> int:
    """Length of the longest end of `text` that one of `strings` begins with."""
    longest = max((len(each) for each in strings), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(each.startswith(text[-length:]) for each in strings):
            return length
    return 0


class Decoder:
    """One answer in the making.

    Args:
        vocabulary: of the model that gives the logits.
        stop: see `Stop`.
        max_tokens: the most tokens the answer may have; at least 1.
    """

    def __init__(self, vocabulary: Vocabulary, stop: Stop, max_tokens: int) -> None:
        self._vocabulary = vocabulary
        self._stream = TextStream(stop)
        self._left = max_tokens
        self.generated = 0

    def accept(self, logits: Logits) -> Step:
        """Choose the next token, greedily."""
        token, logprob = pick(logits)
        if self._vocabulary.ends(token):
            return Step(None, self._stream.flush(), logprob, "end")
        self.generated += 1
        self._left -= 1
        text, stopped = self._stream.feed(self._vocabulary.piece(token))
        if stopped:
            return Step(None, text, logprob, "stop")
        if self._left <= 0:
            return Step(None, text + self._stream.flush(), logprob, "length")
        return Step(token, text, logprob)
