"""Write the value of a variable in place of a use of the variable."""

import re

from tree_sitter import Node

from slm_lsp.features.edit.rules.precedence import needs_brackets
from slm_lsp.features.edit.rules.source import Source, around, is_field

_IN_TEXT = re.compile(r"""['"\\\n#{}:!]""")
"""Characters of an expression that cannot be in an f-string in all versions of Python."""

_CLOSED = frozenset(
    {"call", "list", "dictionary", "set", "tuple", "string", "generator_expression", "list_comprehension"}
)
"""Python's expressions that can contain line breaks without further brackets."""


def bare(value: Node) -> Node:
    """Return the expression inside brackets."""
    while value.type == "parenthesized_expression" and value.named_child_count == 1:
        value = value.named_children[0]
    return value


def unwritable(use: Node, value: Node, source: Source) -> str | None:
    """Return why the value cannot be written in place of a use."""
    parent = use.parent
    if parent is None:
        return "It has no statement."
    if source.language.name == "python" and parent.type == "interpolation":
        inside = source.of(parent)
        if re.match(r"\{\s*\w+\s*=", inside):
            return "An f-string shows its name."
        if _IN_TEXT.search(source.of(bare(value))):
            return "Its value cannot be written in an f-string."
    in_text = any(each.type == "interpolation" for each in around(use))
    if in_text and _IN_TEXT.search(source.of(bare(value))):
        return "Its value cannot be written in an f-string."
    if is_field(use, "function") and bare(value).type in {"member_expression", "super"}:
        return "A method that is called through a variable has another object."
    if parent.type in {"delete_statement", "update_expression"} or (
        parent.type == "unary_expression" and source.of(parent).startswith(("&", "delete"))
    ):
        return "A use needs a variable."
    return None


def replaced(use: Node, value: Node, source: Source) -> tuple[int, int, str]:
    """Return the edit that replaces a use by the value."""
    text = source.of(value)
    breaks = (
        source.language.name == "python" and value.start_point.row != value.end_point.row and value.type not in _CLOSED
    )
    if use.type == "shorthand_property_identifier":
        text = f"{source.of(use)}: {text}"
    elif breaks or needs_brackets(value, use, source):
        text = f"({text})"
    return use.start_byte, use.end_byte, text
