"""Examples that a function's docstring gives, and what has to run to see whether the function does as they say.

    >>> median([3, 1, 2])               median([3, 1, 2]) == 2
    2                                   median([]) -> None

Taken are expressions of Python's `doctest` that name the function and else only what Python has; calls with literal
values on lines in which an arrow, an equals sign or a word says what comes out; and pairs of `Input:` and `Output:`.
Results have to be literal too. What runs is the function at the cursor and what it names of its file, where all of it
only computes (`purity`). Pure: running it is `trial`'s.
"""

import ast
import builtins
import doctest
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias

from slm_lsp.features.purity import modules_of

MOST = 10
"""So many examples are run."""

MOST_CHARACTERS, MOST_OF_A_DOCSTRING, MOST_OF_A_LINE = 100_000, 10_000, 500
"""A longer document, docstring or line of one is not looked at."""

_DEFINITION = re.compile(r"^def[ \t]+(\w+)[ \t]*\(", re.MULTILINE)
_OUTER = re.compile(r"[^\s)\]}#]")
"""How a line begins that belongs to the module; closing brackets may stand there too."""

_RESULT = re.compile(r"\s*(?:\#\s*)?(?:==>|==|=>|=|-+>|[→➞⇒➡]|(?:should\s+)?(?:returns?|be|is|gives?)\b|\#)\s*(.+)")
_IN_AND_OUT = re.compile(r"^[ \t]*Input:[ \t]*(\S.*)\n[ \t]*Output:[ \t]*(\S.*)$", re.MULTILINE)
_TRAILING = re.compile(r"(?<!\s)\s+(?:#|//|\().*\Z")
_OPERAND = re.compile(r"(?:[\w.~-]|[\w)\]}]\s*[-+*/%@&|^]+\s*|\bnot\s+)$")
"""What stands before a call that is a part of something else, or of another name."""

_INNER = re.compile(r"[ \t]+\S|[)\]}]")
"""How a line begins that goes on with what stands above."""

Call: TypeAlias = str
Definition: TypeAlias = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom


@dataclass(frozen=True, slots=True)
class Runnable:
    """A function with its examples."""

    definition: str
    """The function and what it names of its file."""
    wanted: tuple[tuple[Call, object], ...]
    """Calls, and what they should return."""
    modules: frozenset[str]
    """What the definition imports."""


def may_have_examples(head: str) -> bool:
    """Whether the last function above the cursor is called in its text or has an `Output:`; a quick look only."""
    begun = list(_DEFINITION.finditer(head))
    return bool(begun) and re.search(rf"\b{begun[-1][1]}\(|\bOutput:", head[begun[-1].end() :]) is not None


def runnable(text: str, line: int) -> Runnable | None:
    """The function that a line of a Python document belongs to, if it can be run and has examples.

    Args:
        text: the document; one that does not parse has nothing that can be run.
        line: counted from 0.
    """
    if len(text) > MOST_CHARACTERS:
        return None
    lines = [f"{each}\n" for each in text.split("\n")]
    start, end = _region(lines, line)
    if not start < line < end:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code; they are not for our log
            return _runnable("".join(lines[start:end]), "".join((*lines[:start], *lines[end:])))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _runnable(text: str, others: str) -> Runnable | None:
    function = ast.parse(text).body[-1]
    if not isinstance(function, ast.FunctionDef):
        return None
    examples = tuple(islice(examples_of(function.name, ast.get_docstring(function) or ""), MOST))
    reached = _reached(function, _parsed(others)) if examples else None
    modules = None if reached is None else modules_of(reached)
    if reached is None or modules is None:
        return None
    return Runnable(ast.unparse(ast.Module(reached, [])), examples, modules)


def _region(lines: Sequence[str], line: int) -> tuple[int, int]:
    """The lines of a module's function round one of them, its decorators included; empty where there is none."""
    start = next((at for at in range(min(line, len(lines) - 1), -1, -1) if _DEFINITION.match(lines[at])), None)
    if start is None:
        return 0, 0
    end = next((at for at in range(start + 1, len(lines)) if _OUTER.match(lines[at])), len(lines))
    while start > 0 and lines[start - 1].startswith("@"):
        start -= 1
    above = next((at for at in range(start - 1, -1, -1) if not _INNER.match(lines[at])), None)
    # A decorator of several lines would be left to what follows.
    return (0, 0) if above is not None and lines[above].startswith("@") else (start, end)


@lru_cache(maxsize=1)
def _parsed(text: str) -> Sequence[ast.stmt]:
    """What a file has beside the function, which is the same for all answers; it is not to be changed."""
    return ast.parse(text).body


def examples_of(name: str, docstring: str) -> Iterator[tuple[Call, Any]]:
    """Calls of a function that its docstring shows, and their results."""
    if len(docstring) > MOST_OF_A_DOCSTRING or any(len(line) > MOST_OF_A_LINE for line in docstring.splitlines()):
        return
    try:
        shown = doctest.DocTestParser().get_examples(docstring)
    except ValueError:
        shown = []
    for each in shown:
        if _asks_only(name, each.source.strip()):
            yield from _with_result(each.source.strip(), each.want.strip())
    untrue = {each.source.strip() for each in shown if each.want.strip() == "False"}
    for line in docstring.splitlines():
        start = line.find(f"{name}(")
        if start < 0 or _OPERAND.search(line[:start]) or line.strip().removeprefix(">>> ") in untrue:
            continue
        call, end = _call(name, line[start:])
        if call and (said := _RESULT.fullmatch(line[start + end :])):
            yield from _with_result(call, said[1])
    for given, result in _IN_AND_OUT.findall(docstring):
        call, end = _call(name, whole := f"{name}({given.strip()})")
        if end == len(whole):
            yield from _with_result(call, result)


def _asks_only(name: str, text: str) -> bool:
    """Whether a text is an expression that names a function, and beside it only what Python has."""
    try:
        asked = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    named = {each.id for each in ast.walk(asked) if isinstance(each, ast.Name)}
    return name in named and named - {name} <= vars(builtins).keys() and modules_of([asked]) is not None


def _call(name: str, text: str) -> tuple[Call, int]:
    """The call with literal values that a text begins with, and where it ends; empty where it begins with none."""
    for end in (each.end() for each in re.finditer(r"\)", text)):
        try:
            found = ast.parse(text[:end], mode="eval").body
        except (SyntaxError, ValueError):
            continue
        if not (isinstance(found, ast.Call) and isinstance(found.func, ast.Name) and found.func.id == name):
            break
        if all(map(_is_literal, [*found.args, *(each.value for each in found.keywords)])):
            return text[:end], end
        break
    return "", 0


def _with_result(call: Call, text: str) -> Iterator[tuple[Call, Any]]:
    """A call with the result that a text begins with; nothing where that is no literal."""
    text = text.rstrip(" .,;:")
    while text:
        try:
            parsed = ast.parse(text, mode="eval")
            value = ast.literal_eval(parsed)
            if any(isinstance(each, ast.Constant) and each.value is ... for each in ast.walk(parsed)):
                return
            yield call, value
        except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
            shorter = _TRAILING.sub("", text)
            if shorter == text:
                return
            text = shorter
        else:
            return


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True


def _reached(function: ast.FunctionDef, others: Sequence[ast.stmt]) -> list[ast.stmt] | None:
    """A function behind all that it names of its file; None where a name may come from elsewhere."""
    known = _definitions(others)
    if "*" in known:
        return None
    reached: dict[int, ast.stmt] = {}
    left: list[ast.stmt] = [function]
    named: set[str] = set()
    while left:
        each = left.pop()
        if id(each) in reached:
            continue
        reached[id(each)] = each
        new = set(_names(each)) - named
        named |= new
        for name in new:
            found = known.get(name, [])
            if not all(isinstance(one, Definition) for one in found):
                return None
            left += found
    return [*(each for each in others if id(each) in reached), function]


def _definitions(body: Sequence[ast.stmt]) -> Mapping[str, list[ast.stmt]]:
    """The statements of a file that give each name a meaning."""
    known: dict[str, list[ast.stmt]] = {}
    for each in body:
        for name in _bound(each):
            known.setdefault(name, []).append(each)
    return known


def _bound(statement: ast.stmt) -> Iterable[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(each.asname or each.name).partition(".")[0] for each in statement.names]
    return (name for each in ast.walk(statement) for name in _bound_by(each))


def _bound_by(node: ast.AST) -> Iterator[str]:
    """The names that one node gives a meaning, or whose values it changes: `a[1] = 2`, `a.append(2)`."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.alias):
        yield node.name
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        yield from _names(node.value.func)
    elif isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        yield from _names(node)


def _names(node: ast.AST) -> Iterator[str]:
    return (each.id for each in ast.walk(node) if isinstance(each, ast.Name))
