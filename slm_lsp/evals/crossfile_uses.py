"""Finds lines of a Python file that use a name defined in another file of the project."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slm_lsp.evals.crossfile_names import Code, Definition, Function, Module

MIN_LINE, MAX_LINE = 12, 120
"""Minimum and maximum length of a usable line without its indentation, in characters. Shorter lines are too easy to
complete, longer ones too hard."""

MIN_NAME = 3
"""Minimum length of the name that a line uses, in characters."""

_SIMPLE = (ast.Return, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Raise, ast.Assert)


@dataclass(frozen=True, slots=True)
class Use:
    """A name from another file, used in a statement that is alone on its line.

    Args:
        line: number of the line, from 1.
        indent: start column of the statement.
        start: start column of the expression with the name, such as that of `cart` in `cart.total`.
        name: the name.
        defined_in: path of the file that defines the name.
    """

    line: int
    indent: int
    start: int
    name: str
    defined_in: str


def uses(code: Code, module: Module) -> Iterator[Use]:
    """Yield all uses in the functions of a file, from the top. A line may contain several uses."""
    for function, owner in _functions(module.tree.body, None):
        known = _Known(code, module, function, owner)
        for statement in _statements(function.body):
            if _fills_a_line(statement, module):
                yield from _in(statement, known)


class _Known:
    """The known types of the names in a function."""

    def __init__(self, code: Code, module: Module, function: Function, owner: ast.ClassDef | None) -> None:
        self.code = code
        self.module = module
        every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        self.types: dict[str, Definition] = {}
        self.local = {each.arg for each in ast.walk(function) if isinstance(each, ast.arg)}
        self.local |= {
            each.id for each in ast.walk(function) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }
        if owner is not None and every and every[0].arg in ("self", "cls"):
            self.types[every[0].arg] = Definition(module.path, owner.name, owner)
        for each in every:
            self._note(each.arg, code.annotated(module, each.annotation))
        for node in ast.walk(function):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                self._note(node.target.id, code.annotated(module, node.annotation))
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self._note(node.targets[0].id, self._made(node.value))

    def _note(self, name: str, found: Definition | None) -> None:
        if found is not None:
            self.types.setdefault(name, found)

    def _made(self, value: ast.expr) -> Definition | None:
        """Return the class of the object that a call creates; None if unknown."""
        inner = value.value if isinstance(value, ast.Await) else value
        return self.code.annotated(self.module, inner.func) if isinstance(inner, ast.Call) else None

    def source(self, node: ast.expr) -> tuple[str, str] | None:
        """Return the name that an expression uses from another file, and that file; None if it uses no such name."""
        if isinstance(node, ast.Name) and node.id not in self.local:
            found = self.code.named(self.module, node.id) if node.id in self.module.imports else None
            return (node.id, found.path) if found and found.name else None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = node.value.id
            owner = self.types.get(name) if name in self.local else self.code.named(self.module, name)
            path = self.code.member(owner, node.attr) if owner else None
            return (node.attr, path) if path else None
        return None


def _in(statement: ast.stmt, known: _Known) -> Iterator[Use]:
    line = known.module.lines.line(statement.lineno - 1)
    for node in _expressions(statement):
        found = known.source(node)
        if found is None:
            continue
        name, path = found
        # Verify the position in the text: columns are byte offsets, and must point at the name.
        if path == known.module.path or len(name) < MIN_NAME or name.startswith("__") or not line.isascii():
            continue
        if name in line[node.col_offset : node.end_col_offset]:
            yield Use(statement.lineno, statement.col_offset, node.col_offset, name, path)


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions in a statement from left to right, without f-strings: Python 3.11 gives wrong columns."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.JoinedStr):
            continue
        if isinstance(child, ast.expr):
            yield child
        yield from _expressions(child)


def _functions(body: Sequence[ast.stmt], owner: ast.ClassDef | None) -> Iterator[tuple[Function, ast.ClassDef | None]]:
    """Yield the functions at the top level and in classes, with their class, but no nested functions."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, owner
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, node)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the simple statements in the blocks of a function, in order, without nested functions and classes."""
    for node in body:
        if isinstance(node, _SIMPLE):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for block in ("body", "handlers", "orelse", "finalbody", "cases"):
                for each in getattr(node, block, ()):
                    yield from _statements([each] if isinstance(each, ast.stmt) else each.body)


def _fills_a_line(statement: ast.stmt, module: Module) -> bool:
    """Return whether a statement is alone on its line, without a comment, and is not a docstring."""
    if statement.lineno != statement.end_lineno:
        return False
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return False
    line = module.lines.line(statement.lineno - 1)
    alone = not line[: statement.col_offset].strip() and not line[statement.end_col_offset :].strip()
    return alone and MIN_LINE <= len(line.strip()) <= MAX_LINE
