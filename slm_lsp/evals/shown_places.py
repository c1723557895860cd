"""Positions of `eval shown`: lines of real files, to be completed from their start and from a random column.

The files are those of the typing benchmark and samples of further languages. All were written for this repository, so
no model was trained on them. The rest of a line is removed; the cursor is at the line's start or at a random column.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.context.cursor import Cursor
from slm_lsp.features.completion.shape import closes
from slm_lsp.languages.registry import language_of
from slm_lsp.text import Lines

FIXTURES = Path(__file__).parents[2] / "fixtures"

FILES = (
    "typing/python/invoices.py",
    "typing/python/scheduler.py",
    "typing/typescript/job_queue.ts",
    "typing/typescript/rate_limiter.ts",
    "typing/go/health/health.go",
    "typing/go/tailer/tailer.go",
    "languages/java/sample.java",
    "languages/rust/sample.rs",
    "languages/javascript/sample.js",
    "languages/php/sample.php",
    "languages/ruby/sample.rb",
)

MIN_CHARACTERS = 8
"""Minimum length of a line that can be chosen, without its indentation, in characters."""

MIN_LEFT = 4
"""Minimum length of the removed rest of a line, in characters."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A position in a file from which the rest of the line was removed.

    Args:
        language: language of the file.
        cursor: the cursor in the file without the rest of the line.
        rest: the removed rest of the line.
        following: the file after the line.
        line: number of the line, from 1.
    """

    language: str
    cursor: Cursor
    rest: str
    following: str
    line: int


def choose(count: int, seed: int, root: Path = FIXTURES) -> list[Spot]:
    """Return `count` positions, evenly distributed over the files, in the order of files and lines."""
    share = -(-count // len(FILES))
    by_file = [list(_of_file(root / path, path, share, seed)) for path in FILES]
    while sum(map(len, by_file)) > count:
        max(by_file, key=len).pop()
    return [spot for spots in by_file for spot in spots]


def _of_file(file: Path, path: str, count: int, seed: int) -> Iterator[Spot]:
    """Yield two positions per chosen line: the start of its code, and a random column."""
    text = file.read_text(encoding="utf-8")
    lines = Lines(text)
    dice = random.Random(f"{seed} {path}")  # noqa: S311 - a sample, no secret
    language = language_of(path)
    comments = language.line_comments if language else ()
    able = [
        number
        for number in range(1, len(lines.starts))
        if len(code := lines.line(number).strip()) >= MIN_CHARACTERS
        and not code.startswith((*comments, "*", "/*", '"""'))
        and not closes(code, language)
    ]
    for number in sorted(dice.sample(able, min(-(-count // 2), len(able)))):
        line = lines.line(number)
        indent = len(line) - len(line.lstrip())
        inside = dice.randrange(indent + 1, len(line.rstrip()) - MIN_LEFT + 1)
        for column in (indent, inside):
            yield _spot(text, lines, number, column, path, language.name if language else "text")


def _spot(text: str, lines: Lines, number: int, column: int, path: str, language: str) -> Spot:
    line, start = lines.line(number), lines.starts[number]
    offset, end = start + column, start + len(line)
    cursor = Cursor("samples", path, text[:offset] + text[end:], offset)
    return Spot(language, cursor, line[column:].rstrip(), text[end:], number + 1)
