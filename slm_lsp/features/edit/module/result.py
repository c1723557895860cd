"""The results of a plan: what each step did, and the text of the file after all steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from slm_lsp.features.edit.module.plan import Step
from slm_lsp.features.verify.verdict import Check


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one step of a plan."""

    step: Step
    result: Literal["done", "unchanged"]
    """`unchanged` if the code stayed as it was. In that case `reason` says why."""
    reason: str = ""
    checks: tuple[Check, ...] = ()
    """The verdict on the edit, or on the best edit that was rejected."""
    start: int = 0
    """Offset of `old` in the file before the step, in characters."""
    old: str = ""
    """Code of the member before the step, extended to all that the step changed; empty if the member was not found."""
    new: str = ""
    """The same code after the step."""
    seconds: float = 0.0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModuleResult:
    """The result of running a plan."""

    text: str
    """The file after all steps that are done."""
    steps: tuple[StepResult, ...]
    resumed: int = 0
    """Number of steps whose results come from an earlier, interrupted run."""

    @property
    def done(self) -> int:
        """Number of steps that are done."""
        return sum(each.result == "done" for each in self.steps)


def time_left_s(finished: Sequence[StepResult], remaining: Sequence[Step]) -> float | None:
    """Return the estimated seconds for the remaining steps; None if no step has been measured yet.

    The estimate is proportional to the number of lines.
    """
    measured = [each for each in finished if each.generated_tokens]
    lines = sum(_lines(each.step) for each in measured)
    if not lines:
        return None
    return sum(each.seconds for each in measured) / lines * sum(map(_lines, remaining))


def _lines(step: Step) -> int:
    return step.last - step.first + 1


def summary(result: ModuleResult) -> tuple[str, ...]:
    """Return one line per step, and a line with the number of steps that are done."""
    width = max((len(each.result) for each in result.steps), default=0)
    lines = [
        f"{each.result:{width}}  {each.step.symbol}" + (f": {each.reason}" if each.reason else "")
        for each in result.steps
    ]
    return (*lines, f"{result.done} of {len(result.steps)} steps done")
