"""How near an answer is to the line that was wanted, and how sure the difference of two ways is."""

import math
from collections.abc import Sequence

from slm_lsp.proportions import NORMAL_95, wilson


def exact(answer: str, wanted: str) -> bool:
    """Whether they are the same but for blanks at the end."""
    return answer.rstrip() == wanted.rstrip()


def edit_similarity(answer: str, wanted: str) -> float:
    """1 less the edit distance as a share of the longer one: 1 for the same text, 0 for nothing in common.

    The measure of RepoBench (arXiv 2306.03091) and CrossCodeEval (arXiv 2310.11248). Blanks at the end do not count.
    """
    one, other = answer.rstrip(), wanted.rstrip()
    longer = max(len(one), len(other))
    return 1 - distance(one, other) / longer if longer else 1.0


def distance(one: str, other: str) -> int:
    """Levenshtein's distance: how many characters must be put in, taken out or changed."""
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
    """The interval of the difference of two rates over the same tasks, first less second.

    Method 10 of R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based
    on paired data", Statistics in Medicine 17 (1998), 2635-2650: Wilson's intervals of both rates, put together with
    the correlation of the pairs. It stays sound where few pairs differ, unlike the interval of Wald.

    Args:
        first: whether each task passed.
        second: the same tasks in the same order.
        z: of the normal distribution, for another level.
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
    """Both distances squared and added, less what the correlation takes off."""
    return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))


def _correlation(first: Sequence[bool], second: Sequence[bool]) -> float:
    """The phi coefficient with Newcombe's correction for continuity; 0 where one way passes all or none."""
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
