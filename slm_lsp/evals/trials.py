"""A task in a file: where the cursor is in the middle of the missing line, and where it was before."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slm_lsp.context.cursor import Cursor
from slm_lsp.evals.humaneval import Problem, Task
from slm_lsp.text import Lines, Position

REPOSITORY, PATH = "problems", "solutions.py"
GAP = "\n\n\n"

BEHIND = 4
"""Other programs behind the task's: solutions are short, and a suffix of some 250 tokens is what a file has."""

BEFORE_CHARACTERS = 400
"""The program before the task's is no longer, since every token of it costs time."""

NEAREST_MOVE, FARTHEST_MOVE = 3, 6
"""Lines between the place where the cursor was and the one where it is."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A task with a part of its line typed. All three places are in the same file, but for what is typed."""

    task: Task
    typed: str
    """The line's beginning, indentation included."""
    cursor: Cursor
    earlier: Cursor
    """With less of the line typed."""
    elsewhere: Cursor
    """The cursor some lines above or below, in the text of `cursor`."""


def trial(task: Task, problems: Sequence[Problem], seed: int) -> Trial:
    """A trial of a task, always the same one.

    Args:
        task: what is to be filled.
        problems: others among them surround it.
        seed: for another cut, another move, other surroundings.
    """
    dice = random.Random(f"{seed} {task.name}")  # noqa: S311 - a sample, no secret
    others = [each for each in problems if each.task_id != task.problem]
    before = dice.choice([each for each in others if len(each.program) <= BEFORE_CHARACTERS] or others).program
    behind = [each.program for each in dice.sample(others, min(BEHIND, len(others)))]
    head = before + GAP + task.prefix
    tail = GAP.join([task.suffix, *behind])
    indentation = len(task.missing) - len(task.missing.lstrip())
    cut = indentation + dice.randrange(len(task.missing.strip()))
    typed = task.missing[:cut]
    sooner = task.missing[: dice.randrange(cut)] if cut else ""
    cursor = Cursor(REPOSITORY, PATH, head + typed + tail, len(head) + cut)
    return Trial(
        task=task,
        typed=typed,
        cursor=cursor,
        earlier=Cursor(REPOSITORY, PATH, head + sooner + tail, len(head) + len(sooner)),
        elsewhere=replace(cursor, offset=moved(cursor, dice)),
    )


def moved(cursor: Cursor, dice: random.Random) -> int:
    """The end of a line some lines above or below, as far as the text goes."""
    lines = Lines(cursor.text)
    distance = dice.choice((-1, 1)) * dice.randint(NEAREST_MOVE, FARTHEST_MOVE)
    line = min(max(lines.position(cursor.offset).line + distance, 0), len(lines.starts) - 1)
    return lines.offset(Position(line, len(lines.line(line))))
