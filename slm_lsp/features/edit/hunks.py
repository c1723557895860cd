"""Edits as values: minimal changed regions of a document, and applying some or all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from io import StringIO

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
    found = []
    for tag, first, last, new_first, new_last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            start, end = starts[first], starts[last]
            found.append(Hunk(start, end, old[start:end], "".join(after[new_first:new_last]), first))
    return tuple(found)


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
