r"""Apply the changes of one `textDocument/didChange` in time that grows with their size, not with the document's.

The text is held as a list of lines, so that a change touches only the lines it replaces. Building an index of all lines
once per change takes seconds for a few hundred changes of a large file.
"""

import io
from collections.abc import Iterable

from lsprotocol import types

from slm_lsp.text import Encoding, column


def apply_changes(text: str, changes: Iterable[types.TextDocumentContentChangeEvent], encoding: Encoding) -> str:
    """The text after all changes. The positions of each refer to the text that the one before left.

    Args:
        text: the text before.
        changes: ranges to replace, or whole texts, in the order of the message.
        encoding: what columns count in.
    """
    lines = _split(text)
    for change in changes:
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            lines = _split(change.text)
        else:
            _replace(lines, change.range, change.text, encoding)
    return "".join(lines)


def _replace(lines: list[str], area: types.Range, new: str, encoding: Encoding) -> None:
    r"""Replace a range in a list of lines, which keep their ends.

    The lines before and behind join it where the change completes a `\r\n`.
    """
    ends = sorted((_place(lines, area.start, encoding), _place(lines, area.end, encoding)))
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
    # Only the text's last line has no end. Behind the end of any other comes the next line, not an empty one.
    lines[first : last + 1] = pieces if last == len(lines) - 1 else pieces[:-1]


def _place(lines: list[str], position: types.Position, encoding: Encoding) -> tuple[int, int]:
    """The line and the column in characters; a place outside the text is the nearest one inside."""
    if position.line >= len(lines):
        return len(lines) - 1, len(lines[-1])
    line = lines[position.line]
    length = len(line) - (2 if line.endswith("\r\n") else line.endswith(("\n", "\r")))
    return position.line, min(column(line, position.character, encoding), length)


def _split(text: str) -> list[str]:
    r"""The lines with their ends (`\r\n`, `\n` or `\r`); the last has none and may be empty."""
    lines = list(io.StringIO(text, newline=""))
    if not lines or lines[-1].endswith(("\n", "\r")):
        lines.append("")
    return lines
