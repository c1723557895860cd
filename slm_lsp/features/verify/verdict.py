"""The verdict on an edit: a list of checks with their results and the evidence for each."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Result: TypeAlias = Literal["passed", "failed", "not available"]


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Args:
        check: name of the check: `parsed`, `names`, `signature`, `compiled`, `tests`, `goal` or `behaves equally`.
        result: `not available` if the check could not run. In that case `evidence` gives the reason.
        evidence: what was found, as a sentence or the output of a tool.
    """

    check: str
    result: Result
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks of one edit, in the order in which they ran."""

    checks: tuple[Check, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(each for each in self.checks if each.result == "failed")

    def passed(self, check: str) -> bool:
        """Return whether a check ran and passed."""
        return any(each.check == check and each.result == "passed" for each in self.checks)

    def with_checks(self, more: Iterable[Check]) -> "Verdict":
        """Return a verdict with further checks."""
        return Verdict((*self.checks, *more))
