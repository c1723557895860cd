"""When an expression that replaces a variable needs brackets."""

from tree_sitter import Node

from slm_lsp.features.edit.rules.source import Source, is_field

_PYTHON = {
    "or": 1, "and": 2, "not": 3,
    "in": 4, "not in": 4, "is": 4, "is not": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "==": 4, "!=": 4,
    "|": 5, "^": 6, "&": 7, "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "//": 10, "%": 10, "@": 10, "**": 12,
}  # fmt: skip
_C = {
    "||": 2, "&&": 3, "|": 4, "^": 5, "&": 6, "==": 7, "!=": 7, "===": 7, "!==": 7,
    "<": 8, "<=": 8, ">": 8, ">=": 8, "in": 8, "instanceof": 8, "<<": 9, ">>": 9, ">>>": 9,
    "+": 10, "-": 10, "*": 11, "/": 11, "%": 11,
}  # fmt: skip
_GO = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3,
    "+": 4, "-": 4, "|": 4, "^": 4, "*": 5, "/": 5, "%": 5, "<<": 5, ">>": 5, "&": 5, "&^": 5,
}  # fmt: skip
_LEVELS = {"python": _PYTHON, "go": _GO}
"""Precedence of binary operators; higher binds more tightly. Operators without a level always get brackets."""

_COMPARISON = 4
"""Level of Python's comparisons, which form chains."""

_ATOMIC = frozenset(
    {
        "identifier", "string", "concatenated_string", "template_string", "true", "false", "none", "null", "undefined",
        "call", "attribute", "subscript", "list", "set", "dictionary", "list_comprehension", "set_comprehension",
        "dictionary_comprehension", "generator_expression", "parenthesized_expression", "tuple", "call_expression",
        "member_expression", "subscript_expression", "array", "this", "method_invocation", "field_access",
        "array_access", "selector_expression", "index_expression", "slice_expression", "string_literal",
        "character_literal", "interpreted_string_literal", "raw_string_literal", "rune_literal", "regex",
    }
)  # fmt: skip
_NUMBERS = frozenset(
    {
        "integer", "float", "number", "int_literal", "float_literal", "imaginary_literal", "decimal_integer_literal",
        "decimal_floating_point_literal", "hex_integer_literal", "hex_floating_point_literal",
        "octal_integer_literal", "binary_integer_literal",
    }
)  # fmt: skip
_BINARY = frozenset({"binary_operator", "boolean_operator", "comparison_operator", "binary_expression"})
_ROOM = frozenset(
    {
        "argument_list", "arguments", "list", "set", "tuple", "array", "return_statement", "parenthesized_expression",
        "template_substitution", "jsx_expression", "interpolation",
    }
)  # fmt: skip
"""Nodes in which each child is a whole expression."""

_FIELDS = {
    "assignment": ("right",),
    "augmented_assignment": ("right",),
    "assignment_expression": ("right",),
    "augmented_assignment_expression": ("right",),
    "keyword_argument": ("value",),
    "pair": ("value",),
    "variable_declarator": ("value",),
    "subscript": ("subscript",),
    "subscript_expression": ("index",),
    "array_access": ("index",),
    "index_expression": ("index",),
    "if_statement": ("condition",),
    "elif_clause": ("condition",),
    "while_statement": ("condition",),
}
"""Fields that hold a whole expression."""


def needs_brackets(expression: Node, place: Node, source: Source) -> bool:
    """Return whether an expression needs brackets at the place of another node."""
    kind, parent = expression.type, place.parent
    if parent is None:
        return False
    if kind == "expression_list":
        return True
    if kind in _ATOMIC:
        # Without brackets, `?.` would also skip the code after it.
        return "?." in source.of(expression) and (is_field(place, "object") or is_field(place, "function"))
    if kind in _NUMBERS:
        return parent.type in {"attribute", "member_expression", "field_access", "selector_expression"}
    if parent.type in _ROOM:
        return False
    if any(is_field(place, each) for each in _FIELDS.get(parent.type, ())):
        return kind == "composite_literal"
    if parent.type == "expression_list" and source.language.name == "go":
        return False
    if parent.type in _BINARY and kind in _BINARY:
        return _binds_less(expression, place, parent, source)
    return True


def _binds_less(expression: Node, place: Node, parent: Node, source: Source) -> bool:
    own, outer = _level(expression, source), _level(parent, source)
    if own is None or outer is None:
        return True
    if source.language.name == "python" and own == outer == _COMPARISON:
        return True
    left = place == parent.named_children[0]
    return not (own > outer or (own == outer and left and own != _PYTHON["**"]))


def _level(node: Node, source: Source) -> int | None:
    if node.type == "comparison_operator":
        return _COMPARISON
    operator = node.child_by_field_name("operator")
    return None if operator is None else _LEVELS.get(source.language.name, _C).get(source.of(operator))
