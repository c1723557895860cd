"""`slm-lsp refactor … --rule NAME`: refactorings by rules, without a model."""

import argparse
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slm_lsp.cli.output import emit, emit_json, note
from slm_lsp.errors import UsageError

if TYPE_CHECKING:
    from slm_lsp.cli.edits import EditTarget
    from slm_lsp.features.edit.changes import ProjectChange
    from slm_lsp.features.edit.rules.source import Refused, Source
    from slm_lsp.features.verify.verdict import Check

EXIT_REFUSED = 1
EXIT_GAPS = 3

_RANGE = re.compile(r"(?P<start>\d+:\d+)(?:-(?P<end>\d+:\d+))?")


@dataclass(frozen=True, slots=True)
class Rule:
    """A refactoring by rules."""

    text: str
    """What the rule does. `--list-rules` prints this text."""
    example: str
    make: "Callable[[Call], ProjectChange | Refused]"


@dataclass(frozen=True, slots=True)
class Call:
    """A rule with its arguments."""

    target: "EditTarget"
    source: "Source"
    args: argparse.Namespace

    @property
    def name(self) -> str:
        """The new name, or the name of the symbol to move or to import."""
        return self.args.name or ""

    def selection(self) -> tuple[int, int]:
        """Return the range of `--at` as offsets in characters; without `--at`, the range of `FILE:A-B`.

        Raises:
            UsageError: the place is invalid.
        """
        from slm_lsp.cli.target import parse_position
        from slm_lsp.text import Lines

        if self.args.at is None:
            return self.target.selection
        match = _RANGE.fullmatch(self.args.at)
        if match is None:
            raise UsageError(
                f"Invalid place {self.args.at!r}.", "Use LINE:COL or LINE:COL-LINE:COL, for example 12:9-12:20."
            )
        lines = Lines(self.target.file.text)
        start = parse_position(match["start"], lines, self.target.file.path)
        end = parse_position(match["end"], lines, self.target.file.path) if match["end"] else start
        if end < start:
            raise UsageError(f"Invalid place {self.args.at!r}: it ends before it starts.")
        return start, end


def _extract_variable(call: Call) -> "ProjectChange | Refused":
    from slm_lsp.features.edit.rules.extract_variable import extract_variable

    return _of_file(call, extract_variable(call.source, call.selection(), call.name, everywhere=call.args.all))


def _extract_function(call: Call) -> "ProjectChange | Refused":
    from slm_lsp.features.edit.rules.extract_function import extract_function

    return _of_file(call, extract_function(call.source, call.selection(), call.name))


def _inline_variable(call: Call) -> "ProjectChange | Refused":
    from slm_lsp.features.edit.rules.inline_variable import inline_variable

    if call.args.at is None:
        raise UsageError("The rule inline-variable needs the place of the variable.", "Add --at LINE:COL.")
    return _of_file(call, inline_variable(call.source, call.selection()[0]))


def _organize(call: Call) -> "ProjectChange | Refused":
    from slm_lsp.features.edit.rules.imports import organize_imports
    from slm_lsp.features.edit.rules.project_files import project_layout, python_files

    python = call.source.language.name == "python"
    layout = project_layout(call.target.workspace, python_files(call.target.workspace)) if python else None
    return _of_file(call, organize_imports(call.source, layout))


def _remove_unused(call: Call) -> "ProjectChange | Refused":
    from slm_lsp.features.edit.rules.imports import remove_unused_imports
    from slm_lsp.features.edit.rules.project_files import imported_from, python_files

    if call.target.path.endswith("__init__.py"):
        raise UsageError(f"{call.target.path} may import names for other files.", "Remove its imports by hand.")
    keep = imported_from(call.target.path, python_files(call.target.workspace))
    return _of_file(call, remove_unused_imports(call.source, keep))


def _add_import(call: Call) -> "ProjectChange | Refused":
    from slm_lsp.features.edit.rules.imports import add_import
    from slm_lsp.features.edit.rules.missing import missing_import
    from slm_lsp.features.edit.rules.project_files import project_layout
    from slm_lsp.features.edit.rules.source import Refused
    from slm_lsp.index.project import open_project

    if not call.name:
        raise UsageError("The rule add-import needs a name.", "Add --name NAME.")
    project = open_project(call.target.workspace)
    if project.reader is None:
        raise UsageError("The rule add-import needs an index of the project.", "Run `slm-lsp index` first.")
    found = missing_import(project, call.target.path, call.source.text, call.source.language, call.name)
    if found is None:
        return Refused(f"The index does not contain exactly one definition of `{call.name}` that can be imported.")
    paths = [each for each in project.files() if each.endswith(".py")]
    layout = project_layout(call.target.workspace, dict.fromkeys(paths, ""))
    return _of_file(call, add_import(call.source.text, call.source.language, *found, layout))


def _move_symbol(call: Call) -> "ProjectChange | Refused":
    from slm_lsp.features.edit.rules.move_needs import Move
    from slm_lsp.features.edit.rules.move_symbol import move_symbol
    from slm_lsp.features.edit.rules.project_files import project_layout, python_files

    if not call.name or not call.args.to:
        raise UsageError("The rule move-symbol needs a symbol and a file.", "Add --name NAME --to FILE.")
    if call.source.language.name != "python" or not call.args.to.endswith(".py"):
        raise UsageError("The rule move-symbol moves symbols of Python files only.")
    root = call.target.workspace.resolve()
    to = Path(call.args.to).resolve()
    if not to.is_relative_to(root):
        raise UsageError(f"{call.args.to} is not in {root}.", "Use --workspace DIR to name the folder of the project.")
    files = python_files(root)
    if call.target.path not in files:
        raise UsageError(f"{call.target.path} is not a file of the project: an ignore file excludes it.")
    path = to.relative_to(root).as_posix()
    if to.exists() and path not in files:
        raise UsageError(f"{call.args.to} cannot be read, or an ignore file excludes it.")
    return move_symbol(Move(files, call.target.path, call.name, path, project_layout(root, files)))


def _of_file(call: Call, new: "str | Refused") -> "ProjectChange | Refused":
    from slm_lsp.features.edit.rules.actions import changed

    return changed(call.target.path, call.source.text, new)


RULES = {
    "extract-variable": Rule(
        "declare a variable for an expression (Python, JavaScript, TypeScript, Java, Go)",
        "app.py --rule extract-variable --at 12:9-12:30 --name total",
        _extract_variable,
    ),
    "extract-function": Rule(
        "move statements to a new function (Python, JavaScript, TypeScript)",
        "app.py:12-18 --rule extract-function --name load",
        _extract_function,
    ),
    "inline-variable": Rule(
        "replace a local variable by its value (Python, JavaScript, TypeScript, Java, Go)",
        "app.py --rule inline-variable --at 12:5",
        _inline_variable,
    ),
    "organize-imports": Rule(
        "sort and merge imports (Python, JavaScript, TypeScript, Java)", "app.py --rule organize-imports", _organize
    ),
    "remove-unused-imports": Rule(
        "remove imports that are certainly unused (Python)", "app.py --rule remove-unused-imports", _remove_unused
    ),
    "add-import": Rule(
        "import a name that has one definition in the index (Python, JavaScript, TypeScript, Java)",
        "app.py --rule add-import --name Order",
        _add_import,
    ),
    "move-symbol": Rule(
        "move a function or class to another file, and update the files that import it (Python)",
        "app.py --rule move-symbol --name parse --to parsing.py",
        _move_symbol,
    ),
}
"""The rules by name."""


def add_rule_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for refactorings by rules."""
    group = parser.add_argument_group("refactorings by rules, without a model")
    group.add_argument("--list-rules", action="store_true", help="list the rules and exit")
    group.add_argument("--rule", choices=list(RULES), metavar="NAME", help="apply this rule instead of an instruction")
    group.add_argument("--at", metavar="LINE:COL[-LINE:COL]", help="place of the expression or the variable")
    group.add_argument("--name", metavar="NAME", help="the new name; the symbol to move or to import")
    group.add_argument(
        "--all", action="store_true", help="extract-variable: also replace equal expressions in later statements"
    )
    group.add_argument("--to", metavar="FILE", help="move-symbol: the file to move the symbol to")


def list_rules() -> int:
    """Print the rules. Return the exit code."""
    for name, rule in RULES.items():
        emit(f"{name:<22} {rule.text}\n{'':<22} slm-lsp refactor {rule.example}")
    return 0


def run_rule(args: argparse.Namespace, target: "EditTarget") -> int:
    """Apply a rule. Exit code: 0 proposed or written, 1 refused, 3 a check failed or some uses were not changed."""
    from slm_lsp.features.edit.changes import ProjectChange, apply_change
    from slm_lsp.features.edit.rules.source import Refused, read_source
    from slm_lsp.languages.registry import language_of

    started = time.monotonic()
    language = language_of(target.path, target.file.text.partition("\n")[0])
    source = None if language is None else read_source(language, target.file.text)
    if source is None:
        raise UsageError(f"slm-lsp has no rules for the language of {target.path}.")
    found = RULES[args.rule].make(Call(target, source, args))
    reason = found.reason if isinstance(found, Refused) else "" if found.files else "There is nothing to change."
    change = ProjectChange(()) if isinstance(found, Refused) else found
    checks = _checks(change)
    failed = any(each.result == "failed" for each in checks)
    applied = args.write and bool(change.files) and not failed
    if applied:
        apply_change(target.workspace if _in_workspace(target) else target.file.path.parent, change)
    seconds = time.monotonic() - started
    if args.json:
        emit_json(_as_json(change, checks, reason, seconds, applied=applied))
    elif not applied:
        _print_diff(change)
    for each in change.notes:
        note(args, each)
    if reason:
        note(args, reason if isinstance(found, ProjectChange) else f"No edit: {reason}")
        return EXIT_REFUSED if isinstance(found, Refused) else 0
    for file in change.files if args.write else ():
        note(args, f"{file.path}: written" if applied else f"{file.path}: not written, because a check failed")
    return EXIT_GAPS if failed or change.notes else 0


def _in_workspace(target: "EditTarget") -> bool:
    return target.file.path.resolve().is_relative_to(target.workspace)


def _checks(change: "ProjectChange") -> "list[Check]":
    """Return the checks `parsed` that failed, at most one per changed file; if none failed, the first of the checks."""
    from slm_lsp.features.verify.parsed import check_parsed
    from slm_lsp.languages.registry import language_of

    found = [
        check_parsed(language_of(each.path, each.new.partition("\n")[0]), each.old, each.new) for each in change.files
    ]
    failed = [each for each in found if each.result == "failed"]
    return failed or found[:1]


def _print_diff(change: "ProjectChange") -> None:
    from slm_lsp.cli.edits import unified_diff

    for each in change.files:
        emit(unified_diff(each.path, each.old, each.new).rstrip("\n"))


def _as_json(
    change: "ProjectChange", checks: "list[Check]", reason: str, seconds: float, *, applied: bool
) -> dict[str, object]:
    from slm_lsp.cli.edits import hunk_json
    from slm_lsp.features.edit.hunks import hunks

    return {
        "hunks": [hunk_json(each.path, each.old, one) for each in change.files for one in hunks(each.old, each.new)],
        "verdict": checks,
        "applied": applied,
        "model": None,
        "tier": None,
        "reason": reason or None,
        "notes": change.notes,
        "timing": {"total_ms": seconds * 1000},
        "tokens": {"prompt": 0, "reused": 0, "generated": 0},
    }
