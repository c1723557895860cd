"""The interface of all reports. A report is printed as lines of a table or as one JSON object."""

from collections.abc import Iterator
from typing import Protocol, Self

import msgspec

from slm_lsp.proportions import wilson


class Report(Protocol):
    """The result of a benchmark or an evaluation. For `--json`, msgspec encodes all of its fields."""

    @property
    def name(self) -> str:
        """Name of the benchmark or evaluation."""

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table, without the heading."""


class Rate(msgspec.Struct, frozen=True):
    """A success rate."""

    rate: float
    ci95: tuple[float, float]
    """95 % Wilson interval."""

    @classmethod
    def of(cls, passed: int, count: int) -> Self:
        """Return the rate of `passed` successes in `count` trials; `count` is at least 1."""
        return cls(passed / count, wilson(passed, count))


def interval(bounds: tuple[float, float], form: str = ".3f") -> str:
    """Return a 95 % interval as text, such as `95 % interval 0.402 to 0.539`."""
    low, high = bounds
    return f"95 % interval {low:{form}} to {high:{form}}"
