"""`eval fix`: how many seeded bugs are fixed, by the bare model and by our edits.

Arms:

- `bare`: the model gets the file in one prompt and answers with the whole file, greedily. Fences are removed.
- `ours`: an edit of the wrong function (`features/edit`), without tests.
- `ours_tests`: the same; the model sees the visible tests, and the first candidate that passes them wins. In projects
  of several files, this arm runs `slm-lsp fix FILE --test CMD`, which must find the wrong function itself.

Hidden tests decide in all arms.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec

from slm_lsp.engine.api import ModelInfo, ModelRef, Provider
from slm_lsp.errors import UsageError
from slm_lsp.evals.arms import (
    Answered,
    Arm,
    Attempt,
    EditedFile,
    arm_lines,
    arm_of,
    bare,
    fault_line,
    faults_of,
    judged,
)
from slm_lsp.evals.fix_tasks import FixTask
from slm_lsp.evals.own_tasks import BugTask
from slm_lsp.features.completion.request import nothing_known
from slm_lsp.features.edit.propose import Checks, propose
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.verify.names import check_names
from slm_lsp.features.verify.parsed import check_parsed
from slm_lsp.features.verify.verdict import Check, Verdict
from slm_lsp.harness.engine import private_engine
from slm_lsp.harness.tasks import OnProgress, Progress, run_tasks
from slm_lsp.languages.registry import languages
from slm_lsp.routing.policy import Choice
from slm_lsp.sandbox.run import Outcome

ARMS = ("bare", "ours", "ours_tests")

EVIDENCE_CHARACTERS = 400
"""Number of characters of a failed test's output that the model sees. They are taken from the end."""

CANDIDATES = 8
"""Candidates of the arm with tests."""


class LanguageReport(msgspec.Struct, frozen=True):
    """Results of one language."""

    n: int
    bare: Arm
    ours: Arm
    ours_tests: Arm


class FixReport(msgspec.Struct, frozen=True):
    """The result of `eval fix`."""

    name: str
    n: int
    bare: Arm
    ours: Arm
    ours_tests: Arm
    ratio_tests: float
    """`ours_tests.rate` / `bare.rate`; 0 if the bare model fixes nothing."""
    languages: dict[str, LanguageReport]
    outside_unit: int
    """Edits that changed text outside the function."""
    parse_breaks: int
    """Edits after which a file that parsed no longer parses."""
    fenced: int
    """Edits that added a Markdown fence."""
    claimed: int
    """Edits whose verdict says that the visible tests passed."""
    model: str
    backend: str
    seconds: float
    fixed: dict[str, list[str]]
    """Names of the fixed tasks by arm."""

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield from arm_lines({arm: getattr(self, arm) for arm in ARMS})
        yield f"  ratio of ours_tests to bare: {self.ratio_tests:.2f}"
        yield fault_line(self.outside_unit, self.parse_breaks, self.fenced)


class Result(msgspec.Struct, frozen=True):
    """The results of all arms for one task."""

    task: str
    language: str
    attempts: dict[str, Attempt]


async def run(choice: Choice, tasks: Sequence[FixTask | BugTask], backend: str, on_progress: OnProgress) -> FixReport:
    """Run all tasks in a private engine.

    Args:
        choice: the model.
        tasks: at least one.
        backend: the setting `engine.backend`.
        on_progress: called after each task.

    Raises:
        SlmError: the engine or the sandbox failed.
    """
    if not tasks:
        raise UsageError("There are no tasks.")
    began = time.monotonic()
    async with private_engine(backend) as engine:
        info = await engine.describe(choice.model, explicit=True)

        async def attempt_all(task: FixTask | BugTask) -> Result:
            return await _attempt_all(task, choice, info, engine)

        results = await run_tasks(tasks, attempt_all, Progress(len(tasks), on_progress))
    return report(results, choice.name, info.backend, time.monotonic() - began)


def report(results: Sequence[Result], model: str, backend: str, seconds: float) -> FixReport:
    """Summarize the results; there is at least one."""
    by_arm = {arm: _arm(results, arm) for arm in ARMS}
    names = sorted({each.language for each in results})
    rows = {name: [each for each in results if each.language == name] for name in names}
    by_language = {name: LanguageReport(len(own), *(_arm(own, arm) for arm in ARMS)) for name, own in rows.items()}
    edits = [attempt for each in results for arm, attempt in each.attempts.items() if arm != "bare"]
    return FixReport(
        name="fix",
        n=len(results),
        bare=by_arm["bare"],
        ours=by_arm["ours"],
        ours_tests=by_arm["ours_tests"],
        ratio_tests=by_arm["ours_tests"].rate / by_arm["bare"].rate if by_arm["bare"].rate else 0.0,
        languages=by_language,
        **faults_of(edits),
        claimed=sum(each.claimed for each in edits),
        model=model,
        backend=backend,
        seconds=seconds,
        fixed={arm: [each.task for each in results if each.attempts[arm].passed] for arm in ARMS},
    )


def _arm(results: Sequence[Result], arm: str) -> Arm:
    return arm_of([each.attempts[arm] for each in results])


async def _attempt_all(task: FixTask | BugTask, choice: Choice, info: ModelInfo, provider: Provider) -> Result:
    file = EditedFile(task.language, task.text, task.unit)

    async def with_one_prompt() -> Answered:
        question = f"Fix bugs in {task.function}. Reply with the whole corrected file."
        return await bare(question, file, choice.model, info, provider)

    async def without_tests() -> Answered:
        return await _answered(_request(task, choice.model), provider, _checks(task))

    async def with_tests() -> Answered:
        if isinstance(task, BugTask):
            return await task.fixed(choice, provider)
        return await _with_tests(task, choice.model, provider)

    return Result(
        task.name,
        task.language,
        {
            "bare": await judged(file, with_one_prompt, task.passes_hidden),
            "ours": await judged(file, without_tests, task.passes_hidden),
            "ours_tests": await judged(file, with_tests, task.passes_hidden),
        },
    )


def _request(task: FixTask | BugTask, model: ModelRef) -> EditRequest:
    """Return the request to fix the wrong function."""
    return EditRequest(
        path=task.path,
        text=task.text,
        unit=task.unit,
        instruction=f"Fix the bug in `{task.function}`.",
        model=model,
        language=languages()[task.language],
        keep_signature=True,
    )


async def _with_tests(task: FixTask, model: ModelRef, provider: Provider) -> Answered:
    """Return the file after our edit of the wrong function, with the visible tests as evidence."""
    failing = await task.passes(task.text, task.visible_tests)
    request = replace(
        _request(task, model),
        tests=task.visible_tests.strip(),
        error="" if failing.ok else _evidence(failing),
        candidates=CANDIDATES,
        first_pass=True,
    )
    others = _checks(task)

    async def checks(text: str) -> Verdict:
        verdict = await others(text)
        if verdict.failed:
            return verdict
        outcome = await task.passes(text, task.visible_tests)
        return verdict.with_checks(
            [Check("tests", "passed" if outcome.ok else "failed", "" if outcome.ok else _evidence(outcome))]
        )

    return await _answered(request, provider, checks)


async def _answered(request: EditRequest, provider: Provider, checks: Checks) -> Answered:
    proposal = await propose(request, provider, checks)
    best = proposal.best
    if best is None:
        return Answered(None, proposal.generated_tokens)
    return Answered(best.text, proposal.generated_tokens, best.verdict.passed("tests"))


def _checks(task: FixTask | BugTask) -> Checks:
    """Return the checks that need no tests, without knowledge of other files."""
    language = languages()[task.language]

    async def checks(text: str) -> Verdict:
        parsed = check_parsed(language, task.text, text)
        return Verdict((parsed, *check_names(language, task.text, text, nothing_known, lambda _: ())))

    return checks


def _evidence(outcome: Outcome) -> str:
    text = outcome.explanation or (outcome.stderr or outcome.stdout).decode("utf-8", errors="replace")
    return text.strip()[-EVIDENCE_CHARACTERS:]
