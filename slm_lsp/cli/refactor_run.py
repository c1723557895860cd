"""Runs the plan of a module for the command line: shows progress, writes the file once, prints a summary."""

import argparse
import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slm_lsp.cli.output import emit, emit_json, note
from slm_lsp.cli.testing import checks_with_tests
from slm_lsp.errors import EngineError, InterruptedCommandError, StaleEditError

if TYPE_CHECKING:
    from slm_lsp.cli.edits import EditTarget
    from slm_lsp.cli.stages import StageDisplay
    from slm_lsp.config import Settings
    from slm_lsp.features.edit.module.execute import ModuleProgress
    from slm_lsp.features.edit.module.journal import Journal
    from slm_lsp.features.edit.module.plan import Plan, Step
    from slm_lsp.features.edit.module.result import ModuleResult, StepResult
    from slm_lsp.features.edit.propose import Checks
    from slm_lsp.languages.registry import Language
    from slm_lsp.routing.policy import Choice

EXIT_NOTHING_DONE = 1
EXIT_PARTLY_DONE = 3

MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Module:
    """A file, and the plan to run on it."""

    target: "EditTarget"
    language: "Language"
    plan: "Plan"
    settings: "Settings"


def run_module(args: argparse.Namespace, module: Module) -> int:
    """Run a plan, write or print the result, and return the exit code.

    Raises:
        InterruptedCommandError: the user interrupted the run. The finished steps are kept.
        SlmError: the model could not answer, or the file cannot be written.
    """
    from slm_lsp.features.edit.module.result import ModuleResult

    if not module.plan.steps:
        if args.json:
            emit_json(_as_json(module, None, ModuleResult(module.target.file.text, ()), 0.0, applied=False))
        return EXIT_NOTHING_DONE
    journal = _open_journal(args, module)
    started = time.monotonic()
    with nullcontext() if journal is None else closing(journal):
        choice, result = _until_finished(args, module, journal)
        changed = result.text != module.target.file.text
        applied = args.write and changed
        if applied:
            _write(args, module.target, result.text)
            if journal is not None:
                journal.clear()
    if args.json:
        emit_json(_as_json(module, choice, result, time.monotonic() - started, applied=applied))
    elif changed and not applied:
        emit(_diff(module.target, result.text))
    _print_summary(args, module.target, result, applied)
    if not result.done:
        return EXIT_NOTHING_DONE
    return 0 if result.done == len(result.steps) else EXIT_PARTLY_DONE


def _until_finished(
    args: argparse.Namespace, module: Module, journal: "Journal | None"
) -> "tuple[Choice, ModuleResult]":
    """Run all steps. If the run ends early, say how to continue it."""
    finished: list[StepResult] = []
    try:
        choice, result = _execute(args, module, journal, finished.append)
    except (KeyboardInterrupt, EngineError) as error:
        kept = journal is not None and journal.problem is None
        what = f"{len(finished)} of {len(module.plan.steps)} steps are finished" + (" and kept." if kept else ".")
        cure = "Run the same command again to continue with the other steps." if kept else ""
        if isinstance(error, KeyboardInterrupt):
            raise InterruptedCommandError(f"Interrupted: {what}", cure) from None
        note(args, f"{what} {cure}".rstrip())
        raise
    if journal is not None and journal.problem is not None:
        note(args, f"The journal could not be written: {journal.problem}.")
    return choice, result


def _write(args: argparse.Namespace, target: "EditTarget", text: str) -> None:
    from slm_lsp.features.edit.files import write_version

    try:
        write_version(target.file, text)
    except StaleEditError:
        # The steps took minutes, so the user gets them at least as a diff.
        if not args.json:
            emit(_diff(target, text))
        raise


def _diff(target: "EditTarget", text: str) -> str:
    from slm_lsp.cli.edits import unified_diff

    return unified_diff(target.path, target.file.text, text).rstrip("\n")


def _print_summary(args: argparse.Namespace, target: "EditTarget", result: "ModuleResult", applied: bool) -> None:
    from slm_lsp.features.edit.module.result import summary

    for line in summary(result):
        if applied and not args.json:
            emit(line)
        else:
            note(args, line)
    if args.write:
        note(args, f"{target.path}: written" if applied else f"{target.path}: not written, because nothing changed")


def _open_journal(args: argparse.Namespace, module: Module) -> "Journal | None":
    """Return the journal; None, with a note, if it cannot be used."""
    from filelock import Timeout

    from slm_lsp import __version__
    from slm_lsp.features.edit.module.journal import Journal, default_path, run_key

    path = default_path()
    try:
        journal = Journal(
            path,
            run_key(module.target.file.path, module.plan, module.settings.model, _test_line(args, module), __version__),
        )
    except (sqlite3.Error, OSError, Timeout) as error:
        note(args, f"The journal {path} cannot be used, so an interrupted run cannot be continued: {error}.")
        return None
    if args.restart:
        journal.clear()
    return journal


def _test_line(args: argparse.Namespace, module: Module) -> str:
    """Return the command line of the tests that decide about the steps; empty if no tests run."""
    from slm_lsp.features.edit.test_commands import remembered

    if args.no_test:
        return ""
    return remembered(module.target.workspace) or "" if args.test is None else args.test.strip()


def _tests(args: argparse.Namespace, module: Module, display: "StageDisplay") -> "Checks":
    """Return the user's tests as a check. When the first edit is checked, the tests first run without the edit."""
    from slm_lsp.features.verify.verdict import Verdict

    found: list[Checks | None] = []

    async def tests(text: str) -> Verdict:
        if not found:
            found.append(await checks_with_tests(args, module.target, module.settings.sandbox, display))
        return Verdict() if found[0] is None else await found[0](text)

    return tests


def _execute(
    args: argparse.Namespace,
    module: Module,
    journal: "Journal | None",
    on_result: "Callable[[StepResult], None]",
) -> "tuple[Choice, ModuleResult]":
    from slm_lsp.cli.stages import stage_display
    from slm_lsp.engine.client.connection import EngineClient
    from slm_lsp.features.edit.module.execute import ModuleJob, run_plan
    from slm_lsp.index.project import open_project
    from slm_lsp.routing.choose import best

    target, settings = module.target, module.settings
    if journal is not None and (known := len(journal.finished())):
        note(args, f"Continuing an earlier run: {known} of {len(module.plan.steps)} steps are already finished.")

    async def execute(display: "StageDisplay") -> "tuple[Choice, ModuleResult]":
        async with EngineClient() as engine:
            display.begin("starting the model process")
            choice = await best(engine, settings)
            job = ModuleJob(
                open_project(target.workspace),
                target.path,
                target.file.text,
                module.language,
                module.plan,
                choice.model,
                settings.sandbox,
                _tests(args, module, display),
            )
            return choice, await run_plan(job, engine, journal, _progress(display, choice, module.plan, on_result))

    with stage_display(args) as display:
        return asyncio.run(execute(display))


def _progress(
    display: "StageDisplay", choice: "Choice", plan: "Plan", on_result: "Callable[[StepResult], None]"
) -> "ModuleProgress":
    from slm_lsp.features.edit.module.execute import ModuleProgress

    shown = ""

    def on_step(number: int, step: "Step", left_s: float | None) -> None:
        nonlocal shown
        left = "" if left_s is None else f", about {_duration(left_s)} left"
        shown = f"step {number + 1} of {len(plan.steps)}: {step.symbol}{left}"
        display.begin(shown)

    def on_loading(fraction: float) -> None:
        if fraction < 1:
            display.begin(f"loading {choice.name}")
            display.advance(fraction)
        else:
            display.begin(shown)

    return ModuleProgress(on_loading, on_step, on_result=on_result)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < MINUTE_S else f"{seconds / MINUTE_S:.0f} min"


def _as_json(
    module: Module, choice: "Choice | None", result: "ModuleResult", seconds: float, *, applied: bool
) -> dict[str, object]:
    from slm_lsp.cli.edits import hunk_json
    from slm_lsp.features.edit.hunks import hunks
    from slm_lsp.features.edit.propose import MILLISECONDS

    return {
        "steps": [
            {
                "symbol": each.step.symbol,
                "instruction": each.step.instruction,
                "result": each.result,
                "reason": each.reason or None,
                "verdict": each.checks,
                "seconds": each.seconds,
            }
            for each in result.steps
        ],
        "notes": module.plan.notes,
        "hunks": [
            hunk_json(module.target.path, module.target.file.text, each)
            for each in hunks(module.target.file.text, result.text)
        ],
        "applied": applied,
        "resumed": result.resumed,
        "model": None if choice is None else choice.name,
        "tier": None if choice is None else choice.tier,
        "timing": {"total_ms": seconds * MILLISECONDS},
        "tokens": {
            "prompt": sum(each.prompt_tokens for each in result.steps),
            "reused": sum(each.reused_tokens for each in result.steps),
            "generated": sum(each.generated_tokens for each in result.steps),
        },
    }
