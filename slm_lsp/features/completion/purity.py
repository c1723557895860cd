"""Checks statically whether Python code only computes, without access to files, the network or the interpreter.

Only such code is run while the user types. The check refuses three things: attributes that lead from an object to the
interpreter's internals, built-in functions with side effects, and modules that do more than compute. `sandbox/calls.py`
lists the allowed functions and modules.

Safety does not depend on this check: the kernel confines the process that runs the code (`sandbox/seccomp.py`). The
check only avoids starting code that the kernel would stop anyway.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator

from slm_lsp.sandbox.calls import BUILTINS, HIDDEN, MODULES

_BUILTINS = frozenset(BUILTINS) | {"print"}
_MODULES = frozenset(MODULES) | {"typing"}

_ALLOWED_DUNDERS = frozenset(
    f"__{each}__"
    for each in (
        *("init", "post_init", "name", "repr", "str", "bool", "hash", "len", "iter", "next", "reversed", "contains"),
        *("getitem", "setitem", "delitem", "call", "eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert"),
        *("add", "radd", "iadd", "sub", "rsub", "isub", "mul", "rmul", "imul", "truediv", "floordiv", "mod", "pow"),
        *("and", "or", "xor", "lshift", "rshift", "matmul", "divmod", "int", "float", "index", "round", "slots"),
    )
)
"""Special names that ordinary classes define and use."""

_INTERNAL_PREFIXES = ("gi_", "f_", "tb_", "cr_", "ag_", "co_", "func_")
"""Prefixes of the attributes of frames, generators and code objects (Python's documentation of `inspect`)."""

_REFUSED_NAMES = HIDDEN | {"obj", "mro", "format_map", "with_traceback"}
"""Attributes that give access to other objects, or to attributes whose name is in a string."""

_NAME_FIELDS = ("id", "attr", "arg", "name", "asname", "rest", "names", "kwd_attrs")
"""Fields of syntax tree nodes that hold names (Python's documentation of `ast`)."""

_REFUSED_NODES = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)


def modules_of(nodes: Iterable[ast.AST]) -> frozenset[str] | None:
    """Return the modules that code imports if it only computes; None if it may do anything else."""
    found: set[str] = set()
    for node in (inner for each in nodes for inner in ast.walk(each)):
        if isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Import):
            # `import a.b` binds `a`, not `a.b`, so it is refused: no allowed module has a `/` in its name.
            found |= {each.name.replace(".", "/") for each in node.names}
        elif not _computes(node):
            return None
    return frozenset(found - {"typing"}) if found <= _MODULES else None


def _computes(node: ast.AST) -> bool:
    if isinstance(node, _REFUSED_NODES) or (isinstance(node, ast.MatchClass) and node.patterns):
        return False  # positional patterns read the attributes that `__match_args__` names in strings
    if isinstance(node, ast.Name) and not _allowed_builtin(node.id):
        return False
    return all(map(_allowed, _names(node)))


def _names(node: ast.AST) -> Iterator[str]:
    for field in _NAME_FIELDS:
        value = getattr(node, field, None)
        yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))


def _allowed(name: str) -> bool:
    if name in _REFUSED_NAMES or name.startswith(_INTERNAL_PREFIXES) or name == "*":
        return False
    return not (name.startswith("_") and name.endswith("_") and len(name) > 2) or name in _ALLOWED_DUNDERS


def _allowed_builtin(name: str) -> bool:
    """Return whether a name is an allowed built-in name or an exception, or not a built-in name at all."""
    value = getattr(builtins, name, None)
    return value is None or name in _BUILTINS or (isinstance(value, type) and issubclass(value, Exception))
