"""Similarity of an answer to the wanted line, and confidence intervals of paired differences."""

import math
from collections.abc import Sequence

from slm_lsp.proportions import NORMAL_95, wilson


def exact(answer: str, wanted: str) -> bool:
    """Return whether both texts are equal, ignoring trailing whitespace."""
    return answer.rstrip() == wanted.rstrip()


def edit_similarity(answer: str, wanted: str) -> float:
    """Return 1 - (edit distance / length of the longer text): 1 for equal texts, 0 for nothing in common.

    RepoBench (arXiv 2306.03091) and CrossCodeEval (arXiv 2310.11248) use the same measure. Trailing whitespace is
    ignored.
    """
    one, other = answer.rstrip(), wanted.rstrip()
    longer = max(len(one), len(other))
    return 1 - distance(one, other) / longer if longer else 1.0


def distance(one: str, other: str) -> int:
    """Return the Levenshtein distance: the number of characters to insert, delete or replace."""
    above = list(range(len(other) + 1))
    for row, character in enumerate(one, start=1):
        left = row
        current = [row]
        for column, wanted in enumerate(other, start=1):
            left = min(above[column] + 1, left + 1, above[column - 1] + (character != wanted))
            current.append(left)
        above = current
    return above[-1]


def paired_difference(first: Sequence[bool], second: Sequence[bool], z: float = NORMAL_95) -> tuple[float, float]:
    """Return the confidence interval of the difference of two rates over the same tasks: first minus second.

    Method 10 of R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based
    on paired data", Statistics in Medicine 17 (1998), 2635-2650: it combines Wilson's intervals of both rates with the
    correlation of the pairs. Unlike Wald's interval, it is valid even if few pairs differ.

    Args:
        first: for each task, whether it passed in the first way.
        second: for each task, in the same order, whether it passed in the second way.
        z: quantile of the standard normal distribution that sets the confidence level.
    """
    n = len(first)
    if n == 0:
        return -1.0, 1.0
    one, other = sum(first) / n, sum(second) / n
    one_low, one_high = wilson(sum(first), n, z)
    other_low, other_high = wilson(sum(second), n, z)
    phi = _correlation(first, second)
    below = _added(one - one_low, other_high - other, phi)
    above = _added(one_high - one, other - other_low, phi)
    return max(-1.0, one - other - below), min(1.0, one - other + above)


def _added(a: float, b: float, phi: float) -> float:
    """Return the combination of two distances from rates to their bounds. A positive correlation makes it smaller."""
    return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))


def _correlation(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Return the phi coefficient with Newcombe's continuity correction; 0 if all or no tasks passed in one way."""
    n = len(first)
    pairs = list(zip(first, second, strict=True))
    both, neither = pairs.count((True, True)), pairs.count((False, False))
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if margins == 0:
        return 0.0
    product = both * neither - only_first * only_second
    corrected = max(product - n / 2, 0.0) if product > 0 else product
    return corrected / math.sqrt(margins)
