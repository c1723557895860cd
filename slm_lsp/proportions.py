"""Confidence intervals of success rates, and percentiles."""

import math
from collections.abc import Sequence

NORMAL_95 = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution, for two-sided 95% intervals."""


def wilson(passed: int, count: int, z: float = NORMAL_95) -> tuple[float, float]:
    """Return the lower and upper bound of Wilson's score interval for a success rate, by default at 95% confidence.

    Args:
        passed: number of successes.
        count: number of trials; for 0 trials the interval is (0, 1).
        z: quantile of the standard normal distribution that sets the confidence level.
    """
    if count == 0:
        return 0.0, 1.0
    rate = passed / count
    centre = rate + z * z / (2 * count)
    spread = z * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile of a non-empty sequence by the nearest-rank method."""
    return sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]
