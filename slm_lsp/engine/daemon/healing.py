"""Token healing: the cursor is usually inside a token, so the model must generate that token again.

The last tokens of the typed text are removed from the prompt, and the first generated tokens must spell their bytes.
The vocabulary decides how many tokens are removed: if the removed bytes are the beginning of a longer token, the model
might have chosen that token. (The idea is from `guidance`; results for these models are in `docs/evals.md`.)
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int64]

MAX_HEALED_TOKENS = 4
"""Maximum number of tokens that are removed from a prompt."""

CACHED_BEGINNINGS = 512
"""Number of cached results of `Pieces.fitting`."""


class Pieces:
    """The vocabulary sorted by bytes, to find tokens by their beginning.

    Args:
        size: number of tokens.
        piece: returns the bytes of a token; tokens without bytes are ignored.
    """

    def __init__(self, size: int, piece: Callable[[int], bytes]) -> None:
        pairs = sorted((spelled, token) for token in range(size) if (spelled := piece(token)))
        self._spelled = [spelled for spelled, _ in pairs]
        self._tokens = np.array([token for _, token in pairs], dtype=np.int64)
        self.fitting = lru_cache(CACHED_BEGINNINGS)(self._fitting)

    def begins_one(self, beginning: bytes) -> bool:
        """Return whether the vocabulary has a token that begins with `beginning` and is longer."""
        first, last = self._range(beginning)
        while first < last and self._spelled[first] == beginning:
            first += 1
        return first < last

    def _fitting(self, forced: bytes) -> Tokens:
        """Return the tokens that begin with `forced`, and the tokens with which `forced` begins.

        `fitting` caches the results.
        """
        first, last = self._range(forced)
        shorter = [self._exact(forced[:length]) for length in range(1, len(forced))]
        return np.concatenate([self._tokens[first:last], *shorter])

    def _exact(self, spelled: bytes) -> Tokens:
        first = last = bisect_left(self._spelled, spelled)
        while last < len(self._spelled) and self._spelled[last] == spelled:
            last += 1
        return self._tokens[first:last]

    def _range(self, beginning: bytes) -> tuple[int, int]:
        """Return the range of indices of tokens that begin with `beginning`."""
        first = bisect_left(self._spelled, beginning)
        after = _successor(beginning)
        return first, len(self._spelled) if after is None else bisect_left(self._spelled, after)


@dataclass(frozen=True, slots=True)
class Healing:
    """The bytes that an answer must begin with, and how to find tokens that spell them."""

    forced: bytes
    pieces: Callable[[], Pieces]
    """Returns the vocabulary sorted by bytes; called only if bytes are forced."""


def _successor(beginning: bytes) -> bytes | None:
    """Return the smallest byte string that sorts after every byte string with the prefix `beginning`.

    Return None if no such string exists.
    """
    kept = beginning.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None


def cut(tokens: Sequence[int], pieces: Pieces, piece: Callable[[int], bytes]) -> tuple[int, bytes]:
    """Return the number of `tokens` to keep, and the bytes of the removed ones.

    Remove the largest number of last tokens, at most `MAX_HEALED_TOKENS`, whose joined bytes are the beginning of a
    longer token. If no number of last tokens has this property, remove only the last token.
    """
    if not tokens:
        return 0, b""
    best = len(tokens) - 1, piece(tokens[-1])
    forced = b""
    for kept in range(len(tokens) - 1, max(len(tokens) - MAX_HEALED_TOKENS, 0) - 1, -1):
        forced = piece(tokens[kept]) + forced
        if pieces.begins_one(forced):
            best = kept, forced
    return best
