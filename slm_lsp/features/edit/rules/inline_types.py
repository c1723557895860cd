"""Decide whether a declaration converts its value. If it does, the value alone has another type than the variable."""

from tree_sitter import Node

from slm_lsp.features.edit.rules.bindings import binder_of, is_variable
from slm_lsp.features.edit.rules.effects import Effect, effect_of
from slm_lsp.features.edit.rules.kinds import GO, JAVA
from slm_lsp.features.edit.rules.source import Source, walk

_FIXED = {
    "string_literal": "String",
    "true": "boolean",
    "false": "boolean",
    "character_literal": "char",
    "decimal_integer_literal": "int",
    "decimal_floating_point_literal": "double",
}
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "&&", "||"})


def lost_type(declaration: Node, value: Node, scope: Node, source: Source) -> str | None:
    """Return why the declared type of a variable matters; None if the value alone has the same type.

    Args:
        declaration: the statement that declares the variable.
        value: its value.
        scope: the function around it.
        source: the text.
    """
    language = source.language.name
    if language in {"typescript", "tsx"} and any(
        each.type == "type_annotation" for each in declaration.named_children[0].named_children
    ):
        return "Its declared type would be lost."
    if language == "go" and effect_of(value, source, GO) is Effect.CONSTANT:
        return "A constant in its place may have another type."
    if language == "go" and not any(
        is_variable(each, GO) and _is_typed(source.of(each), scope, source) for each in walk(value)
    ):
        return "The type of its value is not evident."
    if language == "java":
        return _java(declaration, value, scope, source)
    return None


def _is_typed(name: str, scope: Node, source: Source) -> bool:
    """Return whether a name is a variable or a parameter of a Go function, and not an untyped constant."""
    typed = {"parameter_declaration", "short_var_declaration", "var_spec", "range_clause"}
    for each in walk(scope):
        if is_variable(each, GO) and source.of(each) == name and (binder := binder_of(each)) is not None:
            return binder.type in typed
    return False


def _java(declaration: Node, value: Node, scope: Node, source: Source) -> str | None:
    kind = declaration.child_by_field_name("type")
    declared = "" if kind is None else source.of(kind)
    if declared == "var" or _type_of(value, scope, source) == declared:
        return None
    return f"Its declared type `{declared}` may differ from the type of its value."


def _type_of(node: Node, scope: Node, source: Source) -> str | None:
    """Return the type of a Java expression, if it is evident."""
    while node.type == "parenthesized_expression" and node.named_child_count == 1:
        node = node.named_children[0]
    if node.type == "decimal_integer_literal" and source.of(node)[-1:] in "lL":
        return "long"
    if node.type in _FIXED:
        return _FIXED[node.type]
    if node.type == "identifier":
        return _declared(source.of(node), scope, source)
    if node.type == "object_creation_expression":
        kind = node.child_by_field_name("type")
        return None if kind is None else source.of(kind)
    operator = node.child_by_field_name("operator")
    if node.type == "binary_expression" and operator is not None:
        if source.of(operator) in _COMPARISONS:
            return "boolean"
        kinds = {_type_of(each, scope, source) for each in (node.named_children[0], node.named_children[-1])}
        if "String" in kinds and source.of(operator) == "+":
            return "String"
        # Arithmetic on `byte`, `short` and `char` gives an `int`.
        return kinds.pop() if kinds in ({"int"}, {"long"}, {"double"}, {"float"}) else None
    return None


def _declared(name: str, scope: Node, source: Source) -> str | None:
    """Return the type with which a variable or a parameter of a method is declared."""
    for each in walk(scope):
        if is_variable(each, JAVA) and source.of(each) == name and (binder := binder_of(each)) is not None:
            owner = binder.parent if binder.type == "variable_declarator" else binder
            kind = None if owner is None else owner.child_by_field_name("type")
            return None if kind is None or source.of(kind) == "var" else source.of(kind)
    return None
