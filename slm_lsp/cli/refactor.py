"""`slm-lsp refactor FILE[:A-B] -i TEXT`: proposes one checked edit as a diff, or writes it to the file."""

import argparse
import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from slm_lsp.cli import refactor_module
from slm_lsp.cli.edits import (
    EXIT_CHECK_FAILED,
    EXIT_NO_EDIT,
    EditReport,
    EditTarget,
    lines_of_unit,
    read_edit_target,
    unified_diff,
)
from slm_lsp.cli.output import emit, emit_json, note
from slm_lsp.cli.refactor_rules import add_rule_options, list_rules, run_rule
from slm_lsp.cli.testing import add_test_options, checks_with_tests, shown
from slm_lsp.errors import UsageError

if TYPE_CHECKING:
    from slm_lsp.cli.stages import StageDisplay
    from slm_lsp.config import Settings
    from slm_lsp.features.edit.propose import Proposal
    from slm_lsp.index.project import Project
    from slm_lsp.routing.policy import Choice

DESCRIPTION = """Rewrites a piece of a file as instructed. The model rewrites the smallest function, class or group of
statements that contains the lines, several times. The results are checked, and the best one is printed as a diff on
standard output. The file changes only with --write. With --test, the edit is also checked with your test command. With
--rule, slm-lsp applies an exact rule instead, without a model."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("refactor", parents=[common], help="rewrite a piece of a file as instructed")
    parser.description = DESCRIPTION
    parser.epilog = "example: slm-lsp refactor app.py:10-20 -i 'use a list comprehension' --write"
    parser.add_argument(
        "file",
        metavar="FILE[:A-B]",
        nargs="?",
        help="source file and lines A to B; a single line A means the code around line A",
    )
    parser.add_argument("-i", "--instruction", metavar="TEXT", help="what to change")
    parser.add_argument("--write", action="store_true", help="write the edit to the file instead of printing a diff")
    add_rule_options(parser)
    add_test_options(parser)
    refactor_module.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the command. Exit code: 0 proposed or written, 1 no edit, 3 proposed although a check failed."""
    if args.list_rules:
        return list_rules()
    whole = refactor_module.is_wanted(args)
    given = [each for each in (args.instruction, args.rule, args.plan_file) if each is not None]
    if args.file is None or len(given) != 1:
        raise UsageError("Name a file, and either an instruction or a rule.", "Use FILE -i TEXT, or FILE --rule NAME.")
    if whole:
        return refactor_module.run(args)
    target = read_edit_target(args.file, args.workspace)
    return run_rule(args, target) if args.rule else _rewrite(args, target)


def _rewrite(args: argparse.Namespace, target: EditTarget) -> int:
    """Let the model rewrite the code as instructed, and print the edit or write it to the file."""
    from slm_lsp.cli.stages import stage_display
    from slm_lsp.config import load_settings
    from slm_lsp.features.edit.files import write_version
    from slm_lsp.index.project import open_project

    settings = load_settings(target.workspace)
    for problem in settings.problems:
        note(args, problem)
    if args.model:
        settings = replace(settings, model=args.model)
    project = open_project(target.workspace)
    started = time.monotonic()
    with stage_display(args) as display:
        choice, proposal = asyncio.run(_propose(args, target, settings, project, display))
    seconds = time.monotonic() - started
    best = proposal.best
    applied = best is not None and args.write and not best.verdict.failed
    if best is not None and applied:
        write_version(target.file, best.text)
    if args.json:
        tokens = (proposal.prompt_tokens, proposal.reused_tokens, proposal.generated_tokens)
        report = EditReport(
            target.path,
            target.file.text,
            best,
            applied,
            choice.name,
            choice.tier,
            proposal.reason,
            seconds,
            tokens,
        )
        emit_json(report.as_json())
    elif best is not None and not applied:
        emit(unified_diff(target.path, target.file.text, best.text).rstrip("\n"))
    if best is None:
        note(args, f"No edit: {proposal.reason}")
        return EXIT_NO_EDIT
    for check in best.verdict.checks:
        note(args, shown(check))
    if args.write:
        note(args, f"{target.path}: written" if applied else f"{target.path}: not written, because a check failed")
    return EXIT_CHECK_FAILED if best.verdict.failed else 0


async def _propose(
    args: argparse.Namespace,
    target: EditTarget,
    settings: "Settings",
    project: "Project",
    display: "StageDisplay",
) -> "tuple[Choice, Proposal]":
    from slm_lsp.cli.stages import loading_stages
    from slm_lsp.engine.client.connection import EngineClient
    from slm_lsp.features.edit.prepare import edit_request, project_checks
    from slm_lsp.features.edit.propose import EditProgress, propose
    from slm_lsp.routing.choose import best

    on_loading = loading_stages(display)
    request = edit_request(project, target.path, target.file.text, target.selection, args.instruction)
    if request.unit.widened:
        span = lines_of_unit(target.file.text, request.unit)
        note(args, f"The edit may change lines {span}, which contain the selected lines.")
    tests = await checks_with_tests(args, target, settings.sandbox, display)
    async with EngineClient() as engine:
        display.begin("starting the model process")
        choice = await best(engine, settings)
        display.begin(f"loading {choice.name}")
        request = replace(request, model=choice.model)
        progress = EditProgress(on_loading, lambda text: display.begin(f"writing, {len(text.splitlines())} lines"))
        checks = project_checks(request, project, settings.sandbox)
        return choice, await propose(request, engine, checks, progress, tests)
