"""The peer of `eval crossfile`: context from open files as the editor plugin llama.vim gathers it.

A ring of chunks: entering and leaving a file queues a random stretch of the text round the cursor there, a chunk that
is much like a new one gives way to it, and the oldest leaves when the ring is full. Before a request, chunks that are
half like the text round the cursor are dropped, since they make the model repeat it. The numbers are the defaults of
llama.vim; the ring is always up to date here, as after a pause in typing.
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
"""As many lines round the cursor are looked at; of a longer text, a random half of them is the chunk."""

LEAST_LINES = 3
MOST_ALIKE_IN_RING = 0.9
MOST_ALIKE_AT_CURSOR = 0.5

_NO_WORD = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a file."""

    path: str
    lines: tuple[str, ...]


def source(projects: Iterable[Project], budget_tokens: int, seed: int) -> Callable[[Task, Cursor], Sequence[Snippet]]:
    """The way `ring`: what the ring holds when the files that a task names have been open.

    Args:
        projects: with the tasks' files.
        budget_tokens: the most that the snippets take.
        seed: where the cursor was in those files, and which stretches were picked.
    """
    files = {each.name: each.files for each in projects}

    def snippets(task: Task, cursor: Cursor) -> Sequence[Snippet]:
        dice = random.Random(f"{seed} {task.package} {task.path} {task.offset}")  # noqa: S311 - a sample, no secret
        ring = gathered(task.opened, files[task.package], dice)
        return fitting(apart(ring, cursor, dice), budget_tokens)

    return snippets


def gathered(opened: Sequence[str], files: Mapping[str, str], dice: random.Random) -> tuple[Chunk, ...]:
    """The ring after files were opened and left one after the other, the newest chunk last."""
    ring: tuple[Chunk, ...] = ()
    for path in opened:
        lines = Lines(files[path])
        every = [lines.line(number) for number in range(len(lines.starts))]
        for _ in ("entered", "left"):
            ring = added(ring, Chunk(path, picked(around(every, dice.randrange(len(every))), dice)))
    return ring


def around(lines: Sequence[str], current: int) -> Sequence[str]:
    """The lines round a line."""
    return lines[max(0, current - CHUNK_LINES // 2) : current + CHUNK_LINES // 2 + 1]


def picked(lines: Sequence[str], dice: random.Random) -> tuple[str, ...]:
    """All lines where they are few, else a random stretch of half a chunk."""
    if len(lines) + 1 < CHUNK_LINES:
        return tuple(lines)
    start = dice.randint(0, len(lines) - CHUNK_LINES // 2)
    return tuple(lines[start : start + CHUNK_LINES // 2])


def added(ring: tuple[Chunk, ...], chunk: Chunk) -> tuple[Chunk, ...]:
    """The ring with one more chunk, without those that are much like it, and without the oldest where it is full."""
    if len(chunk.lines) < LEAST_LINES or any(each.lines == chunk.lines for each in ring):
        return ring
    kept = [each for each in ring if similarity(each.lines, chunk.lines) <= MOST_ALIKE_IN_RING]
    return (*kept, chunk)[-CHUNKS:]


def apart(ring: Sequence[Chunk], cursor: Cursor, dice: random.Random) -> list[Chunk]:
    """The chunks that are not much like the text round the cursor."""
    lines = Lines(cursor.text)
    every = [lines.line(number) for number in range(len(lines.starts))]
    here = picked(around(every, lines.position(cursor.offset).line), dice)
    return [each for each in ring if similarity(each.lines, here) <= MOST_ALIKE_AT_CURSOR]


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """How many words two texts share, from 0 to 1: Dice's coefficient, every word counted as often as it stands."""
    words, others = _words(one), _words(other)
    known = set(words)
    total = len(words) + len(others)
    return 2 * sum(each in known for each in others) / total if total else 1.0


def _words(lines: Sequence[str]) -> list[str]:
    return [word for word in _NO_WORD.split("\n".join(lines)) if word]


def fitting(ring: Sequence[Chunk], budget_tokens: int) -> list[Snippet]:
    """The newest chunks that the budget holds, the newest last; of the first one its end, where all is too long.

    That is what llama.cpp's server does with more than its context holds: it leaves out the beginning.
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
