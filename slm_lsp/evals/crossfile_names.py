"""Resolves the names of a Python project to the files that define them, by imports and annotations.

Tasks are built from the result, so it must be exact, unlike the index. A name is resolved only if an explicit import
leads to its definition: directly, through other imports, through the class of a local variable, or through a base
class.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TypeAlias

from slm_lsp.text import Lines

MAX_STEPS = 8
"""Maximum number of imports or base classes to follow. The limit also ends cycles."""

_WORD = re.compile(r"\w+")

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Definition:
    """The definition of a name at the top level of a file, or the file itself."""

    path: str
    name: str
    """The defined name; empty for a file."""
    node: ast.stmt | None
    """The defining statement; None for a file."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The module, or the name in a module, that an import statement refers to."""

    module: str
    """Full dotted name."""
    name: str | None
    """The name in the module; None for the module itself."""


@dataclass(frozen=True)
class Module:
    """A parsed file."""

    path: str
    text: str
    tree: ast.Module

    @cached_property
    def lines(self) -> Lines:
        """The lines of the text."""
        return Lines(self.text)

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """Functions, classes and constants at the top level, including those in top-level `if` and `try` blocks."""
        return dict(_definitions(self.tree.body))

    @cached_property
    def imports(self) -> dict[str, Imported]:
        """Names bound by imports anywhere in the file."""
        return dict(_imports(self.tree, self.path))

    @cached_property
    def words(self) -> dict[str, list[int]]:
        """For each word, the numbers (from 1) of the lines that contain the word. Import statements are ignored."""
        importing = {
            line
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }
        found: dict[str, list[int]] = {}
        for number in range(1, len(self.lines.starts) + 1):
            if number not in importing:
                for word in set(_WORD.findall(self.lines.line(number - 1))):
                    found.setdefault(word, []).append(number)
        return found


class Code:
    """The files of a project, parsed on demand."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self._by_name = {dotted(path): path for path in files}
        self._parsed: dict[str, Module | None] = {}

    def module(self, path: str) -> Module | None:
        """Return a parsed file; None if it cannot be parsed, for example because it needs a later version of Python."""
        if path not in self._parsed:
            text = self.files[path]
            try:
                self._parsed[path] = Module(path, text, ast.parse(text))
            except (SyntaxError, ValueError, RecursionError):
                self._parsed[path] = None
        return self._parsed[path]

    def find(self, wanted: Imported, steps: int = MAX_STEPS) -> Definition | None:
        """Return the definition that an import leads to, following further imports; None if outside the project."""
        path = self._by_name.get(wanted.module)
        if path is None or steps == 0:
            return None
        if wanted.name is None:
            return Definition(path, "", None)
        module = self.module(path)
        if module is not None and (node := module.definitions.get(wanted.name)) is not None:
            return Definition(path, wanted.name, node)
        if module is not None and (further := module.imports.get(wanted.name)) is not None:
            return self.find(further, steps - 1)
        return self.find(Imported(f"{wanted.module}.{wanted.name}", None), steps - 1)

    def named(self, module: Module, name: str) -> Definition | None:
        """Return the definition of a name at the top level of a file; None if unknown."""
        if (node := module.definitions.get(name)) is not None:
            return Definition(module.path, name, node)
        return self.find(module.imports[name]) if name in module.imports else None

    def member(self, owner: Definition, name: str, steps: int = MAX_STEPS) -> str | None:
        """Return the file that defines a member of a module, a class or its bases; None if unknown."""
        if not owner.name:
            module = self.module(owner.path)
            found = self.named(module, name) if module else None
            return found.path if found else None
        if not isinstance(owner.node, ast.ClassDef) or steps == 0:
            return None
        if name in set(_members(owner.node)):
            return owner.path
        module = self.module(owner.path)
        bases = [self.value(module, each) for each in owner.node.bases] if module else []
        paths = (self.member(each, name, steps - 1) for each in bases if each is not None and each != owner)
        return next((path for path in paths if path is not None), None)

    def value(self, module: Module, node: ast.expr) -> Definition | None:
        """Return the definition that an expression such as `Name`, `module.Name` or `Generic[…]` refers to."""
        if isinstance(node, ast.Name):
            return self.named(module, node.id)
        if isinstance(node, ast.Subscript):
            return self.value(module, node.value)
        if isinstance(node, ast.Attribute) and (owner := self.value(module, node.value)) and not owner.name:
            return self.find(Imported(dotted(owner.path), node.attr))
        return None

    def annotated(self, module: Module, node: ast.expr | None) -> Definition | None:
        """Return the class that an annotation names. Handles unions (the first class), optional types and strings."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                return self.annotated(module, ast.parse(node.value, mode="eval").body)
            except SyntaxError:
                return None
        if isinstance(node, ast.BinOp):
            return self.annotated(module, node.left) or self.annotated(module, node.right)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("Optional", "Annotated"):
            first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            return self.annotated(module, first)
        found = self.value(module, node) if isinstance(node, ast.Name | ast.Attribute) else None
        return found if found is not None and isinstance(found.node, ast.ClassDef) else None


def dotted(path: str) -> str:
    """Return the dotted name by which a file is imported."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _definitions(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.If | ast.Try):
            handlers = node.handlers if isinstance(node, ast.Try) else []
            yield from _definitions([*node.body, *node.orelse, *(each for part in handlers for each in part.body)])
        else:
            yield from ((name, node) for name in _targets(node))


def _targets(node: ast.stmt) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    yield from (each.id for each in targets if isinstance(each, ast.Name))


def _imports(tree: ast.Module, path: str) -> Iterator[tuple[str, Imported]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = _base(path, node)
            for alias in node.names:
                if base and alias.name != "*":
                    yield alias.asname or alias.name, Imported(base, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                # `import a.b` binds `a`, so only plain names and those with `as` refer to the module itself.
                if alias.asname or "." not in alias.name:
                    yield alias.asname or alias.name, Imported(alias.name, None)


def _base(path: str, node: ast.ImportFrom) -> str:
    """Return the full dotted name of the module in `from … import`.

    It is empty if a relative import leads above the project's top package.
    """
    if node.level == 0:
        return node.module or ""
    package = PurePosixPath(path).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])]) if package else ""


def _members(node: ast.ClassDef) -> Iterator[str]:
    """Yield the members of a class: methods, class variables, and attributes that methods assign to `self`."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield each.name
            for inner in ast.walk(each):
                if (
                    isinstance(inner, ast.Attribute)
                    and isinstance(inner.ctx, ast.Store)
                    and isinstance(inner.value, ast.Name)
                    and inner.value.id == "self"
                ):
                    yield inner.attr
        else:
            yield from _targets(each)
