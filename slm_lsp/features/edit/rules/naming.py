"""Names for new variables and functions: whether a name can be used, and which one is suggested."""

import keyword
import re

from tree_sitter import Node

from slm_lsp.features.edit.rules.source import Refused, Source


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SCRIPT = _words(
    "await break case catch class const continue debugger default delete do else enum export extends false finally for"
    " function if implements import in instanceof interface let new null package private protected public return static"
    " super switch this throw true try typeof undefined var void while with yield"
)
_JAVA = _words(
    "abstract assert boolean break byte case catch char class const continue default do double else enum extends final"
    " finally float for goto if implements import instanceof int interface long native new package private protected"
    " public return short static strictfp super switch synchronized this throw throws transient try void volatile while"
    " true false null"
)
_GO = _words(
    "break case chan const continue default defer else fallthrough for func go goto if import interface map package"
    " range return select struct switch type var nil true false iota"
)
_RESERVED = {
    "python": frozenset(keyword.kwlist),
    "java": _JAVA,
    "go": _GO,
    "javascript": _SCRIPT,
    "typescript": _SCRIPT,
    "tsx": _SCRIPT,
}
_NAME = re.compile(r"[^\W\d]\w*")
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_PREFIXES = ("get", "compute", "calculate", "make", "build", "create", "load", "read", "fetch", "find", "to", "is")
MAX_WORDS = 3
"""Maximum number of words of a suggested name."""


def check_name(name: str, scope: Node, source: Source) -> Refused | None:
    """Return why a new name cannot be used in a scope; None if it can.

    Args:
        name: the name.
        scope: node in which the name will be visible.
        source: the text.
    """
    if not _NAME.fullmatch(name):
        return Refused(f"{name!r} is not a name.")
    if name in _RESERVED.get(source.language.name, frozenset()):
        return Refused(f"`{name}` is a reserved word.")
    if _is_in(name, source.of(scope)):
        return Refused(f"`{name}` is already used there. Choose another name.")
    return None


def _is_in(name: str, text: str) -> bool:
    # A member of the same name, such as `a.name`, is not a variable. In `...name`, the name is a variable.
    return re.search(rf"(?<!\w)(?<![^.]\.){re.escape(name)}(?!\w)", text) is not None


def suggested_name(expression: Node, scope: Node, source: Source, default: str) -> str:
    """Return an unused name for an expression, derived from the name of the called function or of the member.

    Args:
        expression: the expression.
        scope: node in which the name will be visible.
        source: the text.
        default: the name if the expression contains no suitable one.
    """
    words = [each.lower() for each in _WORDS.findall(_last_name(expression, source))]
    if len(words) > 1 and words[0] in _PREFIXES:
        words = words[1:]
    return free_name(words[-MAX_WORDS:] or default.split("_"), scope, source)


def free_name(words: list[str], scope: Node, source: Source) -> str:
    """Return a name made of words in the style of the language. If it is used in the scope, a number is added."""
    snake = source.language.name == "python"
    base = "_".join(words) if snake else words[0] + "".join(each.capitalize() for each in words[1:])
    if base[:1].isdigit() or base in _RESERVED.get(source.language.name, ()):
        base = f"value_{base}" if snake else f"value{base.capitalize()}"
    text = source.of(scope)
    name, number = base, 2
    while _is_in(name, text):
        name, number = f"{base}{'_' if snake else ''}{number}", number + 1
    return name


def _last_name(node: Node, source: Source) -> str:
    """Return the name of the function that an expression calls, or of the member that it reads."""
    fields = ("function", "constructor", "attribute", "property", "field", "name", "type")
    for field in fields:
        inner = node.child_by_field_name(field)
        if inner is not None:
            return source.of(inner) if not inner.named_child_count else _last_name(inner, source)
    return ""
