"""Prompt-lookup speculation: drafts taken from a text that the answer repeats, and how long they should be.

(Prompt lookup decoding: Saxena 2023; the same idea stands behind llama.cpp's `lookup` example.) A draft is evaluated
together with the token before it, in one batch; what the model would have chosen itself is kept, so the answer is that
of plain decoding, but for near-ties that the size of a batch alone may flip.
"""

from collections.abc import Sequence

LENGTHS = (0, 3, 7, 15, 23, 31)
"""Lengths of drafts that are tried; with the token before them these make batches of 1, 4, 8, 16, 24 and 32."""

GRAM = 4
"""The longest run of tokens looked up."""

FIRST_COSTS = (1.0, 1.5, 2.4, 4.0, 6.0, 8.0)
"""What batches of those sizes cost in single decodes before they were measured (2 cores, ik, 0.5B Q4_K_M)."""

FIRST_ACCEPTANCE = 0.8
"""Rate at which drafted tokens are taken to be right before any was tried."""

SMOOTHING = 0.2
"""Weight of the newest observation in a running mean."""


_GAP = -1
"""Stands between the source and what was said: no draft goes across it."""


class Lookup:
    """Finds what may come next, in a source and in what was said so far.

    Args:
        source: tokens that the answer may repeat.
    """

    def __init__(self, source: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._places: dict[tuple[int, ...], list[int]] = {}
        self._said = 0
        self._at = 0
        """Where the answer is expected to go on."""
        for token in (*source, _GAP):
            self._add(token)

    def draft(self, said: Sequence[int], length: int) -> list[int]:
        """Up to `length` tokens that may follow `said`, which only ever grows; empty where nothing is known."""
        self._at += len(said) - self._said
        for token in said[self._said :]:
            self._add(token)
        self._said = len(said)
        place = self._place(said)
        if place is None:
            return []
        self._at = place
        found = self._tokens[place : place + length]
        return found[: found.index(_GAP)] if _GAP in found else found

    def _place(self, said: Sequence[int]) -> int | None:
        """The place nearest to where the answer was expected that fits the most of what was said last."""
        if not said:
            return self._at
        for length in range(min(GRAM, len(said)), 0, -1):
            places = self._places.get(tuple(said[-length:]), [])
            known = [place for place in places if place < len(self._tokens)]
            if known:
                return min(known, key=lambda place: (abs(place - self._at), place))
        return None

    def _add(self, token: int) -> None:
        self._tokens.append(token)
        end = len(self._tokens)
        for length in range(1, min(GRAM, end) + 1):
            self._places.setdefault(tuple(self._tokens[end - length : end]), []).append(end)


class DraftCosts:
    """What batches with drafts cost on this machine, in single decodes; a running mean."""

    def __init__(self) -> None:
        self._costs = dict(zip(LENGTHS, FIRST_COSTS, strict=True))

    def of(self, length: int) -> float:
        """The cost of a draft of so many tokens, the token before it included."""
        return self._costs[length]

    def note(self, batch: int, single_decodes: float) -> None:
        """A batch of so many tokens took as long as so many single decodes."""
        length = batch - 1
        if length in self._costs and length > 0:
            self._costs[length] += SMOOTHING * (single_decodes - self._costs[length])


class DraftLength:
    """How many tokens to draft: what pays most by the rate of acceptance and the measured cost of batches.

    Args:
        costs: of batches, shared by all requests of a model.
    """

    def __init__(self, costs: "DraftCosts | None" = None) -> None:
        self._accepted = FIRST_ACCEPTANCE
        self._costs = costs or DraftCosts()

    def best(self) -> int:
        """The length with the most tokens for the time."""
        return max(LENGTHS, key=self._gain)

    def note(self, drafted: int, accepted: int) -> None:
        """So many of the drafted tokens were what the model chose."""
        if drafted:
            # Each accepted token is a success; the first that differed a failure; what stood behind it says nothing.
            tried = min(accepted + 1, drafted)
            rate = accepted / tried
            weight = 1 - (1 - SMOOTHING / 4) ** tried
            self._accepted += weight * (rate - self._accepted)

    def _gain(self, length: int) -> float:
        rate = min(self._accepted, 0.995)
        expected = (1 - rate ** (length + 1)) / (1 - rate)
        return expected / self._costs.of(length)
