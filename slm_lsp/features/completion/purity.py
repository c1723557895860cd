"""Checks by its syntax whether Python code only computes. Code that does anything else is not run while a user types.

It refuses names that lead from a value to the interpreter's internals, built-in functions that reach outside, and
modules that do more than compute. This check is not the protection: the process that runs the code is confined by the
kernel (`sandbox/seccomp.py`). The check keeps code from being run in vain. `sandbox/calls.py` has the lists of what is
allowed.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator

from slm_lsp.sandbox.calls import BUILTINS, HIDDEN, MODULES

_BUILTINS = frozenset(BUILTINS) | {"print"}
_MODULES = frozenset(MODULES) | {"typing"}

_HARMLESS = frozenset(
    f"__{each}__"
    for each in (
        *("init", "post_init", "name", "repr", "str", "bool", "hash", "len", "iter", "next", "reversed", "contains"),
        *("getitem", "setitem", "delitem", "call", "eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert"),
        *("add", "radd", "iadd", "sub", "rsub", "isub", "mul", "rmul", "imul", "truediv", "floordiv", "mod", "pow"),
        *("and", "or", "xor", "lshift", "rshift", "matmul", "divmod", "int", "float", "index", "round", "slots"),
    )
)
"""What classes define, and are asked for, every day."""

_INNARDS = ("gi_", "f_", "tb_", "cr_", "ag_", "co_", "func_")
"""How attributes of frames, generators and code begin (Python's documentation of `inspect`)."""

_AWAY = HIDDEN | {"obj", "mro", "format_map", "with_traceback"}
"""Names that lead from a value to more than it."""

_NAMES = ("id", "attr", "arg", "name", "asname", "rest", "names", "kwd_attrs")
"""Fields of nodes that hold names (Python's documentation of `ast`)."""

_REFUSED = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)


def modules_of(nodes: Iterable[ast.AST]) -> frozenset[str] | None:
    """What code imports, where all that it does is compute; None where it may do something else."""
    found: set[str] = set()
    for node in (inner for each in nodes for inner in ast.walk(each)):
        if isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Import):
            found |= {each.name.replace(".", "/") for each in node.names}  # `import a.b` binds another name
        elif not _computes(node):
            return None
    return frozenset(found - {"typing"}) if found <= _MODULES else None


def _computes(node: ast.AST) -> bool:
    if isinstance(node, _REFUSED) or (isinstance(node, ast.MatchClass) and node.patterns):
        return False  # what a class matches by position, it says in strings
    if isinstance(node, ast.Name) and not _known(node.id):
        return False
    return all(map(_harmless, _names(node)))


def _names(node: ast.AST) -> Iterator[str]:
    for field in _NAMES:
        value = getattr(node, field, None)
        yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))


def _harmless(name: str) -> bool:
    if name in _AWAY or name.startswith(_INNARDS) or name == "*":
        return False
    return not (name.startswith("_") and name.endswith("_") and len(name) > 2) or name in _HARMLESS


def _known(name: str) -> bool:
    """Whether a name is one of Python's that may be used, or none of Python's."""
    value = getattr(builtins, name, None)
    return value is None or name in _BUILTINS or (isinstance(value, type) and issubclass(value, Exception))
