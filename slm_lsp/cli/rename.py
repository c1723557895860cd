"""`slm-lsp rename FILE:LINE:COL NEW_NAME`: renames a symbol in the whole project, without a model."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from slm_lsp.cli.edits import unified_diff
from slm_lsp.cli.output import emit, emit_json, note
from slm_lsp.cli.target import find_workspace, parse_position
from slm_lsp.errors import UsageError

if TYPE_CHECKING:
    from slm_lsp.features.edit.changes import FileChange
    from slm_lsp.features.edit.rename.rename import Renaming

DESCRIPTION = """Renames the symbol at a position in all files of the project, by rules and without a model. Prints a
diff on standard output; files change only with --write. If some uses of the name cannot be resolved, nothing is renamed
and these places are listed. Strings and comments do not change."""

_POSITION = re.compile(r"(?P<file>.+):(?P<position>[0-9]+:[0-9]+)")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("rename", parents=[common], help="rename a symbol in the whole project")
    parser.description = DESCRIPTION
    parser.epilog = "example: slm-lsp rename app.py:12:5 total --write"
    parser.add_argument("place", metavar="FILE:LINE:COL", help="a place where the name is written; both count from 1")
    parser.add_argument("name", metavar="NEW_NAME", help="the new name")
    parser.add_argument("--write", action="store_true", help="write the files instead of printing a diff")
    parser.add_argument(
        "--only-resolved",
        action="store_true",
        help="rename although some uses are uncertain; these keep the old name and are listed",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Rename a symbol. Exit code: 0 renamed, 1 refused."""
    from slm_lsp.cli.target import read_text
    from slm_lsp.features.edit.changes import apply_change
    from slm_lsp.features.edit.rename.rename import rename
    from slm_lsp.features.edit.rename.sources import Sources
    from slm_lsp.text import Lines

    match = _POSITION.fullmatch(args.place)
    if match is None:
        raise UsageError(f"Invalid place {args.place!r}.", "Use FILE:LINE:COL, for example app.py:12:5.")
    file = Path(match["file"])
    offset = parse_position(match["position"], Lines(read_text(file)), file)
    full = file.resolve()
    root = Path(args.workspace).resolve() if args.workspace else find_workspace(full)
    if not root.is_dir():
        raise UsageError(f"{args.workspace} is not a folder.")
    if not full.is_relative_to(root):
        raise UsageError(f"{file} is outside the workspace {root}.")
    path = full.relative_to(root).as_posix()
    found = rename(Sources(root, {}), path, offset, args.name, only_resolved=args.only_resolved)
    if args.write:
        apply_change(root, found.change)
    if args.json:
        emit_json(_as_json(found, applied=args.write))
    elif not args.write:
        for each in found.change.files:
            emit(unified_diff(each.path, each.old, each.new).rstrip("\n"))
    for line in found.change.notes:
        note(args, line)
    count = len(found.change.files)
    done = "renamed" if args.write else "would be renamed"
    note(args, f"{found.kind} `{found.old}` {done} to `{found.new}` in {count} file{'' if count == 1 else 's'}")
    return 0


def _as_json(found: "Renaming", *, applied: bool) -> dict[str, object]:
    return {
        "kind": found.kind,
        "old": found.old,
        "new": found.new,
        "hunks": [hunk for each in found.change.files for hunk in _hunks(each)],
        "notes": found.change.notes,
        "applied": applied,
    }


def _hunks(change: "FileChange") -> list[dict[str, object]]:
    from slm_lsp.features.edit.hunks import hunks
    from slm_lsp.text import Lines

    lines = Lines(change.old)
    found: list[dict[str, object]] = []
    for each in hunks(change.old, change.new):
        start, end = lines.position(each.start), lines.position(each.end)
        place = {
            "start": {"line": start.line + 1, "column": start.column + 1},
            "end": {"line": end.line + 1, "column": end.column + 1},
        }
        found.append({"path": change.path, "range": place, "old": each.old, "new": each.new})
    return found
