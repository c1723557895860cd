"""How sure a suggestion must be to be worth showing: learned from what became of those that were shown before.

Every suggestion costs its reading: `WORTH_PERCENT` of what one brings that is taken. Confidences are cut into bands,
and the threshold is the edge of a band at which all that it lets through brings most, less that cost; of equal ones the
least. Every band begins with a few suggestions that nobody made, taken more often than is worth it: little evidence
changes nothing.

What is not shown has no outcome. Evidence against it leaves the newest `WINDOW` outcomes with time, and it is tried
again.
"""

from collections.abc import Sequence

BANDS = 20
"""Bands of confidence from 0 to 1, all of the same width."""

WORTH_PERCENT = 15
"""Reading a line takes under a second, typing one five or more: taken less often, it has cost more than it saved."""

PRIOR = 4
"""Suggestions that nobody made, in each band."""

PRIOR_PERCENT = 30
"""How often those were taken: what completion of code is commonly said to reach."""

MIN_OUTCOMES = 50
"""With fewer, nothing was learned."""

WINDOW = 1000
"""Outcomes that count, the newest of a language and a tier."""

MOST = 18
"""The band at which the threshold stops: completion may become rare, it cannot fall silent for good."""


def threshold(shown: Sequence[int], taken: Sequence[int]) -> float:
    """The least confidence at which showing is worth it, from 0 to `MOST / BANDS`.

    Another one taken never raises it, another one not taken never lowers it, once there are `MIN_OUTCOMES`.

    Args:
        shown: how many outcomes there are in each band.
        taken: how many of them were accepted, at least in part.
    """
    if sum(shown) < MIN_OUTCOMES:
        return 0.0
    best = gain = edge = 0
    for number in range(MOST):
        # What is gained by not showing this band either. Whole percents: sums that are equal must compare so.
        gain -= 100 * taken[number] - WORTH_PERCENT * shown[number] + PRIOR * (PRIOR_PERCENT - WORTH_PERCENT)
        if gain > best:
            best, edge = gain, number + 1
    return edge / BANDS
