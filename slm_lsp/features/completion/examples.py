"""Finds the examples in the docstring of a Python function, and the code that is needed to run them.

Three forms are recognized. In all of them the result must be a literal.

- A `doctest` example, such as `>>> median([3, 1, 2])` with the result in the next line. The expression may use only the
  function and built-in names.
- A call with literal arguments and its result in one line, such as `median([3, 1, 2]) == 2` or `median([]) -> None`. An
  arrow, an equals sign or a word such as `returns` must be between them.
- A line such as `Input: [3, 1, 2]`, followed by a line such as `Output: 2`.

The code to run consists of the function at the cursor and of the definitions in the same file that the function uses.
The examples are run only if all of this code only computes (`purity`). This module selects the code; `trial` runs it.
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

MAX_EXAMPLES = 10
"""Maximum number of examples that are run."""

MAX_DOCUMENT, MAX_FUNCTION, MAX_DOCSTRING, MAX_LINE = 100_000, 20_000, 10_000, 500
"""Maximum number of characters of a document, a function, a docstring and a line of a docstring. Longer ones are not
searched for examples."""

MAX_NODES = 10_000
"""Maximum number of syntax tree nodes of the code to run; about 500 lines."""

MAX_ATTEMPTS = 8
"""Maximum number of attempts to find the end of a call or of a result in a text. Each attempt parses a different part
of the text."""

_DEFINITION = re.compile(r"^def[ \t]+(\w+)[ \t]*\(", re.MULTILINE)
_MODULE_LEVEL = re.compile(r"[^\s)\]}#]")
"""Matches the start of a statement at module level. A line that starts with a closing bracket continues a statement."""

_RESULT = re.compile(r"\s*(?:\#\s*)?(?:==>|==|=>|=|-+>|[→➞⇒➡]|(?:should\s+)?(?:returns?|be|is|gives?)\b|\#)\s*(.+)")
_IN_AND_OUT = re.compile(r"^[ \t]*Input:[ \t]*(\S.*)\n[ \t]*Output:[ \t]*(\S.*)$", re.MULTILINE)
_TRAILING = re.compile(r"(?<![ \t])[ \t]+(?:#|\().*\Z")
_OPERAND = re.compile(r"(?:[\w.~-]|[\w)\]}]\s*[-+*/%@&|^=<>!]+\s*)$")
"""Matches text before a call that makes the call part of a larger expression or of another name."""

_NEGATION = re.compile(r"\b(?:not|never|used to|wrong\w*|unless|instead|bugs?)\b|n't\b", re.IGNORECASE)
"""Matches words before a call, such as `not`, that may mean that the result after the call is wrong."""

_UNUSUAL_SPACE = re.compile(r"[^\S \t\r]|[\x00-\x08\x0e-\x1f]")
"""Matches whitespace and control characters that only some of `doctest`, `ast` and `str.split` treat as line breaks."""

_CONTINUATION = re.compile(r"[ \t]+\S|[)\]}]")
"""Matches the start of a line that continues the statement above."""

Call: TypeAlias = str
Definition: TypeAlias = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom


@dataclass(frozen=True, slots=True)
class Runnable:
    """A function, its examples and the code that the function needs."""

    definition: str
    """Source of the function and of the definitions in the same file that the function uses."""
    examples: tuple[tuple[Call, object], ...]
    """Calls and their expected results."""
    modules: frozenset[str]
    """Modules that the definition imports."""


def may_have_examples(head: str) -> bool:
    """Return whether the last function above the cursor may have examples. This quick check parses nothing.

    Args:
        head: the document above the cursor's line.
    """
    functions = list(_DEFINITION.finditer(head))
    if not functions:
        return False
    last = functions[-1]
    return re.search(rf"\b{last[1]}\(|\bOutput:", head[last.end() :]) is not None


def runnable(text: str, line: int) -> Runnable | None:
    """Return the module-level function around a line of a Python document.

    Return None if the function has no examples or cannot be run, or if the document does not parse.

    Args:
        text: the document.
        line: number of the line, counted from 0.
    """
    if len(text) > MAX_DOCUMENT:
        return None
    lines = [f"{each}\n" for each in text.split("\n")]
    start, end = _function_lines(lines, line)
    if not start < line < end:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about the user's code must not fill the server's log
            return _runnable("".join(lines[start:end]), "".join((*lines[:start], *lines[end:])))
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        return None


def _runnable(text: str, others: str) -> Runnable | None:
    """See `runnable`. `text` is the function, `others` is the rest of the document."""
    if len(text) > MAX_FUNCTION:
        return None
    function = ast.parse(text).body[-1]
    if not isinstance(function, ast.FunctionDef):
        return None
    examples = examples_of(function.name, ast.get_docstring(function) or "")
    needed = _with_dependencies(function, _parsed(others)) if examples else None
    modules = None if needed is None else modules_of(needed)
    if needed is None or modules is None:
        return None
    return Runnable(ast.unparse(ast.Module(needed, [])), examples, modules)


def _function_lines(lines: Sequence[str], line: int) -> tuple[int, int]:
    """Return the range of lines of the module-level function around a line, with its decorators.

    Return an empty range if the line is in no such function, or if a decorator spans several lines.
    """
    start = next((at for at in range(min(line, len(lines) - 1), -1, -1) if _DEFINITION.match(lines[at])), None)
    if start is None:
        return 0, 0
    end = next((at for at in range(start + 1, len(lines)) if _MODULE_LEVEL.match(lines[at])), len(lines))
    while start > 0 and lines[start - 1].startswith("@"):
        start -= 1
    above = next((at for at in range(start - 1, -1, -1) if not _CONTINUATION.match(lines[at])), None)
    # A decorator of several lines is outside the range, so it would apply to the next definition.
    return (0, 0) if above is not None and lines[above].startswith("@") else (start, end)


@lru_cache(maxsize=1)
def _parsed(text: str) -> Sequence[ast.stmt]:
    """Return the statements of a text. Cached, because the rest of the file is the same for all candidates.

    Callers must not change the result.
    """
    return ast.parse(text).body


@lru_cache(maxsize=4)
def examples_of(name: str, docstring: str) -> tuple[tuple[Call, Any], ...]:
    """Return the first `MAX_EXAMPLES` calls of a function that its docstring shows, with their results."""
    lines = docstring.split("\n")
    if len(docstring) > MAX_DOCSTRING or any(len(line) > MAX_LINE for line in lines):
        return ()
    if any(_UNUSUAL_SPACE.search(line) for line in lines):
        return ()
    found = chain(_doctest_examples(name, docstring), _prose_examples(name, lines), _input_output(name, docstring))
    return tuple(islice(found, MAX_EXAMPLES))


def _doctest_examples(name: str, docstring: str) -> Iterator[tuple[Call, Any]]:
    try:
        examples = doctest.DocTestParser().get_examples(docstring)
    except ValueError:
        examples = []
    for each in examples:
        source, result = each.source.strip(), each.want.strip()
        if not each.options.get(doctest.SKIP) and len(result) <= MAX_LINE and _uses_only(name, source):
            yield from _with_result(source, result or ("True" if "==" in source else ""))


def _prose_examples(name: str, lines: Sequence[str]) -> Iterator[tuple[Call, Any]]:
    for line in lines:
        start = line.find(f"{name}(")
        before = line[: max(start, 0)]
        if start < 0 or before.lstrip().startswith((">>>", "...")):
            continue
        if _OPERAND.search(before) or _NEGATION.search(before):
            continue
        call, end = _call(name, line[start:])
        if call and (match := _RESULT.fullmatch(line[start + end :])):
            yield from _with_result(call, match[1])


def _input_output(name: str, docstring: str) -> Iterator[tuple[Call, Any]]:
    for arguments, result in _IN_AND_OUT.findall(docstring):
        call, end = _call(name, whole := f"{name}({arguments.strip()})")
        if end == len(whole):
            yield from _with_result(call, result)


def _uses_only(name: str, text: str) -> bool:
    """Return whether a text is an expression that uses a function and otherwise only allowed built-in names."""
    try:
        expression = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    if any(isinstance(each, ast.NamedExpr) for each in ast.walk(expression)):
        return False
    names = set(_names(expression))
    # `print` is refused because the output of examples is not captured.
    allowed = vars(builtins).keys() - {"print"}
    return name in names and names - {name} <= allowed and modules_of([expression]) is not None


def _call(name: str, text: str) -> tuple[Call, int]:
    """Return the call with literal arguments at the start of a text, and its length; `("", 0)` without one."""
    for end in islice((each.end() for each in re.finditer(r"\)", text)), MAX_ATTEMPTS):
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
    """Yield a call with the literal at the start of a text as its result.

    Yield nothing if the text does not start with a literal.

    Comments and remarks after the literal are ignored.
    """
    text = text.rstrip(" .,;:")
    for _ in range(MAX_ATTEMPTS):
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


def _with_dependencies(function: ast.FunctionDef, others: Sequence[ast.stmt]) -> list[ast.stmt] | None:
    """Return the statements of the file that a function depends on, followed by the function.

    Return None if the code is too large, or if a name may be defined by a statement that cannot be run on its own, such
    as `from x import *` or an `if`.
    """
    definitions = _definitions(others)
    if "*" in definitions:
        return None
    needed: dict[int, ast.stmt] = {}
    pending: list[ast.stmt] = [function]
    seen: set[str] = set()
    nodes = 0
    while pending:
        statement = pending.pop()
        if id(statement) in needed:
            continue
        needed[id(statement)] = statement
        nodes += sum(1 for _ in ast.walk(statement))
        if nodes > MAX_NODES:
            return None
        new = set(_names(statement)) - seen
        seen |= new
        for name in new:
            found = definitions.get(name, [])
            if not all(isinstance(each, Definition) for each in found):
                return None
            pending += found
    return [*(each for each in others if id(each) in needed), function]


def _definitions(body: Sequence[ast.stmt]) -> Mapping[str, list[ast.stmt]]:
    """Return the statements of a file that define or change each name."""
    definitions: dict[str, list[ast.stmt]] = {}
    for statement in body:
        for name in _bound_names(statement):
            definitions.setdefault(name, []).append(statement)
        for inner in ast.walk(statement):
            if isinstance(inner, ast.Global):
                for name in inner.names:
                    # The function with this `global` statement may be called at any time and change the name's value.
                    definitions.setdefault(name, []).append(inner)
    return definitions


def _bound_names(statement: ast.stmt) -> Iterable[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(each.asname or each.name).partition(".")[0] for each in statement.names]
    return (name for each in ast.walk(statement) for name in _bound_by(each))


def _bound_by(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node defines, or whose values it may change, as in `a[1] = 2` and `a.append(2)`."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.alias):
        yield node.name
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        yield from _names(node.value.func)
    elif isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        yield from _names(node)


def _names(node: ast.AST) -> Iterator[str]:
    return (each.id for each in ast.walk(node) if isinstance(each, ast.Name))
