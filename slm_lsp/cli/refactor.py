"""`slm-lsp refactor FILE[:A-B] -i TEXT`: proposes one checked edit as a diff, or writes it to the file."""

import argparse
import asyncio
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from slm_lsp.cli.output import emit, emit_json, note
from slm_lsp.cli.target import find_workspace
from slm_lsp.errors import UsageError

if TYPE_CHECKING:
    from slm_lsp.cli.stages import StageDisplay
    from slm_lsp.config import Settings
    from slm_lsp.features.edit.files import FileVersion
    from slm_lsp.features.edit.hunks import Hunk
    from slm_lsp.features.edit.propose import Checks, Proposal
    from slm_lsp.features.edit.request import EditRequest
    from slm_lsp.features.edit.units import Unit
    from slm_lsp.index.project import Project
    from slm_lsp.routing.policy import Choice

DESCRIPTION = """Rewrites a piece of a file as instructed. The model rewrites the smallest function, class or group of
statements that contains the lines, several times. The results are checked, and the best one is printed as a diff on
standard output. The file changes only with --write."""

CONTEXT_TOKENS = 400
"""Maximum number of tokens for signatures from other files in the prompt."""

EXIT_NO_EDIT = 1
EXIT_CHECK_FAILED = 3

_LINES = re.compile(r"(?P<file>.+?):(?P<first>[1-9][0-9]*)(?:-(?P<last>[1-9][0-9]*))?")


@dataclass(frozen=True, slots=True)
class EditTarget:
    """The lines of a file that the user named on the command line."""

    file: "FileVersion"
    workspace: Path
    path: str
    """Path of the file in the workspace, with `/`."""
    selection: tuple[int, int]
    """Start and end offset in the text. They are equal if the user named one line, which means the function around this
    line."""


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("refactor", parents=[common], help="rewrite a piece of a file as instructed")
    parser.description = DESCRIPTION
    parser.epilog = "example: slm-lsp refactor app.py:10-20 -i 'use a list comprehension' --write"
    parser.add_argument(
        "file", metavar="FILE[:A-B]", help="source file and lines A to B; a single line A means the code around line A"
    )
    parser.add_argument("-i", "--instruction", required=True, metavar="TEXT", help="what to change")
    parser.add_argument("--write", action="store_true", help="write the edit to the file instead of printing a diff")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Propose an edit. Exit code: 0 proposed or written, 1 no edit, 3 proposed although a check failed."""
    from slm_lsp.cli.stages import stage_display
    from slm_lsp.config import load_settings
    from slm_lsp.features.edit.files import write_version
    from slm_lsp.index.project import open_project

    target = read_edit_target(args.file, args.workspace)
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
    failed = best is not None and bool(best.verdict.failed)
    applied = False
    if best is not None and args.write and not failed:
        write_version(target.file, best.text)
        applied = True
    if args.json:
        emit_json(_as_json(target, choice, proposal, seconds, applied))
    elif best is not None and not applied:
        emit(unified_diff(target.path, target.file.text, best.text).rstrip("\n"))
    if best is None:
        note(args, f"No edit: {proposal.reason}")
        return EXIT_NO_EDIT
    for check in best.verdict.checks:
        note(args, f"{check.check}: {check.result}" + (f" ({check.evidence})" if check.evidence else ""))
    if args.write:
        note(args, f"{target.path}: written" if applied else f"{target.path}: not written, because a check failed")
    return EXIT_CHECK_FAILED if failed else 0


def read_edit_target(argument: str, workspace: str | None) -> EditTarget:
    """Return the target that `FILE[:A-B]` and `--workspace` name. Without lines, the target is the whole file.

    Raises:
        UsageError: the file cannot be edited, or does not have these lines.
    """
    from slm_lsp.features.edit.files import read_version
    from slm_lsp.text import Lines

    match = None if Path(argument).exists() else _LINES.fullmatch(argument)
    file = read_version(Path(match["file"] if match else argument))
    lines = Lines(file.text)
    selection = (0, len(file.text))
    if match:
        first, last = int(match["first"]), int(match["last"] or match["first"])
        if not first <= last <= len(lines.starts):
            what = f"Invalid lines {first}-{last}: {file.path} has {len(lines.starts)} lines."
            raise UsageError(what, "Use FILE:A-B, where A is not after B.")
        start = lines.starts[first - 1]
        selection = (start, lines.starts[last - 1] + len(lines.line(last - 1)) if match["last"] else start)
    full = file.path.resolve()
    root = Path(workspace).resolve() if workspace else find_workspace(full)
    if not root.is_dir():
        raise UsageError(f"{workspace} is not a folder.")
    path = full.relative_to(root).as_posix() if full.is_relative_to(root) else full.name
    return EditTarget(file, root, path, selection)


async def _propose(
    args: argparse.Namespace,
    target: EditTarget,
    settings: "Settings",
    project: "Project",
    display: "StageDisplay",
) -> "tuple[Choice, Proposal]":
    from slm_lsp.cli.stages import loading_stages
    from slm_lsp.engine.client.connection import EngineClient
    from slm_lsp.features.edit.propose import EditProgress, propose
    from slm_lsp.routing.choose import best

    on_loading = loading_stages(display)
    request, unit = _request(args, target, project)
    if unit.widened:
        note(args, f"The edit may change lines {_span(target.file.text, unit)}, which contain the selected lines.")
    async with EngineClient() as engine:
        display.begin("starting the model process")
        choice = await best(engine, settings)
        display.begin(f"loading {choice.name}")
        request = replace(request, model=choice.model)
        progress = EditProgress(on_loading, lambda text: display.begin(f"writing, {len(text.splitlines())} lines"))
        return choice, await propose(request, engine, _checks(request, project, settings), progress)


def _request(args: argparse.Namespace, target: EditTarget, project: "Project") -> "tuple[EditRequest, Unit]":
    from slm_lsp.engine.api import ModelRef
    from slm_lsp.features.edit.context import signatures
    from slm_lsp.features.edit.request import EditRequest
    from slm_lsp.features.edit.units import find_unit
    from slm_lsp.languages.registry import language_of

    text = target.file.text
    language = language_of(target.path, text.partition("\n")[0])
    unit = find_unit(text, target.selection, language)
    context = signatures(project, target.path, text, unit, language, CONTEXT_TOKENS)
    model = ModelRef("")
    return EditRequest(target.path, text, unit, args.instruction, model, language, context=context), unit


def _checks(request: "EditRequest", project: "Project", settings: "Settings") -> "Checks":
    from slm_lsp.features.completion.request import nothing_known
    from slm_lsp.features.edit.context import uses_in
    from slm_lsp.features.verify.compiled import check_compiled
    from slm_lsp.features.verify.names import check_names
    from slm_lsp.features.verify.parsed import check_parsed
    from slm_lsp.features.verify.verdict import Verdict

    is_known = project.reader.defines if project.reader else nothing_known
    uses = uses_in(project, request.path)

    async def checks(text: str) -> Verdict:
        parsed = check_parsed(request.language, request.text, text)
        names = check_names(request.language, request.text, text, is_known, uses)
        compiled = await check_compiled(request.language, request.path, request.text, text, settings.sandbox)
        return Verdict((parsed, *names, compiled))

    return checks


def unified_diff(path: str, old: str, new: str) -> str:
    """Return a unified diff that `patch -p1` and `git apply` understand."""
    from difflib import unified_diff as diff
    from io import StringIO

    before, after = (list(StringIO(text, newline="")) for text in (old, new))
    lines = diff(before, after, f"a/{path}", f"b/{path}")
    return "".join(each if each.endswith("\n") else f"{each}\n\\ No newline at end of file\n" for each in lines)


def _span(text: str, unit: "Unit") -> str:
    from slm_lsp.text import Lines

    lines = Lines(text)
    return f"{lines.position(unit.start).line + 1} to {lines.position(unit.end).line + 1}"


def _as_json(
    target: EditTarget, choice: "Choice", proposal: "Proposal", seconds: float, applied: bool
) -> dict[str, object]:
    from slm_lsp.features.edit.propose import MILLISECONDS

    best = proposal.best
    return {
        "hunks": [] if best is None else [_hunk(target, each) for each in best.hunks],
        "verdict": [] if best is None else best.verdict.checks,
        "applied": applied,
        "model": choice.name,
        "tier": choice.tier,
        "reason": proposal.reason,
        "timing": {"total_ms": seconds * MILLISECONDS},
        "tokens": {
            "prompt": proposal.prompt_tokens,
            "reused": proposal.reused_tokens,
            "generated": proposal.generated_tokens,
        },
    }


def _hunk(target: EditTarget, hunk: "Hunk") -> dict[str, object]:
    from slm_lsp.text import Lines

    lines = Lines(target.file.text)
    start, end = lines.position(hunk.start), lines.position(hunk.end)
    return {
        "path": target.path,
        "range": {
            "start": {"line": start.line + 1, "column": start.column + 1},
            "end": {"line": end.line + 1, "column": end.column + 1},
        },
        "old": hunk.old,
        "new": hunk.new,
    }
