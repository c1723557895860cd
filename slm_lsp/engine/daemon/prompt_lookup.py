"""Prompt lookup decoding: drafts copied from a text that the answer repeats, and the choice of their length.

(Saxena 2023; llama.cpp's `lookup` example does the same.) A draft is evaluated together with the token before it, in
one batch. Only tokens that the model would have chosen itself are kept, so the answer is the same as without drafts.
The only exception: if two tokens have nearly the same probability, the size of the batch may decide between them.
"""

from collections.abc import Sequence

LENGTHS = (0, 3, 7, 15, 23, 31)
"""Possible lengths of a draft. With the token before the draft, batches have 1, 4, 8, 16, 24 or 32 tokens."""

GRAM = 4
"""Maximum number of tokens, from the end of the answer so far, that are searched for in the source."""

MAX_REPLACED = 6
"""A replacement is remembered only if the old and the new text each have at most this many tokens."""

FIRST_COSTS = (1.0, 1.5, 2.4, 4.0, 6.0, 8.0)
"""Assumed cost of a batch with a draft of each of `LENGTHS`, until it is measured. The unit is the duration of a batch
of one token. The values are from 2 cores, ik and a 0.5B model (Q4_K_M)."""

RETRY = 12
"""While drafts save no time, one in this many batches has a short draft: the answer may repeat the source again."""

FIRST_ACCEPTANCE = 0.8
"""Assumed share of drafted tokens that are accepted, before the first draft."""

SMOOTHING = 0.2
"""Weight of the newest observation in a running mean."""


_GAP = -1
"""Separates the source from the generated tokens, so that no draft contains tokens of both."""


class PromptLookup:
    """Finds tokens that may follow the answer so far, in the source and in the answer itself.

    If the answer has replaced a text of the source once, later drafts contain the same replacement. For example, after
    the answer has renamed a variable at its first occurrence, drafts contain the new name at the other occurrences.

    Args:
        source: tokens that the answer may repeat.
    """

    def __init__(self, source: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._places: dict[tuple[int, ...], list[int]] = {}
        """End positions of each run of up to `GRAM` tokens."""
        self._seen = 0
        """Number of generated tokens at the last draft."""
        self._at = 0
        """Position in `_tokens` at which the answer is expected to continue."""
        self._drafted: list[tuple[int, int]] = []
        """The last draft: each token, and the position in `_tokens` from which it was copied."""
        self._left: tuple[int, int] | None = None
        """Where the answer departed from the source: position in the source, and number of generated tokens."""
        self._replaced: dict[tuple[int, ...], tuple[int, ...]] = {}
        for token in (*source, _GAP):
            self._add(token)

    def draft(self, generated: Sequence[int], length: int) -> list[int]:
        """Return up to `length` tokens that may follow `generated`; empty if there is no match.

        Args:
            generated: all tokens of the answer so far. They must begin with the tokens of the previous call.
            length: maximum length of the draft.
        """
        self._follow(generated)
        place = self._synchronised(generated) if generated else self._at
        if place is None:
            # Most replacements exchange one token for one, so expect the source token after the replaced one.
            place = self._at if self._left is not None and len(generated) - self._left[1] == 1 else None
        self._drafted = []
        if place is None:
            return []
        self._at = place
        self._drafted = self._from(place, length)
        return [token for token, _ in self._drafted]

    def _follow(self, generated: Sequence[int]) -> None:
        """Record the tokens generated since the last draft, and where they departed from the source."""
        fresh = generated[self._seen :]
        accepted = 0
        while accepted < min(len(fresh), len(self._drafted)) and fresh[accepted] == self._drafted[accepted][0]:
            accepted += 1
        if accepted < len(fresh):
            if accepted < len(self._drafted):
                left = self._drafted[accepted][1]
            else:
                left = self._drafted[-1][1] + 1 if self._drafted else self._at
            if self._left is None or accepted > 0:
                self._left = (left, self._seen + accepted)
            self._at = left + len(fresh) - accepted
        elif self._drafted and accepted:
            self._at = self._drafted[accepted - 1][1] + 1
        for token in fresh:
            self._add(token)
        self._seen = len(generated)

    def _synchronised(self, generated: Sequence[int]) -> int | None:
        """Find the longest run of tokens at the end of the answer that occurred before; return the position after it.

        If the run occurred several times, return the position nearest to the expected one; if never, return None.
        """
        for length in range(min(GRAM, len(generated)), 0, -1):
            places = [place for place in self._places.get(tuple(generated[-length:]), []) if place < len(self._tokens)]
            if length == 1 and self._left is not None and self._at not in places:
                return None
            if places:
                place = min(places, key=lambda each: (abs(each - self._at), each))
                self._learn(generated, place - length, len(generated) - length)
                return place
        return None

    def _learn(self, generated: Sequence[int], place: int, until: int) -> None:
        """Record which tokens of the source the answer replaced, and by which tokens.

        The answer repeats the source again: its tokens from number `until` on are those of the source from `place` on.
        """
        if self._left is None:
            return
        left, since = self._left
        old, new = tuple(self._tokens[left:place]), tuple(generated[since:until])
        if 0 < len(old) <= MAX_REPLACED and 0 < len(new) <= MAX_REPLACED and _GAP not in old:
            self._replaced[old] = new
        self._left = None

    def _from(self, place: int, length: int) -> list[tuple[int, int]]:
        """Return up to `length` tokens of the source from a position on, with the known replacements applied."""
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
    """Running means of the cost of batches with drafts on this machine, in durations of a one-token batch."""

    def __init__(self) -> None:
        self._costs = dict(zip(LENGTHS, FIRST_COSTS, strict=True))

    def of(self, length: int) -> float:
        """Return the cost of a batch with a draft of `length` tokens and the token before it."""
        return self._costs[length]

    def set(self, batch: int, single_decodes: float) -> None:
        """Set the cost of a batch of `batch` tokens."""
        if batch - 1 in self._costs:
            self._costs[batch - 1] = single_decodes

    def note(self, batch: int, single_decodes: float) -> None:
        """Update the running mean with the cost of a batch of `batch` tokens."""
        length = batch - 1
        if length in self._costs and length > 0:
            self._costs[length] += SMOOTHING * (single_decodes - self._costs[length])


class DraftLength:
    """Chooses the length of drafts by the acceptance rate and the measured cost of batches.

    Args:
        costs: costs of batches, shared by all requests of a model.
    """

    def __init__(self, costs: "DraftCosts | None" = None) -> None:
        self._accepted = FIRST_ACCEPTANCE
        self._without = 0
        self._costs = costs or DraftCosts()

    def best(self) -> int:
        """Return the draft length with the most expected tokens per second.

        If this length is 0, return a short length once every `RETRY` calls.
        """
        length = max(LENGTHS, key=self._gain)
        self._without = 0 if length else self._without + 1
        return LENGTHS[1] if self._without and self._without % RETRY == 0 else length

    def note(self, drafted: int, accepted: int) -> None:
        """Update the acceptance rate: the model chose the first `accepted` of `drafted` tokens."""
        if drafted:
            # Accepted tokens are successes and the first wrong one is a failure; those after it are not counted.
            tried = min(accepted + 1, drafted)
            rate = accepted / tried
            weight = 1 - (1 - SMOOTHING / 4) ** tried
            self._accepted += weight * (rate - self._accepted)

    def _gain(self, length: int) -> float:
        rate = min(self._accepted, 0.995)
        expected = (1 - rate ** (length + 1)) / (1 - rate)
        return expected / self._costs.of(length)
