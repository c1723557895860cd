"""Code that all commands that edit a file use: the target, the diff, and the JSON output."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slm_lsp.cli.target import find_workspace
from slm_lsp.errors import UsageError

if TYPE_CHECKING:
    from slm_lsp.features.edit.files import FileVersion
    from slm_lsp.features.edit.hunks import Hunk
    from slm_lsp.features.edit.propose import EditCandidate
    from slm_lsp.features.edit.units import Unit

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
    """Start and end offset in the text. They are equal if the user named a single line. The edit is then about the
    function around this line."""
    has_lines: bool = False
    """Whether the user named lines. Without lines, the selection is the whole file."""


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
    return EditTarget(file, root, path, selection, bool(match))


def unified_diff(path: str, old: str, new: str) -> str:
    """Return a unified diff that `patch -p1` and `git apply` understand."""
    from difflib import unified_diff as diff
    from io import StringIO

    before, after = (list(StringIO(text, newline="")) for text in (old, new))
    lines = diff(before, after, f"a/{path}", f"b/{path}")
    return "".join(each if each.endswith("\n") else f"{each}\n\\ No newline at end of file\n" for each in lines)


def lines_of_unit(text: str, unit: "Unit") -> str:
    """Return the line numbers of a unit as text, counted from 1, such as `3 to 8`."""
    from slm_lsp.text import Lines

    lines = Lines(text)
    return f"{lines.position(unit.start).line + 1} to {lines.position(unit.end).line + 1}"


@dataclass(frozen=True, slots=True)
class EditReport:
    """The report of a command about an edit."""

    path: str
    """Path of the file in the workspace, with `/`."""
    old: str
    """The text before the edit."""
    candidate: "EditCandidate | None"
    applied: bool
    model: str | None
    """Name of the model, `rules` for an edit by rules, or None if there is no edit and no model was used."""
    tier: str | None
    reason: str | None
    seconds: float
    tokens: tuple[int, int, int] = (0, 0, 0)
    """Numbers of tokens: in the prompt, in its part that was reused from the KV cache, and generated."""

    def as_json(self) -> dict[str, object]:
        """Return the value that `--json` prints."""
        best = self.candidate
        prompt, reused, generated = self.tokens
        return {
            "hunks": [] if best is None else [hunk_json(self.path, self.old, each) for each in best.hunks],
            "verdict": [] if best is None else best.verdict.checks,
            "applied": self.applied,
            "model": self.model,
            "tier": self.tier,
            "reason": self.reason,
            "timing": {"total_ms": self.seconds * 1e3},
            "tokens": {"prompt": prompt, "reused": reused, "generated": generated},
        }


def hunk_json(path: str, text: str, hunk: "Hunk") -> dict[str, object]:
    """Return a hunk as JSON output shows it. Lines and columns count from 1.

    Args:
        path: path of the file in the workspace.
        text: the text before the edit.
        hunk: the hunk.
    """
    from slm_lsp.text import Lines

    lines = Lines(text)
    start, end = lines.position(hunk.start), lines.position(hunk.end)
    return {
        "path": path,
        "range": {
            "start": {"line": start.line + 1, "column": start.column + 1},
            "end": {"line": end.line + 1, "column": end.column + 1},
        },
        "old": hunk.old,
        "new": hunk.new,
    }
