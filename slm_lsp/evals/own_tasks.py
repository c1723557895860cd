"""slm-lsp's own tasks for `eval fix` and `eval edit`: seeded bugs and refactorings in small projects of several files.

`fixtures/tasks/` has one folder per project: `project/` is the correct project with its visible tests, `hidden/` has
the files of the hidden tests, and `tasks.toml` lists the tasks.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slm_lsp.engine.api import Provider
from slm_lsp.errors import UsageError
from slm_lsp.evals.arms import Answered
from slm_lsp.features.edit.units import Unit, named_units
from slm_lsp.features.fix.fix import make_fix
from slm_lsp.features.fix.plan import FixJob
from slm_lsp.features.verify.tests import TestCommand, run_tests
from slm_lsp.index.project import open_project
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import languages
from slm_lsp.languages.symbols import definitions
from slm_lsp.routing.policy import Choice

ROOT = Path(__file__).parents[2] / "fixtures" / "tasks"


class Bug(msgspec.Struct, frozen=True):
    """A seeded bug."""

    name: str
    file: str
    symbol: str
    """Qualified name of the function with the bug."""
    right: str
    """A piece of the correct file."""
    wrong: str
    """The text that replaces this piece."""
    visible: bool = True
    """Whether the visible tests fail with the bug."""


class Refactoring(msgspec.Struct, frozen=True):
    """An instruction to change a function, a class or a file."""

    name: str
    file: str
    symbol: str
    """Qualified name of the function or class; empty for the whole file."""
    instruction: str
    contains: tuple[str, ...] = ()
    """Regular expressions that match the new code."""
    absent: tuple[str, ...] = ()
    """Regular expressions that do not match the new code."""
    test: str = ""
    """A further command that must succeed after the change."""


class _Tasks(msgspec.Struct, frozen=True):
    language: str
    test: str
    hidden_test: str
    bugs: tuple[Bug, ...] = ()
    refactorings: tuple[Refactoring, ...] = ()


@dataclass(frozen=True, slots=True)
class OwnProject:
    """A project with tasks."""

    name: str
    language: str
    root: Path
    test: str
    hidden_test: str
    hidden: Mapping[str, str]
    """The files of the hidden tests: text by path."""

    def read(self, path: str) -> str:
        """Return the correct text of a file."""
        return (self.root / path).read_text(encoding="utf-8")

    def unit(self, text: str, symbol: str) -> Unit:
        """Return the unit with a name or a qualified name.

        Raises:
            UsageError: the text does not define the name exactly once.
        """
        language, source = languages()[self.language], text.encode()
        tree = parse(language, source)
        found = [] if tree is None else named_units(text, source, tree, definitions(language, tree, source))
        named = [unit for each, unit in found if symbol in (each.qualified, each.name)]
        if len(named) != 1:
            raise UsageError(f"{self.name}: {symbol} is not a definition with its own lines.")
        return named[0]

    async def visible_passes(self, path: str, text: str) -> bool:
        """Return whether the visible tests pass with a new text of one file."""
        return (await run_tests(TestCommand(self.test), self.root, {path: text})).ok

    async def hidden_passes(self, path: str, text: str, command: str = "") -> bool:
        """Return whether the hidden tests, or another command, pass with a new text of one file."""
        files = {**self.hidden, path: text}
        return (await run_tests(TestCommand(command or self.hidden_test), self.root, files)).ok


@dataclass(frozen=True, slots=True)
class BugTask:
    """A project in which one function is wrong."""

    project: OwnProject
    bug: Bug
    text: str
    """The file with the bug."""

    @property
    def name(self) -> str:
        """Name of the task."""
        return f"{self.project.name}/{self.bug.name}"

    @property
    def language(self) -> str:
        """Language of the project."""
        return self.project.language

    @property
    def path(self) -> str:
        """Path of the file in the project."""
        return self.bug.file

    @property
    def function(self) -> str:
        """Name of the wrong function."""
        return self.bug.symbol

    @property
    def unit(self) -> Unit:
        """The wrong function."""
        return self.project.unit(self.text, self.bug.symbol)

    async def passes_hidden(self, text: str) -> bool:
        """Return whether the hidden tests pass with a version of the file."""
        return await self.project.hidden_passes(self.path, text)

    async def fixed(self, choice: Choice, provider: Provider) -> Answered:
        """Return the fix of `slm-lsp fix FILE --test CMD`, which does not know the wrong function."""

        async def open_model() -> tuple[Provider, Choice]:
            return provider, choice

        root = self.project.root
        job = FixJob(root, self.path, self.text, command=TestCommand(self.project.test))
        result = await make_fix(job, open_project(root), open_model)
        found = result.candidate if result.path == self.path else None
        return Answered(None if found is None else found.text, result.generated_tokens, result.accepted)


@dataclass(frozen=True, slots=True)
class RefactoringTask:
    """A project in which one unit is to be changed."""

    project: OwnProject
    refactoring: Refactoring
    text: str
    """The file before the change."""

    @property
    def name(self) -> str:
        """Name of the task."""
        return f"{self.project.name}/{self.refactoring.name}"

    @property
    def unit(self) -> Unit | None:
        """The unit to change; None for the whole file."""
        symbol = self.refactoring.symbol
        return self.project.unit(self.text, symbol) if symbol else None

    def changed_as_told(self, text: str) -> bool:
        """Return whether the new code matches all regular expressions of `contains` and none of `absent`."""
        unit = self.unit
        start, end = (0, len(text)) if unit is None else (unit.start, len(text) - len(self.text) + unit.end)
        code, task = text[start:end], self.refactoring
        return all(re.search(each, code, re.MULTILINE) for each in task.contains) and not any(
            re.search(each, code, re.MULTILINE) for each in task.absent
        )

    async def passes(self, text: str) -> bool:
        """Return whether the change was made and all tests pass."""
        project, path = self.project, self.refactoring.file
        if not self.changed_as_told(text):
            return False
        commands = [project.hidden_test, *([self.refactoring.test] if self.refactoring.test else [])]
        if not await project.visible_passes(path, text):
            return False
        return all([await project.hidden_passes(path, text, each) for each in commands])


def load_bugs(root: Path = ROOT) -> list[BugTask]:
    """Return the seeded bugs of all projects.

    Raises:
        UsageError: the tasks are missing or invalid.
    """
    found = []
    for project, tasks in _projects(root):
        for each in tasks.bugs:
            right = project.read(each.file)
            if right.count(each.right) != 1:
                raise UsageError(f"{project.name}: the text that {each.name} replaces must occur exactly once.")
            found.append(BugTask(project, each, right.replace(each.right, each.wrong)))
    return found


def load_refactorings(root: Path = ROOT) -> list[RefactoringTask]:
    """Return the refactorings of all projects.

    Raises:
        UsageError: the tasks are missing or invalid.
    """
    return [
        RefactoringTask(project, each, project.read(each.file))
        for project, tasks in _projects(root)
        for each in tasks.refactorings
    ]


def _projects(root: Path) -> Iterator[tuple[OwnProject, _Tasks]]:
    files = sorted(root.glob("*/tasks.toml"))
    if not files:
        raise UsageError(
            f"{root} has no tasks: they are in the source repository of slm-lsp only.", "Use --data FILE instead."
        )
    for file in files:
        folder = file.parent
        try:
            tasks = msgspec.toml.decode(file.read_bytes(), type=_Tasks)
        except msgspec.MsgspecError as error:
            raise UsageError(f"{file} is invalid: {error}.") from error
        hidden = {
            path.relative_to(folder / "hidden").as_posix(): path.read_text(encoding="utf-8")
            for path in sorted((folder / "hidden").rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }
        yield (
            OwnProject(folder.name, tasks.language, folder / "project", tasks.test, tasks.hidden_test, hidden),
            tasks,
        )
