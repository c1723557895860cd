"""Tasks of `eval crossfile`: the rest of a line that uses a name defined in another file of a real project.

The line is a statement in a function of a file with 40 to 800 lines. The cursor is before the expression with the name
and after some typed text. It is never at the start of a line, where many continuations are possible and hardly any
answer would be exact. Lines whose name occurs nowhere else in the file, except in imports, are preferred: otherwise the
file itself contains an example. The same seed gives the same tasks, provided that Python's version (and so its parser)
is the same.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from slm_lsp.context.cursor import Cursor
from slm_lsp.evals.crossfile_names import Code, Module
from slm_lsp.evals.crossfile_uses import Use, uses
from slm_lsp.evals.packages import Project

MIN_LINES, MAX_LINES = 40, 800
PER_FILE = 2

SPARE_FILES, LEAST_FILES = 4, 40
"""Number of files of a project to parse for each task, and minimum number of files to parse in a project. This is
enough to find lines whose name occurs nowhere else in the file."""

SIBLINGS = 4
"""Number of files in the task's folder that were opened before the task, in addition to the imported files."""

HEAD_CHARACTERS = 600
"""Number of characters at the start of a file that are searched for a note that the file is generated."""

_TEST = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
_GENERATED = re.compile(r"generated (by|from|code)|do not edit", re.IGNORECASE)
_GENERATED_NAME = re.compile(r"_pb2(_grpc)?\.py$")


@dataclass(frozen=True, slots=True)
class Task:
    """A line to complete.

    Args:
        package: name of the project.
        path: path of the file, relative to the project's root.
        text: the complete text of the file.
        offset: the cursor, as an offset in characters.
        wanted: the rest of the line, without trailing whitespace.
        name: the name from the other file; part of `wanted`.
        defined_in: path of the file that defines the name.
        opened: paths of files that were opened before, in order.
    """

    package: str
    path: str
    text: str
    offset: int
    wanted: str
    name: str
    defined_in: str
    opened: tuple[str, ...]

    @property
    def line(self) -> int:
        """The line's number, from 1."""
        return self.text.count("\n", 0, self.offset) + 1

    @property
    def typed(self) -> str:
        """The text of the line before the cursor, without indentation."""
        return self.text[self.text.rfind("\n", 0, self.offset) + 1 : self.offset].lstrip()

    @property
    def cursor(self) -> Cursor:
        """The cursor in the text without the rest of the line."""
        end = re.compile(r"[\r\n]|\Z").search(self.text, self.offset)
        behind = self.text[end.start() :] if end else ""
        return Cursor(self.package, self.path, self.text[: self.offset] + behind, self.offset)


def choose(projects: Sequence[Project], count: int, seed: int) -> list[Task]:
    """Return up to `count` tasks, evenly distributed over the projects."""
    dice = random.Random(seed)  # noqa: S311 - a sample, no secret
    share = -(-count // max(len(projects), 1))
    left = [list(reversed(tasks_of(each, share, seed))) for each in projects]
    chosen: list[Task] = []
    while any(left) and len(chosen) < count:
        for each in dice.sample(left, len(left)):
            if each and len(chosen) < count:
                chosen.append(each.pop())
    return chosen


def tasks_of(project: Project, count: int, seed: int) -> list[Task]:
    """Return up to `count` tasks of a project, first those whose name occurs least in the file.

    Of equally good tasks, the first tasks of all files come before second tasks of a file.
    """
    dice = random.Random(f"{seed} {project.name}")  # noqa: S311 - a sample, no secret
    code = Code(project.files)
    paths = [path for path in sorted(project.files) if usable(path, project.files[path])]
    found: list[tuple[int, int, float, Module, Use]] = []
    for path in dice.sample(paths, min(len(paths), max(SPARE_FILES * count, LEAST_FILES))):
        module = code.module(path)
        ranked = _ranked(code, module, dice) if module else []
        if module:
            found += [(rank, turn, dice.random(), module, use) for turn, (rank, use) in enumerate(ranked[:PER_FILE])]
    found.sort(key=lambda each: each[:3])
    return [_task(project, code, module, use, seed) for *_, module, use in found[:count]]


def usable(path: str, text: str) -> bool:
    """Return whether a file is of typical length, and neither a test nor generated."""
    if _TEST.search(path) or _GENERATED_NAME.search(path) or _GENERATED.search(text[:HEAD_CHARACTERS]):
        return False
    return MIN_LINES <= text.count("\n") <= MAX_LINES


def _ranked(code: Code, module: Module, dice: random.Random) -> list[tuple[int, Use]]:
    """Return at most one use per line and per name, first those whose name occurs least in the file."""
    best: dict[int, tuple[int, Use]] = {}
    for use in uses(code, module):
        if use.start == use.indent:
            continue
        rank = occurrences(module, use)
        if use.line not in best or rank < best[use.line][0]:
            best[use.line] = (rank, use)
    ordered = sorted(dice.sample(list(best.values()), len(best)), key=lambda each: each[0])
    return list({use.name: (rank, use) for rank, use in reversed(ordered)}.values())[::-1]


def occurrences(module: Module, use: Use) -> int:
    """Return where else the name occurs in the file, as a number.

    0: nowhere, or only in imports; 1: only after the line; 2: before the line.
    """
    others = [line for line in module.words.get(use.name, ()) if line != use.line]
    return 0 if not others else 1 if min(others) > use.line else 2


def _task(project: Project, code: Code, module: Module, use: Use, seed: int) -> Task:
    dice = random.Random(f"{seed} {project.name} {module.path} {use.line}")  # noqa: S311 - a sample, no secret
    line, start = module.lines.line(use.line - 1), module.lines.starts[use.line - 1]
    return Task(
        package=project.name,
        path=module.path,
        text=module.text,
        offset=start + use.start,
        wanted=line[use.start :].rstrip(),
        name=use.name,
        defined_in=use.defined_in,
        opened=tuple(_history(code, module, dice)),
    )


def _history(code: Code, module: Module, dice: random.Random) -> list[str]:
    """Return files that were opened before: imported files and some files of the same folder, in random order."""
    folder = PurePosixPath(module.path).parent
    imported = set(_imported(code, module))
    siblings = [
        path
        for path in sorted(code.files)
        if PurePosixPath(path).parent == folder and path not in imported | {module.path} and not _TEST.search(path)
    ]
    opened = sorted(imported) + dice.sample(siblings, min(SIBLINGS, len(siblings)))
    return dice.sample(opened, len(opened))


def _imported(code: Code, module: Module) -> Iterator[str]:
    """Yield the files that define imported names, as an editor's "go to definition" would open them."""
    for each in module.imports.values():
        found = code.find(each)
        if found is not None and found.path != module.path:
            yield found.path
