"""Token healing: the cursor mostly stands inside a token, which the model must be free to choose anew.

The last tokens of what was typed are taken off the prompt, and the first generated ones must spell their bytes. How
many come off is decided by the vocabulary: where what comes off is the beginning of some token, the model may have
wanted that one. (The idea is that of `guidance`; the figures for these models stand in `docs/evals.md`.)
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int64]

MAX_HEALED_TOKENS = 4
CACHED_BEGINNINGS = 512


class Pieces:
    """The vocabulary in the order of its bytes, to find tokens by how they begin.

    Args:
        size: number of tokens.
        piece: the bytes of a token; those without bytes are left out.
    """

    def __init__(self, size: int, piece: Callable[[int], bytes]) -> None:
        pairs = sorted((spelled, token) for token in range(size) if (spelled := piece(token)))
        self._spelled = [spelled for spelled, _ in pairs]
        self._tokens = np.array([token for _, token in pairs], dtype=np.int64)
        self.fitting = lru_cache(CACHED_BEGINNINGS)(self._fitting)

    def begins_one(self, beginning: bytes) -> bool:
        """Whether some token is longer than `beginning` and begins with it."""
        first, last = self._range(beginning)
        while first < last and self._spelled[first] == beginning:
            first += 1
        return first < last

    def _fitting(self, forced: bytes) -> Tokens:
        """Tokens that begin with `forced`, and those that `forced` begins with; `fitting` remembers the answers."""
        first, last = self._range(forced)
        shorter = [self._exact(forced[:length]) for length in range(1, len(forced))]
        return np.concatenate([self._tokens[first:last], *shorter])

    def _exact(self, spelled: bytes) -> Tokens:
        first = last = bisect_left(self._spelled, spelled)
        while last < len(self._spelled) and self._spelled[last] == spelled:
            last += 1
        return self._tokens[first:last]

    def _range(self, beginning: bytes) -> tuple[int, int]:
        """Where the tokens that begin so stand."""
        first = bisect_left(self._spelled, beginning)
        after = _successor(beginning)
        return first, len(self._spelled) if after is None else bisect_left(self._spelled, after)


def _successor(beginning: bytes) -> bytes | None:
    """The first bytes behind all that begin with `beginning`; None where nothing comes behind them."""
    kept = beginning.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None


def cut(tokens: Sequence[int], pieces: Pieces, piece: Callable[[int], bytes]) -> tuple[int, bytes]:
    """How many of `tokens` to keep, and the bytes of the others, which the model must spell anew.

    The last token comes off in any case, and as many before it as make the beginning of one longer token together.
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
