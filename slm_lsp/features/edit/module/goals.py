"""The goal of an instruction: which members have not reached it yet, and whether an edit reaches it.

Rules can decide this for common instructions such as "add type hints". For all other instructions, every member needs
the edit, and no rule decides whether an edit has done what the user wants.
"""

import re
from typing import Literal, TypeAlias

from tree_sitter import Node

from slm_lsp.features.edit.module.members import Member, find_member
from slm_lsp.features.edit.module.only import NOT_COMPARED, more_than_documentation, more_than_types
from slm_lsp.features.verify.verdict import Check
from slm_lsp.languages.registry import Language

Goal: TypeAlias = Literal["types", "documentation", "shorter", "other"]

LONG_LINES = 40
"""A function with more lines than this is long."""

_WORD = re.compile(r"[a-z]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMMON = _words(
    """please add write insert put create give generate the a an all every each any missing complete full short brief
    concise google numpy style python to for on in of and or function functions method methods class classes type types
    interface interfaces struct structs module file code definition definitions public private this that those these
    which its their lack lacks lacking have has with no without one ones yet them it where"""
)
_TYPES = _words(
    "hint hints annotation annotations annotate static parameter parameters argument arguments return returns value "
    "values result results signature signatures"
)
_DOCUMENTATION = _words("docstring docstrings doc docs documentation document javadoc jsdoc")
_SHORTER = _words(
    "split break up long longer large big too very overly into smaller shorter small several two more helper helpers "
    "part parts piece pieces"
)
_GOALS: tuple[tuple[Goal, frozenset[str], tuple[frozenset[str], ...]], ...] = (
    ("types", _TYPES, (_words("hint hints annotation annotations annotate types"),)),
    ("documentation", _DOCUMENTATION | _words("string strings comment comments"), (_DOCUMENTATION,)),
    ("shorter", _SHORTER, (_words("split break"), _words("function functions method methods"))),
)
"""Goals, each with the words that its instructions may contain besides `_COMMON`, and with groups of words. An
instruction has the goal if it contains only such words, and a word of each group. Any other word asks for more than the
goal, for example in "add type hints and simplify"."""

TYPED = frozenset({"python", "typescript", "tsx"})
"""Languages in which type annotations are optional, and in which this module can find the missing ones."""

_NOT_DOCUMENTED = frozenset({"impl", "type"})
"""Kinds of types that usually have no documentation of their own."""

_PLAIN_PARAMETERS = frozenset({
    "identifier", "default_parameter", "list_splat_pattern", "dictionary_splat_pattern", "tuple_pattern",
    "object_pattern", "array_pattern", "assignment_pattern", "rest_pattern",
})  # fmt: skip
"""Kinds of syntax nodes for parameters without a type, in Python and TypeScript. Parameters with a type have other
kinds."""


def goal_of(instruction: str, language: Language) -> Goal:
    """Return the goal of an instruction in English; `other` if the rules do not know its goal."""
    words = frozenset(_WORD.findall(instruction.lower()))
    for goal, more, groups in _GOALS:
        if all(words & group for group in groups) and words <= _COMMON | more:
            return "other" if goal == "types" and language.name not in TYPED else goal
    return "other"


def needs(goal: Goal, member: Member, language: Language) -> bool:
    """Return whether a member has not reached a goal yet."""
    if goal == "documentation":
        return member.definition.kind not in _NOT_DOCUMENTED and not _documented(member, language)
    if goal == "types":
        return not member.is_class and _lacks_types(member)
    if goal == "shorter":
        return not member.is_class and member.lines > LONG_LINES
    return True


def check_goal(goal: Goal, member: Member, language: Language, old: str, new: str) -> Check | None:
    """Return the check `goal` of an edit; None if no rule can decide whether the edit does what the user wants.

    Args:
        goal: what the instruction wants.
        member: the member in the old text.
        language: language of both texts.
        old: the file before the edit.
        new: the file after the edit.

    Raises:
        ParseTimeoutError: parsing takes too long.
    """
    if goal == "other":
        return None
    after = find_member(new, language, member.symbol)
    if after is None:
        return Check("goal", "failed", f"`{member.symbol}` is no longer defined")
    if goal == "shorter":
        lines = f"`{member.symbol}` has {after.lines} lines, {member.lines} before the edit"
        return Check("goal", "passed" if after.lines < member.lines else "failed", lines)
    what = "documentation" if goal == "documentation" else "types"
    if needs(goal, after, language):
        return Check("goal", "failed", f"`{member.symbol}` still lacks {what}")
    more = (more_than_documentation if goal == "documentation" else more_than_types)(language, old, new)
    if more:
        return Check("goal", "not available" if more in NOT_COMPARED else "failed", more)
    return Check("goal", "passed", f"{what} added, and nothing else changed")


def _documented(member: Member, language: Language) -> bool:
    """Return whether a member has documentation. In Python, a comment does not count."""
    if language.name != "python":
        return bool(member.definition.doc)
    body = member.node.child_by_field_name("body")
    first = next((each for each in body.named_children if each.type != "comment"), None) if body else None
    if first is not None and first.type == "expression_statement":
        first = first.named_children[0] if first.named_children else None
    text = b"" if first is None or first.type != "string" else first.text or b""
    return bool(text.decode("utf-8", "replace").lstrip("rRuUbBfF").strip("'\"").strip())


def _lacks_types(member: Member) -> bool:
    """Return whether a parameter or the result of a function has no type."""
    function = _with_parameters(member.node)
    if function is None:
        return False
    parameters = function.child_by_field_name("parameters")
    if parameters is None:  # `x => x`
        return True
    listed = [each for each in parameters.named_children if each.type != "comment"]
    method = bool(member.definition.parent) and member.definition.kind in ("method", "constructor")
    if method and listed and listed[0].type == "identifier" and listed[0].text in (b"self", b"cls", b"mcs"):
        listed = listed[1:]
    if any(_untyped(each) for each in listed):
        return True
    constructor = member.definition.kind == "constructor" or member.definition.name == "__init__"
    return function.child_by_field_name("return_type") is None and not constructor


def _untyped(parameter: Node) -> bool:
    if parameter.type in _PLAIN_PARAMETERS:
        return True
    if parameter.type in ("required_parameter", "optional_parameter"):
        pattern = parameter.child_by_field_name("pattern")
        # TypeScript infers the type of a parameter from its default value.
        has_type = parameter.child_by_field_name("type") or parameter.child_by_field_name("value")
        return not has_type and not (pattern is not None and pattern.type == "this")
    return False


def _with_parameters(node: Node) -> Node | None:
    """Return the first node with parameters, for example the arrow function in `const f = (a) => a`."""
    pending = [node]
    while pending:
        each = pending.pop(0)
        if each.child_by_field_name("parameters") is not None or each.type == "arrow_function":
            return each
        pending += each.named_children
    return None
