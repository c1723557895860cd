"""Resolves `FILE LINE:COL` from the command line to a file, a cursor position and the workspace."""

import re
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.context.cursor import Cursor
from slm_lsp.errors import UsageError
from slm_lsp.text import Lines, Position

ROOT_MARKERS = (".slm-lsp.toml", ".git", "pyproject.toml", "package.json", "Cargo.toml", "go.mod", "pom.xml")
"""Files and folders that mark the root of a workspace."""

_NUMBER = re.compile(r"0*[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Target:
    """A cursor in a file of a workspace."""

    file: Path
    workspace: Path
    cursor: Cursor


def read_target(file: str, position: str, workspace: str | None) -> Target:
    """Return the target that `FILE LINE:COL` and `--workspace` name.

    Raises:
        UsageError: the file is missing or not text, the position is invalid, or the workspace is not a folder.
    """
    path = Path(file)
    text = read_text(path)
    offset = parse_position(position, Lines(text), path)
    root = Path(workspace).resolve() if workspace else find_workspace(path.resolve())
    if workspace and not root.is_dir():
        raise UsageError(f"{workspace} is not a folder.")
    full = path.resolve()
    relative = full.relative_to(root).as_posix() if full.is_relative_to(root) else full.name
    return Target(path, root, Cursor(root.name, relative, text, offset))


def read_text(path: Path) -> str:
    """Return the text of a source file, with its own line ends.

    Raises:
        UsageError: the file is missing, unreadable, binary, or not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} cannot be read: it is not a regular file.")
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
        raise UsageError(
            f"{path} is not UTF-8 text (byte {error.start}).", "Convert it, for example with iconv."
        ) from error


def parse_position(position: str, lines: Lines, path: Path) -> int:
    """Return the offset of `LINE:COL`. Both count from 1; the column after a line's last character is allowed.

    Raises:
        UsageError: the text does not have this form, or the position is outside the file.
    """
    line_text, _, column_text = position.partition(":")
    if not all(_NUMBER.fullmatch(each) for each in (line_text, column_text)):
        raise UsageError(f"Invalid position {position!r}.", "Use LINE:COL, both counted from 1, for example 12:5.")
    line, column = int(line_text) - 1, int(column_text) - 1
    if line >= len(lines.starts):
        raise UsageError(f"Line {line + 1} is outside {path}, which has {len(lines.starts)} lines.")
    length = len(lines.line(line))
    if column > length:
        raise UsageError(f"Column {column + 1} is outside line {line + 1} of {path}, which has {length} characters.")
    return lines.offset(Position(line, column))


def find_workspace(path: Path) -> Path:
    """Return the nearest folder above a file that contains a root marker; if there is none, the file's own folder."""
    roots = (folder for folder in path.parents if any((folder / marker).exists() for marker in ROOT_MARKERS))
    return next(roots, path.parent)
