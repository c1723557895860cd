"""Check and test the candidates of a fix, and decide which one is accepted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from slm_lsp.features.edit.propose import Checks, EditCandidate
from slm_lsp.features.fix.plan import FixJob
from slm_lsp.features.verify.compiled import compiler_output
from slm_lsp.features.verify.failing import failing_tests
from slm_lsp.features.verify.tests import LIMITS, MORE_S, TIMES, judge, output_of, run_tests
from slm_lsp.features.verify.verdict import Check, Verdict
from slm_lsp.languages.registry import language_of
from slm_lsp.sandbox.run import Outcome

MIN_WALL_S = 30.0
"""Minimum time limit for the tests of a candidate, in seconds. The failing run before the fix may have ended early, so
the limit cannot be only a multiple of its time. Without a limit, a candidate with an endless loop would take the two
minutes that the sandbox allows."""

MANY = 10**6
"""Assumed number of failing tests if the number is not known."""

UNPROVEN = "No candidate passes the tests, so this edit is unproven."
STILL_REJECTED = "The compiler still rejects the file, so this edit is unproven."
CHECK_FAILED = "A check of this edit failed, so it is unproven."


@dataclass(frozen=True, slots=True)
class Before:
    """The tests before the fix."""

    outcome: Outcome
    check: Check


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about the error."""

    output: str
    rejected: bool
    """Whether the compiler rejects the file before the fix."""
    tests: Before | None
    """None without a test command."""

    @property
    def tests_run(self) -> bool:
        """Whether there is a test command that could run."""
        return self.tests is not None and self.tests.check.result != "not available"


@dataclass(slots=True)
class Trial:
    """Checks and tests candidates, one after the other."""

    job: FixJob
    path: str
    """The file to fix."""
    evidence: Evidence
    on_stage: Callable[[str], None]
    _failing: dict[str, int] = field(default_factory=dict)
    """Number of failing tests with each text that was tested."""
    _outputs: dict[str, str] = field(default_factory=dict)
    """The output of the tests with each text that was tested."""

    def checks(self, static: Checks) -> Checks:
        """Return the given checks with the check `tests` after them."""

        async def run(text: str) -> Verdict:
            verdict = await static(text)
            check = await self._tests(text, verdict)
            return verdict if check is None else verdict.with_checks((check,))

        return run

    async def _tests(self, text: str, verdict: Verdict) -> Check | None:
        """Run the tests with a text; return None without a test command, or if the text does not compile."""
        command, tests = self.job.command, self.evidence.tests
        if tests is None or has_failed(verdict, "parsed", "compiled"):
            return None
        if command is None:
            return tests.check
        self.on_stage(f"testing candidate {len(self._failing) + 1}")
        files = {self.job.path: self.job.text, self.path: text}
        wall_s = max(tests.outcome.wall_s * TIMES + MORE_S, MIN_WALL_S)
        limits = replace(LIMITS, wall_s=min(LIMITS.wall_s, wall_s))
        after = await run_tests(command, self.job.root, files, self.job.isolation, limits)
        self._outputs[text] = output_of(after)
        self._failing[text] = len(failing_tests(self._outputs[text])) or MANY
        check = judge(command, after, tests.outcome, limits)
        # Before the fix, the command ended by itself. If a limit ends it now, the candidate is the reason.
        return check if after.why is None else replace(check, result="failed")

    async def next_output(self, text: str) -> str:
        """Return what the tests printed when they ran with a text of the file.

        If they did not run with this text, return the message of the compiler if it rejected the file before the fix,
        and otherwise an empty string.
        """
        if text in self._outputs or not self.evidence.rejected:
            return self._outputs.get(text, "")
        language = language_of(self.path, text.partition("\n")[0])
        return await compiler_output(language, self.path, text, self.job.isolation)

    def problem(self, verdict: Verdict) -> str | None:
        """Return why a candidate is not accepted; None if it is accepted."""
        if self.job.command is not None and not verdict.passed("tests"):
            return UNPROVEN
        if verdict.failed:
            return CHECK_FAILED
        if self.evidence.rejected and self.path == self.job.path and not verdict.passed("compiled"):
            return STILL_REJECTED
        return None

    def best_of(self, candidates: Sequence[EditCandidate]) -> EditCandidate | None:
        """Return the first candidate that is accepted, or else the one with the fewest failing tests."""
        accepted = (each for each in candidates if self.problem(each.verdict) is None)
        # `min` returns the first of several equal ones, which has the best rank.
        fewest = min(candidates, key=lambda each: self._failing.get(each.text, MANY), default=None)
        return next(accepted, fewest)


def has_failed(verdict: Verdict, *checks: str) -> bool:
    """Return whether one of these checks failed."""
    return any(each.check in checks for each in verdict.failed)
