"""What the words of a command line mean: a file, a place in it, the workspace round it."""

import re
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.context.cursor import Cursor
from slm_lsp.errors import UsageError
from slm_lsp.text import Lines, Position

ROOT_MARKS = (".slm-lsp.toml", ".git", "pyproject.toml", "package.json", "Cargo.toml", "go.mod", "pom.xml")
"""A folder with one of these is taken for the workspace of the files below it."""


_NUMBER = re.compile(r"0*[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Target:
    """A place in a file of a workspace."""

    file: Path
    workspace: Path
    cursor: Cursor


def read_target(file: str, where: str, workspace: str | None) -> Target:
    """The place that `FILE LINE:COL` names.

    Raises:
        UsageError: no such file, no text, or no such place in it.
    """
    path = Path(file)
    text = read_text(path)
    offset = parse_position(where, Lines(text), path)
    root = Path(workspace).resolve() if workspace else find_workspace(path.resolve())
    if workspace and not root.is_dir():
        raise UsageError(f"{workspace} is no folder.")
    full = path.resolve()
    relative = full.relative_to(root).as_posix() if full.is_relative_to(root) else full.name
    return Target(path, root, Cursor(root.name, relative, text, offset))


def read_text(path: Path) -> str:
    """The text of a source file, line ends as they are.

    Raises:
        UsageError: it is missing, unreadable, binary, or not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} cannot be read: it is no regular file.")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if b"\0" in raw:
        raise UsageError(f"{path} is a binary file.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 (byte {error.start}).", "Convert it, for example with iconv.") from error


def parse_position(where: str, lines: Lines, path: Path) -> int:
    """The offset of `LINE:COL`, both from 1; the column just behind a line's last character is its end.

    Raises:
        UsageError: it is not of that form, or outside the file.
    """
    line_text, _, column_text = where.partition(":")
    if not all(_NUMBER.fullmatch(each) for each in (line_text, column_text)):
        raise UsageError(f"{where!r} is no place.", "Give LINE:COL, both from 1, such as 12:5.")
    line, column = int(line_text) - 1, int(column_text) - 1
    if line >= len(lines.starts):
        raise UsageError(f"{path} has {len(lines.starts)} lines, so there is no line {line + 1}.")
    length = len(lines.line(line))
    if column > length:
        raise UsageError(f"Line {line + 1} of {path} has {length} characters, so there is no column {column + 1}.")
    return lines.offset(Position(line, column))


def find_workspace(path: Path) -> Path:
    """The nearest folder above a file that looks like the root of a project; else the file's own folder."""
    marked = (folder for folder in path.parents if any((folder / mark).exists() for mark in ROOT_MARKS))
    return next(marked, path.parent)
