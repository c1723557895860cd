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

MAX_REPLACED = 6
"""Tokens of something that is replaced, and of what comes in its place."""

FIRST_COSTS = (1.0, 1.5, 2.4, 4.0, 6.0, 8.0)
"""What batches of those sizes cost in single decodes before they were measured (2 cores, ik, 0.5B Q4_K_M)."""

RETRY = 12
"""Tokens without a draft after which one is tried again: the answer may be back at repeating."""

FIRST_ACCEPTANCE = 0.8
"""Rate at which drafted tokens are taken to be right before any was tried."""

SMOOTHING = 0.2
"""Weight of the newest observation in a running mean."""


_GAP = -1
"""Stands between the source and what was said: no draft goes across it."""


class Lookup:
    """Finds what may come next, in a source and in what was said so far.

    What the answer puts in place of something once, it is expected to put there again: a rename is seen at its first
    place and drafted at all the others.

    Args:
        source: tokens that the answer may repeat.
    """

    def __init__(self, source: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._places: dict[tuple[int, ...], list[int]] = {}
        self._said = 0
        self._at = 0
        """Where the answer is expected to go on."""
        self._drafted: list[tuple[int, int]] = []
        """The last draft, and where in the source each of its tokens stands."""
        self._left: tuple[int, int] | None = None
        """Where the answer left the source: the place there, and the number of tokens said."""
        self._replaced: dict[tuple[int, ...], tuple[int, ...]] = {}
        for token in (*source, _GAP):
            self._add(token)

    def draft(self, said: Sequence[int], length: int) -> list[int]:
        """Up to `length` tokens that may follow `said`, which only ever grows; empty where nothing is known."""
        self._follow(said)
        place = self._synchronised(said) if said else self._at
        if place is None:
            # Most often one token was put in place of one: the source is expected to go on behind it.
            place = self._at if self._left is not None and len(said) - self._left[1] == 1 else None
        self._drafted = []
        if place is None:
            return []
        self._at = place
        self._drafted = self._from(place, length)
        return [token for token, _ in self._drafted]

    def _follow(self, said: Sequence[int]) -> None:
        """Take note of what was said since the last draft, and of where it left the source."""
        fresh = said[self._said :]
        accepted = 0
        while accepted < min(len(fresh), len(self._drafted)) and fresh[accepted] == self._drafted[accepted][0]:
            accepted += 1
        if accepted < len(fresh):
            if accepted < len(self._drafted):
                left = self._drafted[accepted][1]
            else:
                left = self._drafted[-1][1] + 1 if self._drafted else self._at
            if self._left is None or accepted > 0:
                self._left = (left, self._said + accepted)
            self._at = left + len(fresh) - accepted
        elif self._drafted and accepted:
            self._at = self._drafted[accepted - 1][1] + 1
        for token in fresh:
            self._add(token)
        self._said = len(said)

    def _synchronised(self, said: Sequence[int]) -> int | None:
        """The place nearest to where the answer was expected that fits the most of what was said last."""
        for length in range(min(GRAM, len(said)), 0, -1):
            places = [place for place in self._places.get(tuple(said[-length:]), []) if place < len(self._tokens)]
            if length == 1 and self._left is not None and self._at not in places:
                return None
            if places:
                place = min(places, key=lambda each: (abs(each - self._at), each))
                self._learn(said, place - length, len(said) - length)
                return place
        return None

    def _learn(self, said: Sequence[int], place: int, until: int) -> None:
        """The answer is back in the source at `place`: what did it put in place of what?"""
        if self._left is None:
            return
        left, since = self._left
        old, new = tuple(self._tokens[left:place]), tuple(said[since:until])
        if 0 < len(old) <= MAX_REPLACED and 0 < len(new) <= MAX_REPLACED and _GAP not in old:
            self._replaced[old] = new
        self._left = None

    def _from(self, place: int, length: int) -> list[tuple[int, int]]:
        """The source from a place on, with what was replaced before replaced again."""
        found: list[tuple[int, int]] = []
        while len(found) < length and place < len(self._tokens) and self._tokens[place] != _GAP:
            old = next(
                (each for each in self._replaced if tuple(self._tokens[place : place + len(each)]) == each), None
            )
            if old is None:
                found.append((self._tokens[place], place))
                place += 1
            else:
                found += [(token, place) for token in self._replaced[old]]
                place += len(old)
        return found[:length]

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

    def set(self, batch: int, single_decodes: float) -> None:
        """A batch of so many tokens was measured."""
        if batch - 1 in self._costs:
            self._costs[batch - 1] = single_decodes

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
        self._without = 0
        self._costs = costs or DraftCosts()

    def best(self) -> int:
        """The length with the most tokens for the time; where that is none, a short draft is tried now and then."""
        length = max(LENGTHS, key=self._gain)
        self._without = 0 if length else self._without + 1
        return LENGTHS[1] if self._without and self._without % RETRY == 0 else length

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
