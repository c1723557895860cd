"""Collects context from opened files as the editor plugin llama.vim does, for a comparison in `eval crossfile`.

llama.vim keeps a ring of chunks. When the user enters or leaves a file, llama.vim adds a random part of the text around
the cursor. A new chunk replaces chunks that are very similar to it, and the oldest chunk is removed when the ring is
full. Before a request, chunks that are similar to the text around the cursor are removed, since they make the model
repeat that text. The constants are llama.vim's defaults. Here the ring is always up to date, as after a typing pause.
"""

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import snippet_tokens
from slm_lsp.context.snippets import Snippet
from slm_lsp.evals.crossfile_tasks import Task
from slm_lsp.evals.packages import Project
from slm_lsp.text import Lines

CHUNKS = 16
CHUNK_LINES = 64
"""Number of lines around the cursor from which a chunk is taken: a random half of them, or all if there are fewer."""

LEAST_LINES = 3
"""Minimum number of lines in a chunk."""

MOST_ALIKE_IN_RING = 0.9
"""Similarity to a new chunk above which an old chunk is replaced."""

MOST_ALIKE_AT_CURSOR = 0.5
"""Similarity to the text around the cursor above which a chunk is not used."""

_NO_WORD = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a file."""

    path: str
    lines: tuple[str, ...]


def source(projects: Iterable[Project], budget_tokens: int, seed: int) -> Callable[[Task, Cursor], Sequence[Snippet]]:
    """Return the snippet source of the way `ring`: the chunks in the ring after the task's files were opened.

    Args:
        projects: projects with the tasks' files.
        budget_tokens: maximum tokens of the snippets.
        seed: determines the cursor positions in the opened files and which parts become chunks.
    """
    files = {each.name: each.files for each in projects}

    def snippets(task: Task, cursor: Cursor) -> Sequence[Snippet]:
        dice = random.Random(f"{seed} {task.package} {task.path} {task.offset}")  # noqa: S311 - a sample, no secret
        ring = gathered(task.opened, files[task.package], dice)
        return fitting(apart(ring, cursor, dice), budget_tokens)

    return snippets


def gathered(opened: Sequence[str], files: Mapping[str, str], dice: random.Random) -> tuple[Chunk, ...]:
    """Return the ring after files were entered and left one after the other, the newest chunk last."""
    ring: tuple[Chunk, ...] = ()
    for path in opened:
        lines = Lines(files[path])
        every = [lines.line(number) for number in range(len(lines.starts))]
        for _ in ("entered", "left"):
            ring = added(ring, Chunk(path, picked(around(every, dice.randrange(len(every))), dice)))
    return ring


def around(lines: Sequence[str], current: int) -> Sequence[str]:
    """Return up to `CHUNK_LINES` lines around the line with the number `current`, and that line."""
    return lines[max(0, current - CHUNK_LINES // 2) : current + CHUNK_LINES // 2 + 1]


def picked(lines: Sequence[str], dice: random.Random) -> tuple[str, ...]:
    """Return all lines if there are fewer than `CHUNK_LINES` - 1, otherwise half of `CHUNK_LINES` at a random place."""
    if len(lines) + 1 < CHUNK_LINES:
        return tuple(lines)
    start = dice.randint(0, len(lines) - CHUNK_LINES // 2)
    return tuple(lines[start : start + CHUNK_LINES // 2])


def added(ring: tuple[Chunk, ...], chunk: Chunk) -> tuple[Chunk, ...]:
    """Return the ring with a new chunk, without similar chunks, and without the oldest chunk if the ring is full."""
    if len(chunk.lines) < LEAST_LINES or any(each.lines == chunk.lines for each in ring):
        return ring
    kept = [each for each in ring if similarity(each.lines, chunk.lines) <= MOST_ALIKE_IN_RING]
    return (*kept, chunk)[-CHUNKS:]


def apart(ring: Sequence[Chunk], cursor: Cursor, dice: random.Random) -> list[Chunk]:
    """Return the chunks that are not similar to the text around the cursor."""
    lines = Lines(cursor.text)
    every = [lines.line(number) for number in range(len(lines.starts))]
    here = picked(around(every, lines.position(cursor.offset).line), dice)
    return [each for each in ring if similarity(each.lines, here) <= MOST_ALIKE_AT_CURSOR]


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """Return the similarity of two texts from 0 to 1: Dice's coefficient of all words, including repeated ones."""
    words, others = _words(one), _words(other)
    known = set(words)
    total = len(words) + len(others)
    return 2 * sum(each in known for each in others) / total if total else 1.0


def _words(lines: Sequence[str]) -> list[str]:
    return [word for word in _NO_WORD.split("\n".join(lines)) if word]


def fitting(ring: Sequence[Chunk], budget_tokens: int) -> list[Snippet]:
    """Return the newest chunks that fit in the budget, the newest last. The oldest of them may lose its beginning.

    This is what llama.cpp's server does with a prompt that is longer than its context: it drops the beginning.
    """
    found: list[Snippet] = []
    left = float(budget_tokens)
    for age, chunk in enumerate(reversed(ring)):
        snippet = Snippet(chunk.path, _text(chunk.lines), "open before", 1 / (1 + age))
        start = 0
        while snippet_tokens(snippet) > left and len(chunk.lines) - start > LEAST_LINES:
            start += 1
            snippet = replace(snippet, text=_text(chunk.lines[start:]))
        if snippet_tokens(snippet) > left:
            break
        found.append(snippet)
        left -= snippet_tokens(snippet)
    return found[::-1]


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"
