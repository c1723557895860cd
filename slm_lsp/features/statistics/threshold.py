"""Learns the lowest confidence at which a suggestion is worth showing, from the outcomes of earlier suggestions.

Confidences are divided into bands. The threshold is the lower edge of a band, chosen so that the suggestions at or
above it have the highest total value: 1 for each accepted suggestion, minus `WORTH_PERCENT` / 100 for each suggestion
shown, because reading it takes time. Of equally good edges the lowest is chosen. Each band starts with a prior of
`PRIOR` suggestions that were accepted often enough to be worth showing, so that few outcomes do not change the result.

Suggestions below the threshold are not shown and get no outcomes. As newer outcomes push the old ones out of the last
`WINDOW`, the threshold falls again and such suggestions get another chance.
"""

from collections.abc import Sequence

BANDS = 20
"""Number of confidence bands between 0 and 1, all of the same width."""

WORTH_PERCENT = 15
"""Minimum acceptance rate, in percent, at which suggestions are worth showing. Reading a line takes under a second,
typing it five seconds or more, so lines that are accepted less often cost more time than they save."""

PRIOR = 4
"""Prior pseudo-count: number of suggestions that each band is assumed to have before any outcome is known."""

PRIOR_PERCENT = 30
"""Acceptance rate of the prior, in percent: a commonly reported rate for code completion."""

MIN_OUTCOMES = 50
"""Minimum number of outcomes to learn from. With fewer outcomes the threshold stays 0."""

WINDOW = 1000
"""Number of outcomes to learn from: the newest ones of a language and a tier."""

MAX_BANDS_HIDDEN = 18
"""Number of the lowest bands that may be hidden. The highest bands are always shown, so completion never stops
entirely."""


def threshold(shown: Sequence[int], accepted: Sequence[int]) -> float:
    """Return the lowest confidence worth showing, from 0 to `MAX_BANDS_HIDDEN / BANDS`.

    If there are at least `MIN_OUTCOMES` outcomes, one more accepted suggestion never raises the result, and one more
    suggestion that was not accepted never lowers it.

    Args:
        shown: number of outcomes in each band.
        accepted: number of suggestions in each band that were accepted, at least in part.
    """
    if sum(shown) < MIN_OUTCOMES:
        return 0.0
    best_gain = gain = hidden = 0
    for band in range(MAX_BANDS_HIDDEN):
        # Gain of hiding all bands up to this one. In integers, so that equal sums compare as equal.
        gain -= 100 * accepted[band] - WORTH_PERCENT * shown[band] + PRIOR * (PRIOR_PERCENT - WORTH_PERCENT)
        if gain > best_gain:
            best_gain, hidden = gain, band + 1
    return hidden / BANDS
