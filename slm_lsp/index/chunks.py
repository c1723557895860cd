"""Cuts a text into chunks: pieces that are found and shown as one. Cut where the language does, where we know it."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from slm_lsp.languages.symbols import Definition

MAX_LINES = 40
"""About 400 tokens: a few chunks fill the room that a prompt has for them."""

MIN_LINES = 10
"""Neighbours shorter than this are taken together, as far as `MAX_LINES` goes."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines from `first` to `last` (exclusive), from 0, and the qualified name of the definition they begin with."""

    first: int
    last: int
    name: str


def chunks(lines: Sequence[str], found: Sequence[Definition]) -> list[Chunk]:
    """All lines of a text but blank ones at the ends, in chunks of at most `MAX_LINES`.

    Args:
        lines: of the text.
        found: its definitions, in order; none for a text that no parser knows.
    """
    starts = _starts(lines, found)
    pieces: list[Chunk] = []
    at, end = 0, len(lines)
    while at < end:
        cut = _cut(lines, starts, at, end)
        first, last = _trimmed(lines, at, cut)
        if first < last:
            pieces.append(Chunk(first, last, _name(found, first, last)))
        at = cut
    return pieces


def _starts(lines: Sequence[str], found: Sequence[Definition]) -> list[tuple[int, int]]:
    """Lines where something begins, comments above it included, with how deep it lies; in order of lines."""
    starts: dict[int, int] = {}
    if not found:
        for number, line in enumerate(lines):
            if line.strip() and (number == 0 or not lines[number - 1].strip()):
                starts[number] = len(line) - len(line.lstrip())
        return sorted(starts.items())
    begins = {each.first_line for each in found}
    for each in found:
        first = each.first_line
        indentation = len(lines[first]) - len(lines[first].lstrip())
        while first > 0 and first - 1 not in begins and _goes_along(lines[first - 1], indentation):
            first -= 1
        starts.setdefault(first, each.parent.count(".") + 1 if each.parent else 0)
    return sorted(starts.items())


def _goes_along(above: str, indentation: int) -> bool:
    """Whether a line above a definition is a comment or decorator of it."""
    text = above.strip()
    return text[:1] in ("#", "@", "/", "*", ";", "-", "!") and len(above) - len(above.lstrip()) >= indentation


def _cut(lines: Sequence[str], starts: Sequence[tuple[int, int]], at: int, end: int) -> int:
    """Where the chunk that begins at a line ends: before the shallowest beginning, the last of several."""
    limit = min(end, at + MAX_LINES)
    low, high = bisect_left(starts, (at + 1,)), bisect_left(starts, (limit + 1,))
    inside = [(depth, line) for line, depth in starts[low:high]]
    if not inside:
        return limit if limit == end else _blank(lines, at, limit)
    shallowest = min(depth for depth, _ in inside)
    cuts = [line for depth, line in inside if depth == shallowest]
    if limit == end:
        return next((line for line in cuts if line - at >= MIN_LINES), end)
    return next((line for line in cuts if line - at >= MIN_LINES), cuts[-1])


def _blank(lines: Sequence[str], at: int, limit: int) -> int:
    """Behind the last blank line of a stretch, unless it lies in its first half."""
    for number in range(limit - 1, (at + limit) // 2, -1):
        if not lines[number].strip():
            return number + 1
    return limit


def _trimmed(lines: Sequence[str], first: int, last: int) -> tuple[int, int]:
    while first < last and not lines[first].strip():
        first += 1
    while first < last and not lines[last - 1].strip():
        last -= 1
    return first, last


def _name(found: Sequence[Definition], first: int, last: int) -> str:
    """The first definition that begins in a chunk, else the innermost one round it."""
    low = bisect_left(found, first, key=lambda each: each.first_line)
    if low < len(found) and found[low].first_line < last:
        return found[low].qualified
    around = [each for each in found[:low] if each.first_line <= first <= each.last_line]
    return around[-1].qualified if around else ""
