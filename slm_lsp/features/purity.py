"""Whether Python code only computes, by its look: what is run unasked has to, whatever else guards the process.

Attributes by which Python's objects lead out of what they were given are refused, names of built-in functions that
reach out, and modules that do more than compute. The lists of what is allowed stand where the code runs
(`sandbox/guard.py`).
"""

import ast
import builtins
from collections.abc import Iterable

from slm_lsp.sandbox.guard import BUILTINS, HIDDEN, MODULES

_BUILTINS = frozenset(BUILTINS) | {"print"}
_MODULES = frozenset(MODULES) | {"typing"}

_HARMLESS = frozenset({"__init__", "__name__", "__post_init__"})
"""Attributes with two underscores that classes and functions are asked for every day."""

_INNARDS = ("gi_", "f_", "tb_", "cr_", "ag_", "co_", "func_")
"""How attributes of frames, generators and code begin (Python's documentation of `inspect`)."""

_AWAITS = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)


def modules_of(nodes: Iterable[ast.AST]) -> frozenset[str] | None:
    """What code imports, where all that it does is compute; None where it may do something else."""
    found: set[str] = set()
    for node in (inner for each in nodes for inner in ast.walk(each)):
        if isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.alias) and not _seen(node.name):
            return None
        elif isinstance(node, ast.Import):
            found |= {each.name.replace(".", "/") for each in node.names}  # `import a.b` binds another name
        elif not _computes(node):
            return None
    return frozenset(found - {"typing"}) if found <= _MODULES else None


def _computes(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return _seen(node.attr)
    if isinstance(node, ast.Name):
        return _known(node.id)
    if isinstance(node, ast.MatchClass):
        return all(map(_seen, node.kwd_attrs))
    return not isinstance(node, _AWAITS)


def _seen(attribute: str) -> bool:
    if attribute in HIDDEN or attribute.startswith(_INNARDS) or attribute == "*":
        return False
    return not attribute.startswith("__") or attribute in _HARMLESS


def _known(name: str) -> bool:
    """Whether a name is one of Python's that may be used, or none of Python's."""
    if name.startswith("__"):
        return name in _HARMLESS
    value = getattr(builtins, name, None)
    return value is None or name in _BUILTINS or (isinstance(value, type) and issubclass(value, Exception))
