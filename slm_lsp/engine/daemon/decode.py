"""From logits to text: the choice of a token, text that is certain, and the end of an answer. Holds no cells."""

import codecs
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from slm_lsp.engine.api import Finish, Sampling, Stop
from slm_lsp.engine.backend import Vocabulary
from slm_lsp.engine.backend.base import Logits
from slm_lsp.engine.daemon.form import Form
from slm_lsp.engine.daemon.healing import Pieces

GREEDY = Sampling()

INFILL_END_FACTOR = 3.0
"""llama.cpp's infill sampler ends where 3 · p(end) · candidates is more than p(text) (`llama-sampling.cpp`)."""

INFILL_CANDIDATES = 40
"""llama.vim's top-k before the infill rule."""

NEGLIGIBLE = 16.0
"""Logits so far below the largest are left out of sums: 150,000 of them would change a log-probability by 0.02 at
most, and leaving them out takes a fifth of the time."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one set of logits led to."""

    token: int | None
    """The token to evaluate next; None at the end."""
    text: str
    """What became certain: never a part of a character, nor of what may become a stop string."""
    logprob: float
    finish: Finish | None = None


@dataclass(frozen=True, slots=True)
class Chances:
    """The tokens that are not negligible, and their probabilities."""

    tokens: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    best: int
    """Index of the likeliest one."""

    @property
    def entropy(self) -> float:
        """In nats."""
        return -float((self.probabilities * np.log(np.maximum(self.probabilities, 1e-30))).sum())

    def runner_up(self) -> tuple[int, float] | None:
        """The second likeliest token and its log-probability; None where there is but one."""
        if len(self.tokens) < 2:
            return None
        second = int(np.argpartition(-self.probabilities, 1)[1])
        return int(self.tokens[second]), float(np.log(self.probabilities[second]))


def chances(logits: Logits, among: NDArray[np.int64] | None = None) -> Chances:
    """Probabilities of the tokens that are not negligible, of all or `among` some."""
    values = logits if among is None else logits[among]
    top = values.max()
    near = np.flatnonzero(values > top - NEGLIGIBLE)
    weights = np.exp(values[near] - top)
    best = int(values[near].argmax())
    return Chances(near if among is None else among[near], weights / weights.sum(), best)


def pick(found: Chances, sampling: Sampling, random: np.random.Generator) -> tuple[int, float]:
    """A token and its log-probability: the likeliest, or one by chance among those likely enough."""
    index = found.best
    if sampling.temperature > 0:
        likely = np.flatnonzero(found.probabilities >= sampling.min_p * found.probabilities[index])
        weights = found.probabilities[likely].astype(np.float64) ** (1 / sampling.temperature)
        index = int(random.choice(likely, p=weights / weights.sum()))
    return int(found.tokens[index]), float(np.log(found.probabilities[index]))


class TextStream:
    """Turns the bytes of tokens into text, and stops before the first stop string."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""
        self._text_seen = not stop.after_text

    def fork(self) -> "TextStream":
        """One that goes on from here by itself."""
        other = copy.copy(self)
        other._characters = codecs.getincrementaldecoder("utf-8")(errors="replace")
        other._characters.setstate(self._characters.getstate())
        return other

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
    """Where the stop string begins that is complete first, however the text came in pieces."""
    found = [(at + len(each), at) for each in strings if (at := text.find(each)) >= 0]
    return min(found)[1] if found else None


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
        forced: bytes that the first tokens must spell; they are no part of the answer.
        pieces: the vocabulary by bytes; asked for only where bytes are forced.
        sampling: see `Sampling`.
        infill_end: see `Generate`.
        form: what the answer has to look like; not together with `forced`.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        stop: Stop,
        max_tokens: int,
        forced: bytes = b"",
        pieces: Callable[[], Pieces] | None = None,
        sampling: Sampling = GREEDY,
        *,
        infill_end: bool = False,
        form: Form | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._stream = TextStream(stop)
        self.left = max_tokens
        self.forced = forced
        self._pieces = pieces
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)
        self._infill_end = infill_end
        self._form = form
        self.generated = 0
        self.entropy: float | None = None

    def fork(self, sampling: Sampling) -> Self:
        """One that has said the same and goes on by itself; what it has generated is counted from here."""
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

    def weigh(self, logits: Logits) -> Chances | None:
        """What may come next; None where nothing may."""
        among = self._fitting(logits)
        return None if among is not None and not len(among) else chances(logits, among)

    def choose(self, found: Chances | None) -> Step:
        """Go on with a token of what may come next."""
        if found is None:
            return Step(None, self._stream.flush(), 0.0, "end")
        if self.entropy is None:
            self.entropy = found.entropy
        if self._infill_end and not self.forced and self._unsure(found):
            return Step(None, self._stream.flush(), float(np.log(found.probabilities.max())), "end")
        return self.take(*pick(found, self._sampling, self._random))

    def take(self, token: int, logprob: float) -> Step:
        """Go on with just this token."""
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
        """The tokens to choose from; None: all."""
        if self._form is not None:
            return self._form.fitting(logits, self._vocabulary.piece, self._vocabulary.ends)
        if not self.forced or self._pieces is None:
            return None
        return self._pieces().fitting(self.forced)

    def _spell(self, token: int) -> bytes:
        """The bytes of a token that belong to the answer: what is forced is there already."""
        piece = self._vocabulary.piece(token)
        there = min(len(self.forced), len(piece))
        self.forced = self.forced[there:]
        if self._form is not None:
            self._form.say(piece)
        return piece[there:]

    def _unsure(self, found: Chances) -> bool:
        """Whether ending is likelier than what there is to say, spread over as many choices as there are."""
        best = np.argsort(-found.probabilities)[:INFILL_CANDIDATES]
        likely = found.probabilities[best]
        ends = np.array([self._vocabulary.ends(int(token)) for token in found.tokens[best]])
        return INFILL_END_FACTOR * float(likely[ends].sum()) * len(likely) > float(likely[~ends].sum())
