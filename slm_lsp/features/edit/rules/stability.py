"""Decide whether the value of an expression stays the same between two places."""

from collections.abc import Collection, Iterator

from tree_sitter import Node

from slm_lsp.features.edit.rules.bindings import binder_of, is_variable
from slm_lsp.features.edit.rules.kinds import Kinds
from slm_lsp.features.edit.rules.source import Source, is_field

HARMLESS = frozenset(
    {
        "abs", "bool", "float", "format", "int", "isinstance", "len", "max", "min", "print", "range", "repr", "round",
        "sorted", "str", "String", "Number", "console.log", "System.out.println", "fmt.Println", "cap", "Math.abs",
        "Math.max", "Math.min", "Math.floor", "Math.round",
    }
)  # fmt: skip
"""Functions that do not change their arguments."""

_MEMBERS = {
    "attribute": "object",
    "subscript": "value",
    "member_expression": "object",
    "subscript_expression": "object",
    "field_access": "object",
    "array_access": "array",
    "selector_expression": "operand",
    "index_expression": "operand",
    "slice_expression": "operand",
    "method_invocation": "object",
}
"""Accesses to a member, and the field of the object."""

_ARGUMENTS = frozenset({"argument_list", "arguments"})
_STORES = frozenset(
    {
        "list", "dictionary", "set", "tuple", "pair", "array", "object", "literal_value", "literal_element",
        "expression_list",
    }
)  # fmt: skip
"""Nodes that put a value into another object."""
_ALIASES = frozenset({"assignment", "assignment_expression", "assignment_statement", "short_var_declaration"})


def change_between(
    scope: Node,
    span: tuple[int, int],
    names: Collection[str],
    source: Source,
    kinds: Kinds,
    *,
    only_bound: bool = False,
) -> str | None:
    """Return why one of some variables may get another value in a part of a scope; None if all keep their values.

    Args:
        scope: node that contains the part, such as a function.
        span: start and end of the part, in bytes.
        names: the variables.
        source: the text.
        kinds: node types of the language.
        only_bound: whether only assignments to the variables matter, not changes of their objects.

    Returns:
        One sentence with the number of a line.
    """
    for node in _within(scope, *span):
        if not is_variable(node, kinds) or (name := source.of(node)) not in names:
            continue
        line = source.line(node.start_byte)
        if binder_of(node) is not None:
            return f"`{name}` is assigned in line {line}."
        if not only_bound and is_changed(node, source):
            return f"`{name}` may be changed in line {line}."
    return None


def _within(node: Node, start: int, end: int) -> Iterator[Node]:
    """Yield the named nodes without children that start in a range of bytes."""
    pending = [node]
    while pending:
        each = pending.pop()
        if each.end_byte <= start or each.start_byte >= end:
            continue
        if each.start_byte >= start and not each.named_child_count:
            yield each
        pending.extend(reversed(each.named_children))


def is_changed(node: Node, source: Source) -> bool:
    """Return whether the object of a variable may be changed at a use of the variable."""
    top, parent = node, node.parent
    while parent is not None and _MEMBERS.get(parent.type) and is_field(top, _MEMBERS[parent.type]):
        if parent.type == "method_invocation":
            return True
        top, parent = parent, parent.parent
    if parent is None:
        return False
    if top != node and (is_field(top, "function") or binder_of(top) is not None):
        # A method is called, or a member is assigned.
        return True
    if parent.type in {"keyword_argument", "list_splat", "spread_element"} and parent.parent is not None:
        top, parent = parent, parent.parent
    if parent.type in _ARGUMENTS:
        call = parent.parent
        return call is None or source.piece(call.start_byte, parent.start_byte) not in HARMLESS
    if parent.type == "expression_list" and parent.parent is not None and parent.parent.type == "return_statement":
        return False
    # Another variable for the same object can be used to change it.
    if parent.type == "variable_declarator":
        return top == node
    return top == node and (parent.type in _STORES or (is_field(top, "right") and parent.type in _ALIASES))
