"""Splits a text into chunks: the units that a search returns and a prompt shows.

Chunks start at definitions if the language has queries, otherwise after blank lines.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from slm_lsp.languages.symbols import Definition

MAX_LINES = 40
"""Maximum number of lines in a chunk, about 400 tokens. A prompt has room for a few chunks of this size."""

MIN_LINES = 10
"""Adjacent definitions are merged into one chunk until it has at least this number of lines."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines `first` to `last` (exclusive) of a text, counted from 0.

    `name` is the qualified name of the first definition that starts in the chunk, or else of the innermost definition
    that contains the chunk; empty if neither exists.
    """

    first: int
    last: int
    name: str


def chunks(lines: Sequence[str], definitions: Sequence[Definition]) -> list[Chunk]:
    """Split a text into chunks of at most `MAX_LINES` lines. Blank lines at the ends of a chunk are dropped.

    Args:
        lines: the lines of the text.
        definitions: the definitions in the text, in text order; empty if the language has no queries.
    """
    starts = _starts(lines, definitions)
    pieces: list[Chunk] = []
    at, end = 0, len(lines)
    while at < end:
        cut = _cut(lines, starts, at, end)
        first, last = _trimmed(lines, at, cut)
        if first < last:
            pieces.append(Chunk(first, last, _name(definitions, first, last)))
        at = cut
    return pieces


def _starts(lines: Sequence[str], definitions: Sequence[Definition]) -> list[tuple[int, int]]:
    """Return the lines where a chunk may start, as sorted pairs (line, nesting depth).

    If there are definitions, a chunk may start at the first line of each definition, including the comments and
    decorators above it. Otherwise, it may start at the first line after a blank line, and the depth is the indentation.
    """
    starts: dict[int, int] = {}
    if not definitions:
        for number, line in enumerate(lines):
            if line.strip() and (number == 0 or not lines[number - 1].strip()):
                starts[number] = len(line) - len(line.lstrip())
        return sorted(starts.items())
    begins = {each.first_line for each in definitions}
    for each in definitions:
        first = each.first_line
        indentation = len(lines[first]) - len(lines[first].lstrip())
        while first > 0 and first - 1 not in begins and _is_comment_or_decorator(lines[first - 1], indentation):
            first -= 1
        starts.setdefault(first, each.parent.count(".") + 1 if each.parent else 0)
    return sorted(starts.items())


def _is_comment_or_decorator(above: str, indentation: int) -> bool:
    """Whether the line above a definition is a comment on it or a decorator of it."""
    text = above.strip()
    return text[:1] in ("#", "@", "/", "*", ";", "-", "!") and len(above) - len(above.lstrip()) >= indentation


def _cut(lines: Sequence[str], starts: Sequence[tuple[int, int]], at: int, end: int) -> int:
    """Return the line at which the chunk that starts at line `at` ends (exclusive).

    Consider the least nested starts within `MAX_LINES`. Cut at the first of these that makes the chunk at least
    `MIN_LINES` long, or at the last of these if none does. Without any start, cut after a blank line.
    """
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
    """Return the line after the last blank line in the second half of `at` to `limit`; `limit` if none is blank."""
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


def _name(definitions: Sequence[Definition], first: int, last: int) -> str:
    """Return the name of the first definition that starts in a chunk, or of the innermost definition around it."""
    low = bisect_left(definitions, first, key=lambda each: each.first_line)
    if low < len(definitions) and definitions[low].first_line < last:
        return definitions[low].qualified
    around = [each for each in definitions[:low] if each.first_line <= first <= each.last_line]
    return around[-1].qualified if around else ""
