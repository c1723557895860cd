"""Constrains answers to a regular expression over their bytes.

After every token the answer must still be the beginning of a match. The `regex` package checks that with partial
matches, so the same expression works with all bindings. Classes and counts apply to bytes: write `(é){2}`, not `é{2}`.
"""

from collections.abc import Callable, Iterator

import numpy as np
import regex
from numpy.typing import NDArray

from slm_lsp.engine.backend.base import Logits
from slm_lsp.errors import UsageError

ENOUGH = 40
"""Maximum number of tokens that `fitting` returns, the likeliest ones; the same as llama.vim's top-k."""

USUAL = 512
"""Number of likeliest tokens that are checked first. Sorting all tokens takes longer and is rarely needed."""

MATCH_S = 0.5
"""Timeout of one match, in seconds. An expression that takes longer probably has exponential run time."""


class Form:
    """The regular expression of one answer, and the answer so far.

    Args:
        pattern: a regular expression; the whole answer must match it.

    Raises:
        UsageError: `pattern` is not a valid regular expression.
    """

    def __init__(self, pattern: str) -> None:
        try:
            self._pattern = regex.compile(pattern.encode(), regex.DOTALL)
        except regex.error as error:
            raise UsageError(f"{pattern!r} is not a valid regular expression: {error}.") from error
        self._answer = b""

    def append(self, piece: bytes) -> None:
        """Append the bytes of a token to the answer."""
        self._answer += piece

    @property
    def complete(self) -> bool:
        """Whether the answer may end here."""
        return self._matches(b"", partial=False)

    def fitting(self, logits: Logits, piece: Callable[[int], bytes], ends: Callable[[int], bool]) -> NDArray[np.int64]:
        """Return the likeliest tokens that can follow, including the end token if the answer may end.

        An empty array means that the answer must end here.

        Args:
            logits: logits of all tokens.
            piece: returns the bytes of a token.
            ends: returns whether a token ends the answer.
        """
        complete = self.complete
        found: list[int] = []
        for number, token in enumerate(_by_likelihood(logits)):
            if complete and number >= USUAL and not found:
                break  # The answer is complete and no likely token continues it.
            spelled = piece(token)
            if (ends(token) and complete) or (spelled and self._matches(spelled, partial=True)):
                found.append(token)
                if len(found) == ENOUGH:
                    break
        return np.array(found, dtype=np.int64)

    def _matches(self, more: bytes, *, partial: bool) -> bool:
        try:
            return self._pattern.fullmatch(self._answer + more, partial=partial, timeout=MATCH_S) is not None
        except TimeoutError:
            raise UsageError("Matching the regular expression takes too long.", "Use a simpler expression.") from None


def _by_likelihood(logits: Logits) -> Iterator[int]:
    """Yield all tokens, the likeliest first. Tokens after the first `USUAL` are sorted only when they are needed."""
    usual = min(USUAL, len(logits))
    top = np.argpartition(-logits, usual - 1)[:usual]
    yield from map(int, top[np.argsort(-logits[top])])
    rest = np.argsort(-logits)[usual:]
    yield from map(int, rest)
