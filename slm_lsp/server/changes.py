r"""Applies the changes of one `textDocument/didChange` to a text. The time grows with the size of the changes.

The text is kept as a list of lines, so a change touches only the lines that it replaces. If an index of all lines were
built for each change, a few hundred changes of a large file would take seconds.
"""

import io
from collections.abc import Iterable

from lsprotocol import types

from slm_lsp.text import Encoding, column


def apply_changes(text: str, changes: Iterable[types.TextDocumentContentChangeEvent], encoding: Encoding) -> str:
    """Return the text after all changes. The positions of a change refer to the text after the previous change.

    Args:
        text: the text before the changes.
        changes: replacements of ranges or of the whole text, in the order of the message.
        encoding: the unit in which positions count columns.
    """
    lines = _split(text)
    for change in changes:
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            lines = _split(change.text)
        else:
            _replace(lines, change.range, change.text, encoding)
    return "".join(lines)


def _replace(lines: list[str], area: types.Range, new: str, encoding: Encoding) -> None:
    r"""Replace a range in a list of lines with their line ends.

    If the change brings `\r` and `\n` together, they become one line end and the adjacent line is merged.
    """
    ends = sorted((_line_and_column(lines, area.start, encoding), _line_and_column(lines, area.end, encoding)))
    (first, from_column), (last, to_column) = ends
    merged = lines[first][:from_column] + new + lines[last][to_column:]
    if first > 0 and merged.startswith("\n") and lines[first - 1].endswith("\r"):
        first -= 1
        merged = lines[first] + merged
    if last + 1 < len(lines) and merged.endswith("\r") and lines[last + 1].startswith("\n"):
        last += 1
        merged += lines[last]
    if first == last and "\n" not in new and "\r" not in new:
        lines[first] = merged
        return
    pieces = _split(merged)
    # `_split` adds an empty line after a final line end. Only the text's last line may be such a line.
    lines[first : last + 1] = pieces if last == len(lines) - 1 else pieces[:-1]


def _line_and_column(lines: list[str], position: types.Position, encoding: Encoding) -> tuple[int, int]:
    """Return a position's line and its column in characters; for a position outside the text, the nearest inside it."""
    if position.line >= len(lines):
        return len(lines) - 1, len(lines[-1])
    line = lines[position.line]
    length = len(line) - (2 if line.endswith("\r\n") else line.endswith(("\n", "\r")))
    return position.line, min(column(line, position.character, encoding), length)


def _split(text: str) -> list[str]:
    r"""Return the lines with their ends (`\r\n`, `\n` or `\r`). The last line has no end and may be empty."""
    lines = list(io.StringIO(text, newline=""))
    if not lines or lines[-1].endswith(("\n", "\r")):
        lines.append("")
    return lines
