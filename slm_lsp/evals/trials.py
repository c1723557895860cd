"""Puts a HumanEval task into a larger file, with three cursor positions: present, earlier and elsewhere."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slm_lsp.context.cursor import Cursor
from slm_lsp.evals.humaneval import Problem, Task
from slm_lsp.text import Lines, Position

REPOSITORY, PATH = "problems", "solutions.py"
GAP = "\n\n\n"

BEHIND = 4
"""Number of other programs after the task's program, so that the suffix has a typical length (250 tokens)."""

BEFORE_CHARACTERS = 400
"""Maximum length of the program before the task's program; limited because each token costs time."""

NEAREST_MOVE, FARTHEST_MOVE = 3, 6
"""Range of the number of lines between the previous position of the cursor and its present one."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A task in which a part of the missing line is already typed."""

    task: Task
    typed: str
    """The typed part, including the indentation."""
    cursor: Cursor
    """The cursor after the typed part."""
    earlier: Cursor
    """The cursor when less of the line was typed."""
    elsewhere: Cursor
    """The cursor some lines above or below, in the text of `cursor`."""


def trial(task: Task, problems: Sequence[Problem], seed: int) -> Trial:
    """Return the trial of a task. The same arguments always give the same trial.

    Args:
        task: the task.
        problems: problems whose programs surround the task's program.
        seed: determines the typed part, the move and the surrounding programs.
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
    less = task.missing[: dice.randrange(cut)] if cut else ""
    cursor = Cursor(REPOSITORY, PATH, head + typed + tail, len(head) + cut)
    return Trial(
        task=task,
        typed=typed,
        cursor=cursor,
        earlier=Cursor(REPOSITORY, PATH, head + less + tail, len(head) + len(less)),
        elsewhere=replace(cursor, offset=moved(cursor, dice)),
    )


def moved(cursor: Cursor, dice: random.Random) -> int:
    """Return the offset of the end of a line that is some lines above or below the cursor."""
    lines = Lines(cursor.text)
    distance = dice.choice((-1, 1)) * dice.randint(NEAREST_MOVE, FARTHEST_MOVE)
    line = min(max(lines.position(cursor.offset).line + distance, 0), len(lines.starts) - 1)
    return lines.offset(Position(line, len(lines.line(line))))
