"""Write the declaration of a variable in each language."""

import re

from tree_sitter import Node

from slm_lsp.features.edit.rules.effects import Effect, effect_of
from slm_lsp.features.edit.rules.kinds import GO, SCRIPT
from slm_lsp.features.edit.rules.source import Refused, Source, is_field, walk

_BRACKETED = frozenset(
    {
        "argument_list", "array", "arguments", "dictionary", "dictionary_comprehension", "generator_expression", "list",
        "list_comprehension", "parenthesized_expression", "set", "set_comprehension", "string", "tuple",
    }
)  # fmt: skip
"""Python's nodes in which a line break does not end the statement."""

_JAVA_TYPES = {
    "true": "boolean",
    "false": "boolean",
    "string_literal": "String",
    "character_literal": "char",
}


def declaration(name: str, node: Node, statement: Node, source: Source) -> str | Refused:
    """Return the declaration of a variable whose value is an expression, without indentation.

    Args:
        name: name of the variable.
        node: the expression.
        statement: the statement before which the declaration is inserted.
        source: the text.
    """
    language = source.language.name
    if language == "python":
        return f"{name} = {_python_value(node, source)}"
    value = source.of(_unwrapped(node))
    if language == "go":
        return _go(name, value, node, source)
    if language == "java":
        return _java(name, value, node, source)
    if effect_of(node, source, SCRIPT) > Effect.CONSTANT and _has_super(statement, source) and "this" in value:
        return Refused("`this` cannot be used before the call of `super`.")
    return f"const {name} = {value}{';' if ends_with_semicolon(statement, source) else ''}"


def _unwrapped(node: Node) -> Node:
    """Return the expression inside brackets, unless there is a comment in them."""
    while node.type == "parenthesized_expression" and node.named_child_count == 1:
        node = node.named_children[0]
    return node


def _python_value(node: Node, source: Source) -> str:
    inner = _unwrapped(node)
    return f"({source.of(inner)})" if _breaks_line(inner, source) else source.of(inner)


def _breaks_line(node: Node, source: Source) -> bool:
    """Return whether an expression contains a line break outside of its own brackets."""
    if node.type in _BRACKETED or node.start_point.row == node.end_point.row:
        return False
    children = node.children
    if node.type == "subscript":
        # The index is in brackets; only the value before them can be broken.
        return bool(children) and _breaks_line(children[0], source)
    ends = [each.end_point.row for each in children[:-1]]
    starts = [each.start_point.row for each in children[1:]]
    gaps = any(end != start for end, start in zip(ends, starts, strict=True))
    return gaps or any(_breaks_line(each, source) for each in children)


def ends_with_semicolon(statement: Node, source: Source) -> bool:
    """Return whether the code ends statements with semicolons.

    The given statement decides; if it is of a kind that needs no semicolon, a line of the file that ends with one does.
    """
    if source.of(statement).endswith(";"):
        return True
    if statement.type in {"expression_statement", "lexical_declaration", "return_statement", "variable_declaration"}:
        return False
    return re.search(r";[ \t]*\r?$", source.text, re.MULTILINE) is not None


def _has_super(statement: Node, source: Source) -> bool:
    return any(each.type == "super" and is_field(each, "function") for each in walk(statement))


def _go(name: str, value: str, node: Node, source: Source) -> str | Refused:
    parent = node.parent
    if node.type == "nil" or value == "nil":
        return Refused("`nil` has no type of its own.")
    if effect_of(node, source, GO) is Effect.CONSTANT:
        # A constant keeps the flexible type that the literal has.
        return f"const {name} = {value}"
    if node.type == "call_expression" and parent is not None:
        siblings = [each for each in parent.named_children if each.type != "comment"]
        if parent.type in {"argument_list", "expression_list"} and len(siblings) == 1 and _many(parent):
            return Refused("The call may return several values.")
        if parent.type == "expression_statement":
            return Refused("The call may return no value, or several.")
    return f"{name} := {value}"


def _many(container: Node) -> bool:
    """Return whether several values are possible: arguments, results, or the right side of an assignment."""
    parent = container.parent
    if parent is None or parent.type in {"return_statement", "call_expression"}:
        return True
    left = parent.child_by_field_name("left") or parent.child_by_field_name("name")
    return left is not None and left.named_child_count > 1


def _java(name: str, value: str, node: Node, source: Source) -> str | Refused:
    parent = node.parent
    if parent is not None and parent.type == "expression_statement":
        return Refused("The method may return no value.")
    if any(each.type in {"lambda_expression", "method_reference", "null_literal"} for each in [_unwrapped(node)]):
        return Refused("The type of the expression depends on where it is used.")
    kind = _java_type(_unwrapped(node), value, source)
    if kind is None:
        return Refused("The type of the expression depends on where it is used.")
    return f"{kind} {name} = {value};"


def _java_type(node: Node, value: str, source: Source) -> str | None:
    """Return the type of an expression where it is evident, else `var`; None if `var` would give another type."""
    if node.type in _JAVA_TYPES:
        return _JAVA_TYPES[node.type]
    if node.type.endswith("integer_literal"):
        return "long" if value[-1:] in "lL" else "int"
    if node.type == "decimal_floating_point_literal":
        return "float" if value[-1:] in "fF" else "double"
    if node.type == "object_creation_expression":
        kind = node.child_by_field_name("type")
        if kind is None or source.of(kind).endswith("<>"):
            return None
        anonymous = any(each.type == "class_body" for each in node.named_children)
        return "var" if anonymous else source.of(kind)
    return "var"
