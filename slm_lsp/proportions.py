"""Rates of successes, and how sure they are; percentiles."""

import math
from collections.abc import Sequence

NORMAL_95 = 1.959963984540054


def wilson(passed: int, count: int, z: float = NORMAL_95) -> tuple[float, float]:
    """Wilson's score interval of a rate: where the true one lies, 95 times of 100.

    Args:
        passed: how many succeeded.
        count: of so many; with none, nothing is known.
        z: of the normal distribution, for another level.
    """
    if count == 0:
        return 0.0, 1.0
    rate = passed / count
    centre = rate + z * z / (2 * count)
    spread = z * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent of some values, at least one, do not exceed, by nearest rank."""
    return sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]
