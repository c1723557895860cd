r"""Positions in text, and edits of it, as plain values.

Inside the package a place in a text is an offset in characters (code points). Lines end with `\n`, `\r\n` or `\r`,
as the Language Server Protocol has it, and with nothing else: a form feed or U+2028 is a character like any other.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]
"""What an editor counts columns in: bytes, 16-bit units, or characters."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_TWO_UNITS = re.compile("[\U00010000-\U0010ffff]")
"""A character that takes two units of UTF-16."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A line and a column in characters, both from 0."""

    line: int
    column: int


@dataclass(frozen=True)
class Lines:
    """A text with its lines, for going between offsets and positions."""

    text: str

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Offset of the first character of each line; a text has at least one line."""
        return (0, *(match.end() for match in _LINE_END.finditer(self.text)))

    def line(self, number: int) -> str:
        """The text of a line without its end."""
        start = self.starts[number]
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n") if number + 1 < len(self.starts) else self.text[start:end]

    def offset(self, position: Position) -> int:
        """The offset of a position. Behind the end of its line it means that end; behind the last line, the text's."""
        if position.line < 0:
            return 0
        if position.line >= len(self.starts):
            return len(self.text)
        return self.starts[position.line] + min(max(position.column, 0), len(self.line(position.line)))

    def position(self, offset: int) -> Position:
        r"""The position of an offset from 0 to the length of the text; between `\r` and `\n` it is the line's end."""
        offset = min(max(offset, 0), len(self.text))
        number = bisect_right(self.starts, offset) - 1
        return Position(number, min(offset - self.starts[number], len(self.line(number))))


def units(line: str, column: int, encoding: Encoding) -> int:
    """The column of an editor that counts in `encoding`, for a column in characters."""
    before = line[:column]
    if encoding == "utf-32":
        return len(before)
    if encoding == "utf-8":
        return len(before.encode("utf-8", errors="surrogatepass"))
    return len(before.encode("utf-16-le", errors="surrogatepass")) // 2


def column(line: str, count: int, encoding: Encoding) -> int:
    """The column in characters, for `count` units of `encoding`; inside a character it is that character's start."""
    count = max(count, 0)
    if encoding == "utf-32" or line.isascii():
        return min(count, len(line))
    if encoding == "utf-8":
        return _column_utf8(line, count)
    before = line[:count]
    if units(before, count, "utf-16") == len(before):
        return len(before)
    wide = 0
    for match in _TWO_UNITS.finditer(before):
        left = count - match.start() - wide
        if left <= 1:
            return match.start() + min(left, 0)
        wide += 1
    return min(count - wide, len(line))


def _column_utf8(line: str, count: int) -> int:
    data = line[:count].encode("utf-8", errors="surrogatepass")
    at = min(count, len(data))
    while at < len(data) and data[at] & 0xC0 == 0x80:  # a byte inside a character
        at -= 1
    return len(data[:at].decode("utf-8", errors="surrogatepass"))


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Replace the text from `start` to `end` (offsets, exclusive) by `new`."""

    start: int
    end: int
    new: str


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """`text` with all edits made; they count from the same old text, and insertions at one place keep their order.

    Raises:
        ValueError: an edit lies outside the text, or two overlap.
    """
    pieces: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda each: (each.start, each.end)):
        if not at <= edit.start <= edit.end <= len(text):
            raise ValueError(f"{edit} overlaps another edit or lies outside a text of {len(text)} characters")
        pieces += (text[at : edit.start], edit.new)
        at = edit.end
    return "".join([*pieces, text[at:]])
