"""Places of `eval shown`: lines of real files that are written again, from their beginning and from inside.

The files are those of the typing benchmark and samples of further languages, all written for this repository, so that
no model has read them. A line is taken out; the cursor stands where it began, or behind a part of it, cut anywhere.
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
"""A shorter line is not worth a suggestion."""

MIN_LEFT = 4
"""Characters of a line that is left to write."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A cursor in a file whose line is not whole.

    Args:
        language: of the file.
        cursor: the file without the rest of the line.
        rest: what is missing of the line.
        following: how the file goes on behind the rest.
        line: the line's number, from 1.
    """

    language: str
    cursor: Cursor
    rest: str
    following: str
    line: int


def choose(count: int, seed: int, root: Path = FIXTURES) -> list[Spot]:
    """So many places, as many of each file as of the others, in the order of the files and of their lines."""
    share = -(-count // len(FILES))
    by_file = [list(_of_file(root / path, path, share, seed)) for path in FILES]
    while sum(map(len, by_file)) > count:
        max(by_file, key=len).pop()
    return [spot for spots in by_file for spot in spots]


def _of_file(file: Path, path: str, count: int, seed: int) -> Iterator[Spot]:
    """Two places a line: where the line begins, and somewhere inside it."""
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
