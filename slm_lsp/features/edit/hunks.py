"""Edits as values: minimal changed regions of a document, and applying some or all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from io import StringIO
from itertools import takewhile

from slm_lsp.text import TextEdit, apply_edits


@dataclass(frozen=True, slots=True)
class Hunk:
    """One changed region, in whole lines. Offsets are in characters of the old text."""

    start: int
    end: int
    old: str
    new: str
    line: int
    """Number of the first line, counted from 0."""


def hunks(old: str, new: str) -> tuple[Hunk, ...]:
    """Return the minimal line-wise changes from one text to another, in order.

    Applying all of them to `old` gives exactly `new`. Lines are compared with their line ends, so a line whose line end
    differs is part of a hunk.
    """
    before, after = (list(StringIO(text, newline="")) for text in (old, new))
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line))
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    # With many equal lines, such as blank lines, matching takes quadratic time. So match only the part that differs.
    removed, added = before[head : len(before) - tail], after[head : len(after) - tail]
    found = []
    for tag, first, last, new_first, new_last in SequenceMatcher(None, removed, added, autojunk=False).get_opcodes():
        if tag != "equal":
            start, end = starts[head + first], starts[head + last]
            found.append(Hunk(start, end, old[start:end], "".join(added[new_first:new_last]), head + first))
    return tuple(found)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the number of equal lines at the start of two lists of lines."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def apply_hunks(old: str, chosen: Iterable[Hunk]) -> str:
    """Return the old text with the chosen hunks applied.

    Raises:
        ValueError: a hunk does not fit the text, because it was made for another version.
    """
    chosen = tuple(chosen)
    for each in chosen:
        if old[each.start : each.end] != each.old:
            raise ValueError(f"line {each.line + 1} has changed since the edit was made")
    return apply_edits(old, [TextEdit(each.start, each.end, each.new) for each in chosen])
