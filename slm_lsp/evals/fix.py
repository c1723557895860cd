"""`eval fix`: how many seeded bugs are fixed, by the bare model and by our edits.

Arms:

- `bare`: the model gets the file in one prompt and answers with the whole file, greedily. Fences are removed.
- `ours`: an edit of the wrong function (`features/edit`), without tests.
- `ours_tests`: the same; the model sees the visible tests, and candidates that pass them win.

Hidden tests decide in all arms.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace

import msgspec

from slm_lsp.context.chat import Message, render
from slm_lsp.engine.api import Generate, ModelInfo, ModelRef, Provider, Stop
from slm_lsp.errors import UsageError
from slm_lsp.evals.fix_tasks import FixTask
from slm_lsp.features.completion.request import nothing_known
from slm_lsp.features.edit.cleaning import Rejected, Surrounding, clean
from slm_lsp.features.edit.propose import Checks, propose
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.edit.units import Extent, Unit, find_unit
from slm_lsp.features.verify.names import check_names
from slm_lsp.features.verify.parsed import check_parsed
from slm_lsp.features.verify.verdict import Check, Verdict
from slm_lsp.harness.engine import private_engine, timed_answer
from slm_lsp.harness.report import Rate, interval
from slm_lsp.harness.tasks import OnProgress, Progress, run_tasks
from slm_lsp.languages.registry import languages
from slm_lsp.routing.policy import Choice
from slm_lsp.sandbox.run import Outcome

ARMS = ("bare", "ours", "ours_tests")

BARE_TOKENS = 1024

EVIDENCE_CHARACTERS = 400
"""Characters at the end of the output of a failed test that the model sees."""

CANDIDATES = 8
"""Candidates of the arm with tests."""


class Arm(msgspec.Struct, frozen=True):
    """Results of one arm."""

    rate: float
    ci95: tuple[float, float]
    mean_s: float
    """Mean seconds per task, including the runs of visible tests."""


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
    model: str
    backend: str
    seconds: float
    fixed: dict[str, list[str]]
    """Names of the fixed tasks by arm."""

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        for arm in ARMS:
            found: Arm = getattr(self, arm)
            yield f"  {arm:10s} {found.rate:.3f}, {interval(found.ci95)}, {found.mean_s:.1f} s per task"
        yield f"  ratio of ours_tests to bare: {self.ratio_tests:.2f}"
        yield f"  edits outside the function: {self.outside_unit}, edits that break the syntax: {self.parse_breaks}"


class Attempt(msgspec.Struct, frozen=True):
    """What one arm made of one task."""

    text: str | None
    """The file after the edit; None without an edit."""
    seconds: float
    fixed: bool
    outside_unit: bool = False
    parse_break: bool = False


class Result(msgspec.Struct, frozen=True):
    """What all arms made of one task."""

    task: str
    language: str
    attempts: dict[str, Attempt]


async def run(choice: Choice, tasks: Sequence[FixTask], backend: str, on_progress: OnProgress) -> FixReport:
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
        raise UsageError("There are no tasks in this file.")
    began = time.monotonic()
    async with private_engine(backend) as engine:
        info = await engine.describe(choice.model, explicit=True)

        async def attempt_all(task: FixTask) -> Result:
            return await _attempt_all(task, choice.model, info, engine)

        results = await run_tasks(tasks, attempt_all, Progress(len(tasks), on_progress))
    return report(results, choice.name, info.backend, time.monotonic() - began)


def report(results: Sequence[Result], model: str, backend: str, seconds: float) -> FixReport:
    """Summarize the results; there is at least one."""
    by_arm = {arm: _arm(results, arm) for arm in ARMS}
    names = sorted({each.language for each in results})
    rows = {name: [each for each in results if each.language == name] for name in names}
    by_language = {
        name: LanguageReport(len(own), **{arm: _arm(own, arm) for arm in ARMS}) for name, own in rows.items()
    }
    edits = [attempt for each in results for arm, attempt in each.attempts.items() if arm != "bare"]
    return FixReport(
        name="fix",
        n=len(results),
        **by_arm,
        ratio_tests=by_arm["ours_tests"].rate / by_arm["bare"].rate if by_arm["bare"].rate else 0.0,
        languages=by_language,
        outside_unit=sum(each.outside_unit for each in edits),
        parse_breaks=sum(each.parse_break for each in edits),
        model=model,
        backend=backend,
        seconds=seconds,
        fixed={arm: [each.task for each in results if each.attempts[arm].fixed] for arm in ARMS},
    )


def _arm(results: Sequence[Result], arm: str) -> Arm:
    attempts = [each.attempts[arm] for each in results]
    rate = Rate.of(sum(each.fixed for each in attempts), len(attempts))
    return Arm(rate.rate, rate.ci95, sum(each.seconds for each in attempts) / len(attempts))


async def _attempt_all(task: FixTask, model: ModelRef, info: ModelInfo, provider: Provider) -> Result:
    attempts = {"bare": await _judged(task, lambda: _bare(task, model, info, provider))}
    attempts["ours"] = await _judged(task, lambda: _ours(task, model, provider, tests=False))
    attempts["ours_tests"] = await _judged(task, lambda: _ours(task, model, provider, tests=True))
    return Result(task.name, task.language, attempts)


async def _judged(task: FixTask, attempt: Callable[[], Awaitable[str | None]]) -> Attempt:
    """Time an attempt and run the hidden tests on its result."""
    began = time.perf_counter()
    text = await attempt()
    seconds = time.perf_counter() - began
    if text is None:
        return Attempt(None, seconds, fixed=False)
    unit = _unit(task)
    kept = text.startswith(task.text[: unit.start]) and text.endswith(task.text[unit.end :])
    parsed = check_parsed(languages()[task.language], task.text, text)
    fixed = (await task.passes(text, task.hidden_tests)).ok
    return Attempt(text, seconds, fixed, not kept, parsed.result == "failed")


async def _bare(task: FixTask, model: ModelRef, info: ModelInfo, provider: Provider) -> str | None:
    """Return the file as the model rewrites it, asked once and plainly."""
    question = (
        f"Fix bugs in {task.function}. Reply with the whole corrected file.\n\n```{task.language}\n{task.text}\n```"
    )
    chat = render((Message("user", question),), info.chat)
    request = Generate(model, chat.segments, BARE_TOKENS, Stop(chat.stop), explicit=True)
    answer = await timed_answer(provider, request)
    finished = answer.done.finish != "length"
    found = clean(answer.text, Surrounding(task.text), finished=finished)
    return None if isinstance(found, Rejected) else found


async def _ours(task: FixTask, model: ModelRef, provider: Provider, *, tests: bool) -> str | None:
    """Return the file after our edit of the wrong function."""
    request = EditRequest(
        path=task.path,
        text=task.text,
        unit=_unit(task),
        instruction=f"Fix the bug in `{task.function}`.",
        model=model,
        language=languages()[task.language],
        keep_signature=True,
    )
    if tests:
        failing = await task.passes(task.text, task.visible_tests)
        request = replace(
            request,
            tests=task.visible_tests.strip(),
            error="" if failing.ok else _evidence(failing),
            candidates=CANDIDATES,
        )
    proposal = await propose(request, provider, _checks(task, request, tests=tests))
    return None if proposal.best is None else proposal.best.text


def _checks(task: FixTask, request: EditRequest, *, tests: bool) -> Checks:
    async def checks(text: str) -> Verdict:
        verdict = Verdict(
            (
                check_parsed(request.language, request.text, text),
                *check_names(request.language, request.text, text, nothing_known, lambda _: ()),
            )
        )
        if not tests or verdict.failed:
            return verdict
        outcome = await task.passes(text, task.visible_tests)
        result = Check("tests", "passed" if outcome.ok else "failed", "" if outcome.ok else _evidence(outcome))
        return verdict.with_checks([result])

    return checks


def _unit(task: FixTask) -> Unit:
    at = len(task.head) + len(task.body) - len(task.body.lstrip())
    return find_unit(task.text, (at, at), languages()[task.language], Extent.FUNCTION)


def _evidence(outcome: Outcome) -> str:
    text = outcome.explanation or (outcome.stderr or outcome.stdout).decode("utf-8", errors="replace")
    return text.strip()[-EVIDENCE_CHARACTERS:]
