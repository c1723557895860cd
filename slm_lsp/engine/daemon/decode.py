"""Turns logits into text: chooses tokens, joins their bytes to characters, and detects the end of an answer."""

import codecs
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from slm_lsp.engine.api import Finish, Sampling, Stop
from slm_lsp.engine.backend import Vocabulary
from slm_lsp.engine.backend.base import Logits
from slm_lsp.engine.daemon.form import Form
from slm_lsp.engine.daemon.healing import Healing

GREEDY = Sampling()

INFILL_END_FACTOR = 3.0
"""Weight of the end tokens in llama.cpp's infill sampler (`llama-sampling.cpp`). The sampler multiplies the total
probability of the end tokens by this factor and by the number of tokens that it considers. It ends the answer if the
result is greater than the total probability of all other considered tokens."""

INFILL_CANDIDATES = 40
"""Number of likeliest tokens that the infill rule considers; the same as llama.vim's top-k."""

NEGLIGIBLE = 16.0
"""A token is ignored if its logit is at least this much below the largest logit. Even 150,000 such tokens would change
a log-probability by at most 0.02, and ignoring them saves four fifths of the time."""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of choosing one token."""

    token: int | None
    """The token to evaluate next; None at the end of the answer."""
    text: str
    """Text that is now final: no incomplete character, and no beginning of a possible stop string."""
    logprob: float
    finish: Finish | None = None
    """Why the answer ends; None: it continues."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """The tokens that are not negligible, and their probabilities."""

    tokens: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    best: int
    """Index of the likeliest token."""

    @property
    def entropy(self) -> float:
        """Entropy in nats."""
        return -float((self.probabilities * np.log(np.maximum(self.probabilities, 1e-30))).sum())

    def runner_up(self) -> tuple[int, float] | None:
        """Return the second likeliest token and its log-probability; None if there is only one token."""
        if len(self.tokens) < 2:
            return None
        second = int(np.argpartition(-self.probabilities, 1)[1])
        return int(self.tokens[second]), float(np.log(self.probabilities[second]))


def distribution(logits: Logits, among: NDArray[np.int64] | None = None) -> Distribution:
    """Return the probabilities of the tokens that are not negligible; `among` restricts them to some tokens."""
    values = logits if among is None else logits[among]
    top = values.max()
    near = np.flatnonzero(values > top - NEGLIGIBLE)
    weights = np.exp(values[near] - top)
    best = int(values[near].argmax())
    return Distribution(near if among is None else among[near], weights / weights.sum(), best)


def pick(found: Distribution, sampling: Sampling, random: np.random.Generator) -> tuple[int, float]:
    """Return a token and its log-probability: the likeliest token, or a sampled one."""
    index = found.best
    if sampling.temperature > 0:
        likely = np.flatnonzero(found.probabilities >= sampling.min_p * found.probabilities[index])
        weights = found.probabilities[likely].astype(np.float64) ** (1 / sampling.temperature)
        index = int(random.choice(likely, p=weights / weights.sum()))
    return int(found.tokens[index]), float(np.log(found.probabilities[index]))


class TextStream:
    """Joins the bytes of tokens to text, and stops before the first stop string."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""
        self._text_seen = not stop.after_text

    def fork(self) -> "TextStream":
        """Return a copy that continues independently."""
        other = copy.copy(self)
        other._characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        other._characters.setstate(self._characters.getstate())
        return other

    def feed(self, piece: bytes) -> tuple[str, bool]:
        """Add the bytes of a token. Return the text that is now final, and whether a stop string was found."""
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
        """Return the rest of the text at the end of the answer; an incomplete character is dropped."""
        rest, self._pending = self._pending, ""
        return rest

    def _leading_space(self) -> str:
        """Return whitespace at the start of the answer, where stop strings are ignored."""
        body = self._pending.lstrip()
        out = self._pending[: len(self._pending) - len(body)]
        self._pending, self._text_seen = body, bool(body)
        return out


def _first(text: str, strings: Sequence[str]) -> int | None:
    """Return the start of the stop string that ends first in `text`; None if `text` contains none."""
    found = [(at + len(each), at) for each in strings if (at := text.find(each)) >= 0]
    return min(found)[1] if found else None


def _possible_start(text: str, strings: Sequence[str]) -> int:
    """Return the length of the longest end of `text` that is the start of one of `strings`; 0 if none is."""
    longest = max((len(each) for each in strings), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(each.startswith(text[-length:]) for each in strings):
            return length
    return 0


class Decoder:
    """Decodes one answer.

    Args:
        vocabulary: vocabulary of the model.
        stop: see `Stop`.
        max_tokens: maximum number of tokens; at least 1.
        healing: bytes that the first tokens must spell and that are not part of the answer; None: nothing is forced.
        sampling: see `Sampling`.
        infill_end: see `Generate`.
        form: regular expression of the answer; not together with `healing`.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        stop: Stop,
        max_tokens: int,
        healing: Healing | None = None,
        sampling: Sampling = GREEDY,
        *,
        infill_end: bool = False,
        form: Form | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._stream = TextStream(stop)
        self.left = max_tokens
        self._healing = healing
        self._forced = healing.forced if healing is not None else b""
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)
        self._infill_end = infill_end
        self._form = form
        self.generated = 0
        self.entropy: float | None = None

    def fork(self, sampling: Sampling) -> Self:
        """Return a copy that continues independently. Its count of generated tokens starts at 0."""
        other = copy.copy(self)
        other._stream = self._stream.fork()
        other._form = copy.copy(self._form)
        other._sampling = sampling
        other._random = np.random.default_rng(sampling.seed)
        other.generated = 0
        return other

    def accept(self, logits: Logits) -> Step:
        """Choose the next token."""
        return self.choose(self.weigh(logits))

    def weigh(self, logits: Logits) -> Distribution | None:
        """Return the distribution of the next token; None if no token is allowed."""
        among = self._fitting(logits)
        return None if among is not None and not len(among) else distribution(logits, among)

    def choose(self, found: Distribution | None) -> Step:
        """Choose a token of a distribution. If `found` is None, the answer ends."""
        if found is None:
            return Step(None, self._stream.flush(), 0.0, "end")
        if self.entropy is None:
            self.entropy = found.entropy
        if self._infill_end and not self._forced and self._unsure(found):
            return Step(None, self._stream.flush(), float(np.log(found.probabilities.max())), "end")
        return self.take(*pick(found, self._sampling, self._random))

    def take(self, token: int, logprob: float) -> Step:
        """Continue the answer with a given token."""
        if self._vocabulary.ends(token):
            return Step(None, self._stream.flush(), logprob, "end")
        self.generated += 1
        self.left -= 1
        text, stopped = self._stream.feed(self._spell(token))
        if stopped:
            return Step(None, text, logprob, "stop")
        if self.left <= 0:
            return Step(None, text + self._stream.flush(), logprob, "length")
        return Step(token, text, logprob)

    def _fitting(self, logits: Logits) -> NDArray[np.int64] | None:
        """Return the allowed tokens; None if all tokens are allowed."""
        if self._form is not None:
            return self._form.fitting(logits, self._vocabulary.piece, self._vocabulary.ends)
        if not self._forced or self._healing is None:
            return None
        return self._healing.pieces().fitting(self._forced)

    def _spell(self, token: int) -> bytes:
        """Return the bytes of a token that belong to the answer, without forced bytes."""
        piece = self._vocabulary.piece(token)
        known = min(len(self._forced), len(piece))
        self._forced = self._forced[known:]
        if self._form is not None:
            self._form.append(piece)
        return piece[known:]

    def _unsure(self, found: Distribution) -> bool:
        """Return whether llama.cpp's infill rule ends the answer here; see `INFILL_END_FACTOR`."""
        best = np.argsort(-found.probabilities)[:INFILL_CANDIDATES]
        likely = found.probabilities[best]
        ends = np.array([self._vocabulary.ends(int(token)) for token in found.tokens[best]])
        return INFILL_END_FACTOR * float(likely[ends].sum()) * len(likely) > float(likely[~ends].sum())
