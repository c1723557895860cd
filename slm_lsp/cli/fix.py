"""`slm-lsp fix FILE[:A-B]`: proposes one checked fix of an error as a diff, or writes it to the file."""

import argparse
import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from slm_lsp.cli.edits import EXIT_CHECK_FAILED, EXIT_NO_EDIT, EditReport, EditTarget, read_edit_target, unified_diff
from slm_lsp.cli.output import emit, emit_json, note
from slm_lsp.cli.testing import add_test_options, chosen_test_command, shown

if TYPE_CHECKING:
    from slm_lsp.cli.stages import StageDisplay
    from slm_lsp.config import Settings
    from slm_lsp.engine.api import Provider
    from slm_lsp.features.edit.files import FileVersion
    from slm_lsp.features.fix.fix import FixResult
    from slm_lsp.features.fix.plan import FixJob
    from slm_lsp.routing.policy import Choice

DESCRIPTION = """Fixes an error in a file. The error is the text of --error, the output of the failing tests of --test,
or the message of the compiler. Rules fix simple errors. For other errors, the model writes several versions of the
function that contains the error. A fix is accepted if no check fails and the tests pass. It is printed as a diff on
standard output; the file changes only with --write. A fix that is not accepted is printed too, but never written."""

EPILOG = """examples:
  slm-lsp fix shop.py --test 'pytest -q tests/test_shop.py'
  slm-lsp fix shop.py:12 --error "TypeError: unsupported operand type(s) for +: 'int' and 'str'"
  python app.py 2>&1 | slm-lsp fix app.py --error -"""

MAX_ERROR_BYTES = 4 * 2**20
"""Maximum number of bytes of the error text on standard input. Of a longer text, only the end is used."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "fix", parents=[common], help="fix an error", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument(
        "file",
        metavar="FILE[:A-B]",
        help="source file, and the lines A to B that may change; a single line A means the code around line A. Without "
        "lines, slm-lsp finds them with the error",
    )
    parser.add_argument(
        "--error", metavar="TEXT", help="the error message or stack trace; - reads it from standard input"
    )
    parser.add_argument("--write", action="store_true", help="write the fix to the file instead of printing a diff")
    add_test_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Propose a fix. Exit code: 0 an accepted fix was printed or written, 1 no fix, 3 a fix that is not accepted."""
    from slm_lsp.cli.stages import stage_display
    from slm_lsp.config import load_settings
    from slm_lsp.features.edit.test_commands import remember
    from slm_lsp.features.fix.plan import FixJob

    target = read_edit_target(args.file, args.workspace)
    settings = load_settings(target.workspace)
    for problem in settings.problems:
        note(args, problem)
    if args.model:
        settings = replace(settings, model=args.model)
    error = _read_error() if args.error == "-" else args.error or ""
    command = chosen_test_command(args, target)
    job = FixJob(
        target.workspace,
        target.path,
        target.file.text,
        selection=target.selection if target.has_lines else None,
        error=error,
        command=command,
        isolation=settings.sandbox,
    )
    started = time.monotonic()
    with stage_display(args) as display:
        result = asyncio.run(_fix(job, settings, display))
    seconds = time.monotonic() - started
    if args.test and result.tests_ran:
        remember(target.workspace, args.test)
    applied = args.write and result.accepted
    if applied and result.candidate is not None:
        _write(target, result)
    return _report(args, result, seconds, applied)


def _report(args: argparse.Namespace, result: "FixResult", seconds: float, applied: bool) -> int:
    """Print the result, and return the exit code."""
    best, choice = result.candidate, result.choice
    if args.json:
        name = "rules" if result.by == "rules" else choice.name if choice else None
        tier = choice.tier if choice and result.by != "rules" else None
        tokens = (result.prompt_tokens, result.reused_tokens, result.generated_tokens)
        report = EditReport(result.path, result.old, best, applied, name, tier, result.reason, seconds, tokens)
        emit_json(report.as_json())
    elif best is not None and not applied:
        emit(unified_diff(result.path, result.old, best.text).rstrip("\n"))
    if best is None:
        note(args, f"No fix: {result.reason}")
        return EXIT_NO_EDIT
    if result.why:
        note(args, result.why)
    for check in best.verdict.checks:
        note(args, shown(check))
    if result.reason:
        note(args, result.reason)
    if args.write:
        note(args, f"{result.path}: written" if applied else f"{result.path}: not written")
    return 0 if result.accepted else EXIT_CHECK_FAILED


async def _fix(job: "FixJob", settings: "Settings", display: "StageDisplay") -> "FixResult":
    from slm_lsp.cli.stages import loading_stages
    from slm_lsp.engine.client.connection import EngineClient
    from slm_lsp.features.edit.propose import EditProgress
    from slm_lsp.features.fix.fix import FixProgress, make_fix
    from slm_lsp.index.project import open_project
    from slm_lsp.routing.choose import best

    async with AsyncExitStack() as stack:

        async def open_model() -> "tuple[Provider, Choice]":
            engine = await stack.enter_async_context(EngineClient())
            return engine, await best(engine, settings)

        edit = EditProgress(
            loading_stages(display), lambda text: display.begin(f"writing, {len(text.splitlines())} lines")
        )
        return await make_fix(job, open_project(job.root), open_model, FixProgress(edit, display.begin))


def _write(target: EditTarget, result: "FixResult") -> None:
    """Write an accepted fix to the file that it changes. This need not be the file that the user named."""
    from slm_lsp.errors import StaleEditError
    from slm_lsp.features.edit.files import read_version, write_version

    version: FileVersion = target.file
    if result.path != target.path:
        version = read_version(target.workspace / result.path)
        if version.text != result.old:
            raise StaleEditError(f"{version.path} has changed since the fix was made.", "Run the command again.")
    if result.candidate is not None:
        write_version(version, result.candidate.text)


def _read_error() -> str:
    """Return the end of standard input as text."""
    tail = b""
    while piece := sys.stdin.buffer.read(2**16):
        tail = (tail + piece)[-MAX_ERROR_BYTES:]
    return tail.decode("utf-8", errors="replace")
