r"""Positions in a text and edits of a text, as plain values.

The whole package uses offsets in characters (code points). As in the Language Server Protocol, lines end with `\n`,
`\r\n` or `\r` only: a form feed or U+2028 does not end a line.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]
"""The unit in which an editor counts columns: bytes, 16-bit code units, or characters."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_SURROGATE_PAIR = re.compile("[\U00010000-\U0010ffff]")
"""A character that UTF-16 encodes as two code units."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A line and a column in characters; both count from 0."""

    line: int
    column: int


@dataclass(frozen=True)
class Lines:
    """A text and its line starts. Converts between offsets and positions."""

    text: str

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The offset of the first character of each line. A text has at least one line."""
        if self.text.count("\r") == self.text.count("\r\n"):  # Every line ends with "\n"; this is four times as fast.
            return (0, *accumulate([len(line) + 1 for line in self.text.split("\n")[:-1]]))
        return (0, *(match.end() for match in _LINE_END.finditer(self.text)))

    def line(self, number: int) -> str:
        """Return the text of a line without its line ending."""
        start = self.starts[number]
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n") if number + 1 < len(self.starts) else self.text[start:end]

    def offset(self, position: Position) -> int:
        """Return the offset of a position.

        A column after the end of the line is treated as the end of the line. A line after the last line is treated as
        the end of the text.
        """
        if position.line < 0:
            return 0
        if position.line >= len(self.starts):
            return len(self.text)
        return self.starts[position.line] + min(max(position.column, 0), len(self.line(position.line)))

    def position(self, offset: int) -> Position:
        r"""Return the position of an offset.

        An offset outside the text is treated as the nearest offset inside. An offset between `\r` and `\n` gives the
        end of the line.
        """
        offset = min(max(offset, 0), len(self.text))
        number = bisect_right(self.starts, offset) - 1
        return Position(number, min(offset - self.starts[number], len(self.line(number))))


def units(line: str, column: int, encoding: Encoding) -> int:
    """Convert a column in characters to a column in units of `encoding`."""
    before = line[:column]
    if encoding == "utf-32":
        return len(before)
    if encoding == "utf-8":
        return len(before.encode("utf-8", errors="surrogatepass"))
    return len(before.encode("utf-16-le", errors="surrogatepass")) // 2


def column(line: str, count: int, encoding: Encoding) -> int:
    """Convert a column in units of `encoding` to a column in characters.

    If `count` ends inside a character, the result is the start of that character.
    """
    count = max(count, 0)
    if encoding == "utf-32" or line.isascii():
        return min(count, len(line))
    if encoding == "utf-8":
        return _column_utf8(line, count)
    before = line[:count]
    if units(before, count, "utf-16") == len(before):
        return len(before)
    wide = 0
    for match in _SURROGATE_PAIR.finditer(before):
        left = count - match.start() - wide
        if left <= 1:
            return match.start() + min(left, 0)
        wide += 1
    return min(count - wide, len(line))


def _column_utf8(line: str, count: int) -> int:
    data = line[:count].encode("utf-8", errors="surrogatepass")
    at = min(count, len(data))
    while at < len(data) and data[at] & 0xC0 == 0x80:  # a UTF-8 continuation byte
        at -= 1
    return len(data[:at].decode("utf-8", errors="surrogatepass"))


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Replaces the text from offset `start` to offset `end` (exclusive) with `new`."""

    start: int
    end: int
    new: str


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """Return `text` with all edits applied.

    The offsets of all edits refer to the original text. Insertions at the same offset keep their order.

    Raises:
        ValueError: an edit is outside the text, or two edits overlap.
    """
    pieces: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda each: (each.start, each.end)):
        if not at <= edit.start <= edit.end <= len(text):
            raise ValueError(f"{edit} overlaps another edit or is outside the text of {len(text)} characters")
        pieces += (text[at : edit.start], edit.new)
        at = edit.end
    return "".join([*pieces, text[at:]])
