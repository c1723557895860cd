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
from itertools import chain, islice
from typing import Any, TypeAlias

from slm_lsp.features.completion.purity import modules_of

MOST = 10
"""So many examples are run."""

MOST_CHARACTERS, MOST_OF_A_FUNCTION, MOST_OF_A_DOCSTRING, MOST_OF_A_LINE = 100_000, 20_000, 10_000, 500
"""A longer document, function, docstring or line of a docstring is not looked at."""

MOST_NODES = 10_000
"""Of the syntax tree of all that has to run; some 500 lines."""

MOST_TRIES = 8
"""So many ends of a call are tried, and so many shorter forms of a result."""

_DEFINITION = re.compile(r"^def[ \t]+(\w+)[ \t]*\(", re.MULTILINE)
_OUTER = re.compile(r"[^\s)\]}#]")
"""How a line begins that belongs to the module; closing brackets may stand there too."""

_RESULT = re.compile(r"\s*(?:\#\s*)?(?:==>|==|=>|=|-+>|[→➞⇒➡]|(?:should\s+)?(?:returns?|be|is|gives?)\b|\#)\s*(.+)")
_IN_AND_OUT = re.compile(r"^[ \t]*Input:[ \t]*(\S.*)\n[ \t]*Output:[ \t]*(\S.*)$", re.MULTILINE)
_TRAILING = re.compile(r"(?<![ \t])[ \t]+(?:#|\().*\Z")
_OPERAND = re.compile(r"(?:[\w.~-]|[\w)\]}]\s*[-+*/%@&|^=<>!]+\s*)$")
"""What stands before a call that is a part of something else, or of another name."""

_DENIES = re.compile(r"\b(?:not|never|used to|wrong\w*|unless|instead|bugs?)\b|n't\b", re.IGNORECASE)
"""What stands before a call of which it is said that it does not do so."""

_BREAKS = re.compile(r"[^\S \t\r]|[\x00-\x08\x0e-\x1f]")
"""White space and other characters at which some break lines and others do not."""

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
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        return None


def _runnable(text: str, others: str) -> Runnable | None:
    if len(text) > MOST_OF_A_FUNCTION:
        return None
    function = ast.parse(text).body[-1]
    if not isinstance(function, ast.FunctionDef):
        return None
    examples = examples_of(function.name, ast.get_docstring(function) or "")
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


@lru_cache(maxsize=4)
def examples_of(name: str, docstring: str) -> tuple[tuple[Call, Any], ...]:
    """Calls of a function that its docstring shows, and their results; the first ones."""
    lines = docstring.split("\n")
    if len(docstring) > MOST_OF_A_DOCSTRING or any(len(line) > MOST_OF_A_LINE for line in lines):
        return ()
    if any(_BREAKS.search(line) for line in lines):
        return ()
    return tuple(
        islice(chain(_in_doctest(name, docstring), _in_prose(name, lines), _in_and_out(name, docstring)), MOST)
    )


def _in_doctest(name: str, docstring: str) -> Iterator[tuple[Call, Any]]:
    try:
        shown = doctest.DocTestParser().get_examples(docstring)
    except ValueError:
        shown = []
    for each in shown:
        asked, want = each.source.strip(), each.want.strip()
        if not each.options.get(doctest.SKIP) and len(want) <= MOST_OF_A_LINE and _asks_only(name, asked):
            yield from _with_result(asked, want or ("True" if "==" in asked else ""))


def _in_prose(name: str, lines: Sequence[str]) -> Iterator[tuple[Call, Any]]:
    for line in lines:
        start = line.find(f"{name}(")
        before = line[: max(start, 0)]
        if start < 0 or before.lstrip().startswith((">>>", "...")) or _OPERAND.search(before) or _DENIES.search(before):
            continue
        call, end = _call(name, line[start:])
        if call and (said := _RESULT.fullmatch(line[start + end :])):
            yield from _with_result(call, said[1])


def _in_and_out(name: str, docstring: str) -> Iterator[tuple[Call, Any]]:
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
    if any(isinstance(each, ast.NamedExpr) for each in ast.walk(asked)):
        return False
    named = set(_names(asked))
    # What `print` says is not seen.
    return name in named and named - {name} <= vars(builtins).keys() - {"print"} and modules_of([asked]) is not None


def _call(name: str, text: str) -> tuple[Call, int]:
    """The call with literal values that a text begins with, and where it ends; empty where it begins with none."""
    for end in islice((each.end() for each in re.finditer(r"\)", text)), MOST_TRIES):
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
    for _ in range(MOST_TRIES):
        try:
            parsed = ast.parse(text, mode="eval")
            value = ast.literal_eval(parsed)
            listed = isinstance(parsed.body, ast.Tuple) and not text.startswith("(")
            if listed or any(isinstance(each, ast.Constant) and each.value is ... for each in ast.walk(parsed)):
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
    nodes = 0
    while left:
        each = left.pop()
        if id(each) in reached:
            continue
        reached[id(each)] = each
        nodes += sum(1 for _ in ast.walk(each))
        if nodes > MOST_NODES:
            return None
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
        for inner in ast.walk(each):
            if isinstance(inner, ast.Global):
                for name in inner.names:
                    known.setdefault(name, []).append(inner)  # Who knows when it is called.
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
