"""Answers that have a form: tokens that would leave it are not chosen.

A form is a regular expression over the bytes of the answer. After every token the answer must still be the beginning of
something that matches, which the `regex` package tells (partial matches); so one way of saying it serves all bindings.
Classes and counts are of bytes: `(é){2}`, not `é{2}`.
"""

from collections.abc import Callable, Iterator

import numpy as np
import regex
from numpy.typing import NDArray

from slm_lsp.engine.backend.base import Logits
from slm_lsp.errors import UsageError

ENOUGH = 40
"""Fitting tokens to choose from; the likeliest ones, as llama.vim's top-k."""

USUAL = 512
"""So many of the likeliest tokens are looked at first; sorting them all takes longer than most answers need."""

MATCH_S = 0.5
"""An expression that takes longer on an answer is of the kind that never ends."""


class Form:
    """One answer's form, and what was said of it so far.

    Args:
        pattern: a regular expression; the whole answer matches it in the end.

    Raises:
        UsageError: it is none.
    """

    def __init__(self, pattern: str) -> None:
        try:
            self._pattern = regex.compile(pattern.encode(), regex.DOTALL)
        except regex.error as error:
            raise UsageError(f"{pattern!r} is no regular expression: {error}.") from error
        self._said = b""

    def say(self, piece: bytes) -> None:
        """The answer goes on with these bytes."""
        self._said += piece

    @property
    def complete(self) -> bool:
        """Whether the answer may end here."""
        return self._matches(b"", partial=False)

    def fitting(self, logits: Logits, piece: Callable[[int], bytes], ends: Callable[[int], bool]) -> NDArray[np.int64]:
        """The likeliest tokens that stay in the form, the end among them where it may end; none: it has to end."""
        complete = self.complete
        found: list[int] = []
        for number, token in enumerate(_by_likelihood(logits)):
            if complete and number >= USUAL and not found:
                break  # Nothing likely goes on: it is over.
            spelled = piece(token)
            if (ends(token) and complete) or (spelled and self._matches(spelled, partial=True)):
                found.append(token)
                if len(found) == ENOUGH:
                    break
        return np.array(found, dtype=np.int64)

    def _matches(self, more: bytes, *, partial: bool) -> bool:
        try:
            return self._pattern.fullmatch(self._said + more, partial=partial, timeout=MATCH_S) is not None
        except TimeoutError:
            raise UsageError("The form of the answer takes too long to match.", "Use a simpler expression.") from None


def _by_likelihood(logits: Logits) -> Iterator[int]:
    """Tokens, the likeliest first; most are never asked for, and sorted only then."""
    usual = min(USUAL, len(logits))
    top = np.argpartition(-logits, usual - 1)[:usual]
    yield from map(int, top[np.argsort(-logits[top])])
    rest = np.argsort(-logits)[usual:]
    yield from map(int, rest)
