"""Fix an error: find the place, try rules and then the model, and let the checks and the tests choose."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from slm_lsp.engine.api import Provider
from slm_lsp.errors import SandboxUnavailableError, UsageError
from slm_lsp.features.edit.hunks import hunks
from slm_lsp.features.edit.prepare import project_checks
from slm_lsp.features.edit.propose import EditCandidate, EditProgress, propose
from slm_lsp.features.edit.request import CANDIDATES
from slm_lsp.features.edit.units import Unit
from slm_lsp.features.fix.plan import FixJob, Plan, further_fixes, make_plan, read_scene
from slm_lsp.features.fix.problem import RuleFix
from slm_lsp.features.fix.spectrum import Called, ranked, traced_runs
from slm_lsp.features.fix.trial import Before, Evidence, Trial, has_failed
from slm_lsp.features.verify.compiled import compiler_output
from slm_lsp.features.verify.tests import TestCommand, judge, output_of, run_tests
from slm_lsp.index.project import Project
from slm_lsp.languages.registry import language_of
from slm_lsp.routing.policy import Choice

CANDIDATES_WITH_TESTS = 8
"""Number of answers to generate together if tests choose among them."""

MAX_ROUNDS = 3
"""Maximum number of errors that rules fix one after the other."""

TESTS_PASS = "The tests pass already, and no error was given."  # noqa: S105 - not a password

OpenModel = Callable[[], Awaitable[tuple[Provider, Choice]]]
"""Returns the provider and the model that it runs. This function is called only if no rule fixes the error."""


@dataclass(frozen=True, slots=True)
class FixProgress:
    """Functions that are called while a fix is made."""

    edit: EditProgress = field(default_factory=EditProgress)
    on_stage: Callable[[str], None] = lambda _: None
    """Called with the name of each stage, such as `running the tests`."""


@dataclass(frozen=True, slots=True)
class FixResult:
    """The result of fixing an error: the proposed fix, or the reason why no fix is proposed."""

    path: str
    """The file that is fixed. It differs from the path in the job if the error comes from another file."""
    old: str
    """The text of the file before the fix."""
    candidate: EditCandidate | None = None
    accepted: bool = False
    """Whether no check failed and, if a test command was given, the tests pass. Other candidates are never written."""
    by: Literal["rules", "model"] | None = None
    choice: Choice | None = None
    """The model, if it was used."""
    unit: Unit | None = None
    """The code that the model could change; None for a fix by rules."""
    why: str = ""
    """What a rule did; empty for a fix by the model."""
    reason: str | None = None
    """Why there is no fix, or why it is not accepted."""
    prompt_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0
    tests_ran: bool = False
    """Whether the test command could run."""


async def make_fix(
    job: FixJob, project: Project, open_model: OpenModel, progress: FixProgress | None = None
) -> FixResult:
    """Fix an error. Cancelling this coroutine ends the tests and the request to the model.

    With a test command, the tests must fail before the fix, and their output is the evidence. The first candidate
    that passes them is accepted; fixes by rules are tried before the answers of the model. Without a test command, the
    evidence is the given error, or the message of the compiler.

    Args:
        job: what to fix.
        project: the project of the file.
        open_model: returns the model.
        progress: called at the start of each stage.

    Raises:
        UsageError: there is no error to fix, or the place of the error is not clear.
        SandboxUnavailableError: a test command was given, and programs cannot be isolated on this machine.
        SlmError: the model could not answer.
    """
    progress = progress or FixProgress()
    tests = None if job.command is None else await _run_before(job, job.command, progress)
    if tests is not None and not job.error.strip() and tests.check.result != "failed":
        passed = tests.check.result == "passed"
        return FixResult(job.path, job.text, reason=TESTS_PASS if passed else tests.check.evidence, tests_ran=passed)
    evidence = await _evidence(job, tests, progress)
    job = job if evidence.tests_run else replace(job, command=None)
    plan = await _plan(job, project, evidence.output, progress)
    trial = Trial(job, plan.path, evidence, progress.on_stage)
    result = await _by_rules(plan, trial, project)
    if result is None or not result.accepted:
        by_model = await _by_model(plan, trial, project, open_model, progress)
        result = by_model if by_model.candidate is not None or result is None else result
    return replace(result, tests_ran=evidence.tests_run)


async def _plan(job: FixJob, project: Project, output: str, progress: FixProgress) -> Plan:
    """Plan the fix. If the output names only tests, find out which functions the failing Python tests call."""
    scene = await asyncio.to_thread(read_scene, job, project, output)
    ranking: Sequence[Called] = ()
    if scene.target is None and job.command is not None and job.path.endswith(".py"):
        progress.on_stage("finding the functions that the failing tests call")
        ranking = ranked(await traced_runs(job.command, job.root, {job.path: job.text}, job.isolation))
    return await asyncio.to_thread(make_plan, job, project, output, scene, ranking)


async def _run_before(job: FixJob, command: TestCommand, progress: FixProgress) -> Before:
    progress.on_stage("running the tests")
    outcome = await run_tests(command, job.root, {job.path: job.text}, job.isolation)
    return Before(outcome, judge(command, outcome))


async def _evidence(job: FixJob, tests: Before | None, progress: FixProgress) -> Evidence:
    """Return the evidence of the error: the given error, the output of failing tests, or the compiler's message."""
    output = job.error
    if tests is not None and tests.check.result == "failed":
        output = f"{output}\n{output_of(tests.outcome)}" if output.strip() else output_of(tests.outcome)
    progress.on_stage("compiling the file")
    language = language_of(job.path, job.text.partition("\n")[0])
    try:
        compiler = await compiler_output(language, job.path, job.text, job.isolation)
    except SandboxUnavailableError:
        compiler = ""
    output = output if output.strip() else compiler
    if not output.strip():
        raise UsageError(
            f"No error was found in {job.path}.",
            "Give the error with --error TEXT (or --error - to read it from standard input), or tests with --test CMD.",
        )
    return Evidence(output, bool(compiler), tests)


async def _by_rules(plan: Plan, trial: Trial, project: Project) -> FixResult | None:
    """Return the first fix by rules that is accepted, or else the best one; None if no rule applies.

    If the tests or the compiler report another error after a fix, rules are applied to that error too.
    """
    checks = trial.checks(project_checks(plan.requests[0], project, trial.job.isolation))
    tried: dict[str, RuleFix] = {}
    candidates: list[EditCandidate] = []
    proposed = plan.fixes
    for _ in range(MAX_ROUNDS):
        new = [each for each in proposed if each.text not in tried]
        if not new:
            break
        trial.on_stage(f"checking {len(new)} fixes by rules")
        for each in new:
            tried[each.text] = each
            candidates.append(EditCandidate(each.text, hunks(plan.text, each.text), await checks(each.text), 0.0))
            if trial.problem(candidates[-1].verdict) is None:
                return _result_of_rules(plan, trial, candidates[-1], each.why)
        last = trial.best_of(candidates[-len(new) :])
        output = "" if last is None else await trial.next_output(last.text)
        if last is None or not output:
            break
        more = await asyncio.to_thread(further_fixes, trial.job, project, output, plan.path, last.text)
        proposed = tuple(RuleFix(each.text, f"{tried[last.text].why} {each.why}") for each in more)
    best = trial.best_of(candidates)
    if best is None or has_failed(best.verdict, "parsed"):
        return None
    return _result_of_rules(plan, trial, best, tried[best.text].why)


def _result_of_rules(plan: Plan, trial: Trial, candidate: EditCandidate, why: str) -> FixResult:
    problem = trial.problem(candidate.verdict)
    return FixResult(plan.path, plan.text, candidate, problem is None, "rules", why=why, reason=problem)


async def _by_model(
    plan: Plan, trial: Trial, project: Project, open_model: OpenModel, progress: FixProgress
) -> FixResult:
    """Return the fix of the model: the first candidate that is accepted, or else the best one."""
    job = trial.job
    progress.on_stage("starting the model process")
    provider, choice = await open_model()
    result = FixResult(plan.path, plan.text, choice=choice)
    count = CANDIDATES if job.command is None else CANDIDATES_WITH_TESTS
    for each in plan.requests:
        request = replace(each, model=choice.model, candidates=count, first_pass=True)
        checks = trial.checks(project_checks(request, project, job.isolation))
        progress.on_stage(f"loading {choice.name}")
        proposal = await propose(request, provider, checks, progress.edit)
        best = trial.best_of(proposal.candidates)
        problem = proposal.reason if best is None else trial.problem(best.verdict)
        used = replace(
            result,
            prompt_tokens=result.prompt_tokens + proposal.prompt_tokens,
            reused_tokens=result.reused_tokens + proposal.reused_tokens,
            generated_tokens=result.generated_tokens + proposal.generated_tokens,
        )
        if best is None:
            result = replace(used, reason=result.reason or problem)
        elif problem is None or result.candidate is None:
            result = replace(
                used, candidate=best, accepted=problem is None, by="model", unit=request.unit, reason=problem
            )
        else:
            result = used
        if result.accepted:
            break
    return result
