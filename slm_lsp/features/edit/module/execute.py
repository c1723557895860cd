"""Run a plan: rewrite one member after the other, check each edit, and keep it or leave the code as it was.

Nothing is written to the file here. The caller writes the result in one step (`features/edit/files.py`), so the file
is always either old or new.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from slm_lsp.context.fim import CHARACTERS_PER_TOKEN
from slm_lsp.engine.api import ModelRef, OnLoading, Provider, ignore_loading
from slm_lsp.errors import ParseTimeoutError, PromptTooLongError, UsageError
from slm_lsp.features.edit.hunks import Hunk
from slm_lsp.features.edit.module.goals import Goal, check_goal, goal_of, needs
from slm_lsp.features.edit.module.journal import Journal
from slm_lsp.features.edit.module.members import Member, find_member
from slm_lsp.features.edit.module.plan import Plan, Step
from slm_lsp.features.edit.module.result import ModuleResult, StepResult, time_left_s
from slm_lsp.features.edit.prepare import CONTEXT_TOKENS, edit_request, project_checks
from slm_lsp.features.edit.propose import GROWTH, MORE_TOKENS, Checks, EditCandidate, EditProgress, Proposal, propose
from slm_lsp.features.edit.request import CANDIDATES
from slm_lsp.features.edit.units import Unit
from slm_lsp.features.verify.verdict import Check, Verdict
from slm_lsp.index.project import Project
from slm_lsp.languages.registry import Language
from slm_lsp.privacy.paths import is_secret_path
from slm_lsp.sandbox.isolation import Setting

PROMPT_TOKENS = 200
"""Estimated tokens of a prompt besides the code, its context and the instruction."""

DRAFT_TOKENS = 32
"""Number of KV cells that are reserved for the drafts of one candidate."""

FILLED = 0.9
"""Share of the model's context that the estimated tokens of a step may fill. The rest is a reserve, because code may
have more tokens than estimated."""

ALREADY = "nothing to do: it already has what the instruction asks for"
GONE = "it is no longer defined under this name after the earlier steps"


@dataclass(frozen=True, slots=True)
class ModuleJob:
    """A plan and everything that is needed to run it."""

    project: Project
    path: str
    """Path of the file in the project, with `/`."""
    text: str
    """The whole file, in the version for which the plan was made."""
    language: Language
    plan: Plan
    """The plan, checked by `check_plan`."""
    model: ModelRef
    isolation: Setting
    """The user's setting `sandbox`."""
    final: Checks | None = None
    """Costly checks, such as the user's tests. They run only on candidates that pass all other checks."""


@dataclass(frozen=True, slots=True)
class ModuleProgress:
    """Functions that are called while a plan runs."""

    on_loading: OnLoading = ignore_loading
    on_step: Callable[[int, Step, float | None], None] = lambda _number, _step, _left_s: None
    """Called before each step with its number (from 0) and the estimated seconds for this and all later steps."""
    on_text: Callable[[str], None] = lambda _: None
    """Called with the text of the greedy answer whenever it has grown."""
    on_result: Callable[[StepResult], None] = lambda _: None
    """Called after each step, also for the steps of an earlier run."""


async def run_plan(
    job: ModuleJob, provider: Provider, journal: Journal | None = None, progress: ModuleProgress | None = None
) -> ModuleResult:
    """Run a plan and return the new text of the file.

    Cancelling this coroutine keeps the finished steps in the journal. The next run of the same plan continues after
    them.

    Args:
        job: the plan and its file.
        provider: runs the model.
        journal: records the finished steps; None: the run cannot be resumed.
        progress: called while the plan runs.

    Raises:
        UsageError: the model must not read the file.
        SlmError: the provider could not answer. The finished steps are in the journal.
    """
    if is_secret_path(job.path):
        raise UsageError(f"{job.path} may hold keys or passwords, so the model does not read it.")
    progress = progress or ModuleProgress()
    text, results = _resumed(job, journal)
    for each in results:
        progress.on_result(each)
    resumed, steps = len(results), job.plan.steps
    for number in range(resumed, len(steps)):
        progress.on_step(number, steps[number], time_left_s(results, steps[number:]))
        started = time.monotonic()
        text, result = await _run_step(job, text, steps[number], provider, progress)
        result = replace(result, seconds=time.monotonic() - started)
        if journal is not None:
            journal.add(number, result)
        results.append(result)
        progress.on_result(result)
    return ModuleResult(text, tuple(results), resumed)


def _resumed(job: ModuleJob, journal: Journal | None) -> tuple[str, list[StepResult]]:
    """Return the text after the steps that the journal contains, and their results."""
    text: str = job.text
    results: list[StepResult] = []
    for step, each in zip(job.plan.steps, [] if journal is None else journal.finished(), strict=False):
        end = each.start + len(each.old)
        if (each.step.symbol, each.step.instruction) != (step.symbol, step.instruction):
            break
        if text[each.start : end] != each.old:
            break
        text = text[: each.start] + each.new + text[end:]
        results.append(each)
    return text, results


async def _run_step(
    job: ModuleJob, text: str, step: Step, provider: Provider, progress: ModuleProgress
) -> tuple[str, StepResult]:
    """Return the text after a step, and the result of the step without its duration."""
    member = find_member(text, job.language, step.symbol)
    if member is None:
        return text, StepResult(step, "unchanged", GONE)
    old = text[member.unit.start : member.unit.end]
    unchanged = StepResult(step, "unchanged", start=member.unit.start, old=old, new=old)
    goal = goal_of(step.instruction, job.language)
    if not needs(goal, member, job.language):
        return text, replace(unchanged, result="done", reason=ALREADY)
    try:
        proposal = await _proposal(job, text, step, member, provider, progress)
    except (UsageError, PromptTooLongError, ParseTimeoutError) as error:
        return text, replace(unchanged, reason=error.what)
    unchanged = replace(
        unchanged,
        prompt_tokens=proposal.prompt_tokens,
        reused_tokens=proposal.reused_tokens,
        generated_tokens=proposal.generated_tokens,
    )
    chosen, verdict = await _choose(proposal, job.final)
    if chosen is None:
        return text, replace(unchanged, reason=_why(verdict, proposal), checks=verdict.checks)
    start, old, new = replaced(text, chosen.text, chosen.hunks, member.unit)
    return chosen.text, replace(unchanged, result="done", start=start, old=old, new=new, checks=verdict.checks)


def _why(verdict: Verdict, proposal: Proposal) -> str:
    """Return why no candidate is kept, on one line."""
    if not verdict.failed:
        return proposal.reason or ""
    first = verdict.failed[0]
    return f"{first.check} failed: {first.evidence.partition(chr(10))[0]}"


def replaced(old: str, new: str, changes: Sequence[Hunk], unit: Unit) -> tuple[int, str, str]:
    """Return the start, the old text and the new text of the smallest piece that contains the unit and all changes.

    Besides the unit, an edit may change the imports of the file.
    """
    start = min((unit.start, *(each.start for each in changes)))
    end = max((unit.end, *(each.end for each in changes)))
    return start, old[start:end], new[start : end + len(new) - len(old)]


async def _proposal(
    job: ModuleJob, text: str, step: Step, member: Member, provider: Provider, progress: ModuleProgress
) -> Proposal:
    """Let the model rewrite a member.

    Raises:
        UsageError: the member is too long, or the model must not read it.
        PromptTooLongError: the member is too long.
        ParseTimeoutError: parsing takes too long.
    """
    info = await provider.describe(job.model, explicit=True, on_loading=progress.on_loading)
    unit, goal = member.unit, goal_of(step.instruction, job.language)
    room = fitting(unit.end - unit.start, len(step.instruction), info.context_tokens)
    if room is None:
        raise UsageError(f"`{step.symbol}` has {member.lines} lines, which is too long for the model's context.")
    candidates, max_tokens = room
    request = edit_request(job.project, job.path, text, (unit.start, unit.end), step.instruction, unit.extent)
    request = replace(
        request,
        unit=unit,
        model=job.model,
        candidates=candidates,
        max_tokens=max_tokens,
        # A docstring of Python is below the signature; other languages have their documentation above it.
        keep_signature=goal == "documentation" and job.language.name == "python",
    )
    check = project_checks(request, job.project, job.isolation)

    async def checks(new: str) -> Verdict:
        verdict = await check(new)
        reached = check_goal(goal, member, job.language, text, new)
        return verdict if reached is None else with_goal(verdict, goal, reached)

    return await propose(request, provider, checks, EditProgress(progress.on_loading, progress.on_text))


def with_goal(verdict: Verdict, goal: Goal, reached: Check) -> Verdict:
    """Return a verdict with the check `goal`.

    If only types have changed, a failed check `signature` counts as passed, because callers in other files stay valid.
    """
    if goal == "types" and reached.result == "passed":
        signature = Check("signature", "passed", "only types have changed")
        failed = [each for each in verdict.failed if each.check == "signature"]
        verdict = Verdict(tuple(signature if each in failed else each for each in verdict.checks))
    return verdict.with_checks([reached])


def fitting(characters: int, instruction: int, context_tokens: int) -> tuple[int, int] | None:
    """Return how many candidates fit into the model's context, and the maximum number of tokens of each.

    None if not even one candidate fits. All candidates share the cells of the prompt.

    Args:
        characters: length of the code to rewrite.
        instruction: length of the instruction, in characters.
        context_tokens: length of the model's context.
    """
    prompt = math.ceil((characters + instruction) / CHARACTERS_PER_TOKEN) + PROMPT_TOKENS + CONTEXT_TOKENS
    answer = math.ceil(characters / CHARACTERS_PER_TOKEN * GROWTH) + MORE_TOKENS
    candidates = min(CANDIDATES, (math.floor(context_tokens * FILLED) - prompt) // (answer + DRAFT_TOKENS))
    return (candidates, answer) if candidates > 0 else None


async def _choose(proposal: Proposal, final: Checks | None) -> tuple[EditCandidate | None, Verdict]:
    """Return the best candidate without a failed check, and its verdict.

    The costly checks run only on candidates that pass all other checks, until one passes. If no candidate passes,
    return None and the verdict on the best candidate.
    """
    first: Verdict | None = None
    for each in proposal.candidates:
        verdict = each.verdict
        if final is not None and not verdict.failed:
            verdict = verdict.with_checks((await final(each.text)).checks)
        if not verdict.failed:
            return each, verdict
        first = first or verdict
    return None, first or Verdict()
