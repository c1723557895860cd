"""Find the identifiers that bind a variable, and those that use one."""

from collections.abc import Iterator

from tree_sitter import Node

from slm_lsp.features.edit.rules.effects import is_label
from slm_lsp.features.edit.rules.kinds import Kinds
from slm_lsp.features.edit.rules.source import Source, is_field, walk

_PATTERNS = frozenset(
    {
        "array_pattern", "as_pattern_target", "assignment_pattern", "dictionary_splat_pattern", "expression_list",
        "list_pattern", "list_splat_pattern", "object_assignment_pattern", "object_pattern", "pair_pattern",
        "pattern_list", "rest_pattern", "tuple_pattern",
    }
)  # fmt: skip
"""Nodes between a binding and the names that it binds."""

_ANY = ("",)
"""All children are bound, whatever their field is."""

_BINDERS = {
    # Python
    "assignment": ("left",),
    "augmented_assignment": ("left",),
    "for_statement": ("left",),
    "for_in_clause": ("left",),
    "named_expression": ("name",),
    "function_definition": ("name",),
    "class_definition": ("name",),
    "aliased_import": ("alias",),
    "default_parameter": ("name",),
    "typed_default_parameter": ("name",),
    "parameters": _ANY,
    "lambda_parameters": _ANY,
    "typed_parameter": _ANY,
    "as_pattern": ("alias",),
    "except_clause": ("alias",),
    "delete_statement": _ANY,
    "global_statement": _ANY,
    "nonlocal_statement": _ANY,
    "case_pattern": _ANY,
    # JavaScript, TypeScript, Java
    "variable_declarator": ("name",),
    "assignment_expression": ("left",),
    "augmented_assignment_expression": ("left",),
    "update_expression": _ANY,
    "for_in_statement": ("left",),
    "formal_parameters": _ANY,
    "required_parameter": ("pattern", "name"),
    "optional_parameter": ("pattern", "name"),
    "arrow_function": ("parameter",),
    "function_declaration": ("name",),
    "function_expression": ("name",),
    "generator_function_declaration": ("name",),
    "generator_function": ("name",),
    "class_declaration": ("name",),
    "catch_clause": ("parameter",),
    "import_specifier": ("name", "alias"),
    "import_clause": _ANY,
    "namespace_import": _ANY,
    "enhanced_for_statement": ("name",),
    "formal_parameter": ("name",),
    "catch_formal_parameter": ("name",),
    "resource": ("name",),
    "inferred_parameters": _ANY,
    "lambda_expression": ("parameters",),
    "instanceof_expression": ("name",),
    "type_pattern": _ANY,
    "method_declaration": ("name",),
    # Go
    "short_var_declaration": ("left",),
    "assignment_statement": ("left",),
    "inc_statement": _ANY,
    "dec_statement": _ANY,
    "range_clause": ("left",),
    "receive_statement": ("left",),
    "var_spec": ("name",),
    "const_spec": ("name",),
    "parameter_declaration": ("name",),
    "variadic_parameter_declaration": ("name",),
    "type_switch_statement": ("alias",),
}
"""Nodes that bind the names in these fields."""

_ALSO_READ = frozenset({"augmented_assignment", "augmented_assignment_expression", "update_expression", "inc_statement",
                        "dec_statement"})  # fmt: skip
"""Bindings that read the old value."""


def binder_of(node: Node) -> Node | None:
    """Return the node that binds an identifier, such as an assignment; None if the identifier is not bound there."""
    child, parent = node, node.parent
    if parent is not None and parent.type == "dotted_name":
        return _import_of(child, parent)
    while parent is not None and _in_pattern(child, parent):
        child, parent = parent, parent.parent
    if parent is None:
        return None
    fields = _BINDERS.get(parent.type)
    if fields is None:
        return None
    if fields == _ANY:
        # `x: int` binds x; the type is a node of its own.
        return parent if child.type != "type" else None
    # A field such as `name` of Go's variables has several nodes.
    return parent if any(child in parent.children_by_field_name(each) for each in fields) else None


def _in_pattern(child: Node, parent: Node) -> bool:
    """Return whether the parent is a pattern and the child is one of its targets, not a default value or a key."""
    if parent.type in {"tuple", "list"}:
        outer = parent.parent
        return outer is not None and outer.type in {"as_pattern_target", "tuple", "list"}
    if parent.type in {"assignment_pattern", "object_assignment_pattern"}:
        return is_field(child, "left")
    if parent.type == "pair_pattern":
        return is_field(child, "value")
    return parent.type in _PATTERNS


def _import_of(node: Node, dotted: Node) -> Node | None:
    parent = dotted.parent
    if parent is None or parent.type == "aliased_import":
        return None
    if parent.type == "import_statement":
        return parent if node == dotted.named_children[0] else None
    if parent.type in {"import_from_statement", "future_import_statement"}:
        return parent if dotted in parent.children_by_field_name("name") else None
    if parent.type == "case_pattern":
        return parent if dotted.named_child_count == 1 else None
    return None


def is_variable(node: Node, kinds: Kinds) -> bool:
    """Return whether a node is an identifier of a variable: neither a member nor a label."""
    return (node.type in kinds.names or node.type == "shorthand_property_identifier_pattern") and not is_label(node)


def is_use(node: Node, kinds: Kinds) -> bool:
    """Return whether a node reads a variable."""
    if not is_variable(node, kinds) or node.type == "shorthand_property_identifier_pattern":
        return False
    binder = binder_of(node)
    return binder is None or binder.type in _ALSO_READ


def occurrences(node: Node, name: str, source: Source, kinds: Kinds) -> Iterator[Node]:
    """Yield the variables with a name in a node, in text order. They include other variables, of inner functions."""
    raw = name.encode()
    for each in walk(node):
        if source.raw[each.start_byte : each.end_byte] == raw and is_variable(each, kinds):
            yield each


def bound_names(node: Node, source: Source, kinds: Kinds) -> set[str]:
    """Return all names that are bound in a node and in the functions inside it."""
    return {source.of(each) for each in walk(node) if is_variable(each, kinds) and binder_of(each) is not None}
