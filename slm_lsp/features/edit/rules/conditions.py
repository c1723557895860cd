"""Places in a statement that are not evaluated exactly once, at the start of the statement."""

from dataclasses import dataclass

from tree_sitter import Node

from slm_lsp.features.edit.rules.source import Source, is_field


@dataclass(frozen=True, slots=True)
class Condition:
    """Why the evaluation of a place is conditional, repeated or delayed."""

    text: str
    """One sentence for the user."""
    only_values: bool = True
    """Whether the condition matters only for expressions that are not constants. A constant never changes its value."""


_SHORT_CIRCUIT = frozenset({"and", "or", "&&", "||", "??"})
_COMPREHENSIONS = frozenset(
    {"list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression"}
)
_NOT_VALUES = frozenset(
    {
        "type", "type_annotation", "type_parameter", "type_parameters", "type_arguments", "annotation",
        "marker_annotation", "case_pattern", "global_statement", "import_statement", "import_from_statement",
        "delete_statement", "decorator", "jsx_attribute_name", "class_heritage", "explicit_constructor_invocation",
        "switch_label", "expression_case", "communication_case", "type_case", "switch_case", "switch_rule",
        "enum_constant", "case_clause", "enum_assignment", "field_declaration", "import_spec", "jsx_attribute",
        "literal_type",
    }
)  # fmt: skip
"""Nodes whose parts cannot be replaced by a local variable."""

_DELAYED = {
    "lambda": "the body of a lambda",
    "lambda_expression": "a lambda",
    "arrow_function": "an arrow function",
    "default_parameter": "a default value of a parameter",
    "typed_default_parameter": "a default value of a parameter",
    "assignment_pattern": "a default value",
    "required_parameter": "a default value of a parameter",
    "optional_parameter": "a default value of a parameter",
    "field_definition": "a field of a class",
    "public_field_definition": "a field of a class",
}
"""Nodes whose parts are evaluated at another time than the statement around them."""

_REPEATED = {
    "while_statement": ("condition",),
    "do_statement": ("condition",),
    "for_statement": ("condition", "increment", "update"),
    "for_clause": ("condition", "update"),
}
"""Fields of loops that are evaluated again in each iteration."""


def condition(child: Node, parent: Node, source: Source) -> Condition | None:
    """Return why evaluating a node's parent does not evaluate the node exactly once; None if it does.

    Args:
        child: the node.
        parent: its parent.
        source: the text.
    """
    kind = parent.type
    if kind in _NOT_VALUES:
        return Condition("A variable cannot replace a part of a type, a pattern, a label or a declaration.", False)
    if kind in _DELAYED:
        return Condition(f"It is in {_DELAYED[kind]}, which is evaluated at another time.")
    if any(is_field(child, each) for each in _REPEATED.get(kind, ())):
        return Condition("It is in the condition of a loop, which is evaluated again in each iteration.")
    return _choice(child, parent, source) or _sequence(child, parent) or _statement(child, parent)


def _choice(child: Node, parent: Node, source: Source) -> Condition | None:
    """Return the condition of an operand that its operator may skip."""
    kind = parent.type
    operator = parent.child_by_field_name("operator")
    if operator is not None and is_field(child, "right"):
        text = source.of(operator)
        if text in _SHORT_CIRCUIT or text.removesuffix("=") in _SHORT_CIRCUIT:
            return Condition(f"It is evaluated only if the left side of `{text}` requires it.")
    if kind == "conditional_expression" and child != parent.named_children[1]:
        return Condition("It is evaluated only if the condition before or after it requires it.")
    if kind == "ternary_expression" and not is_field(child, "condition"):
        return Condition("It is evaluated only if the condition before it requires it.")
    if kind == "comparison_operator" and child in parent.named_children[2:]:
        return Condition("It is evaluated only if the comparison before it is true.")
    if kind == "assert_statement" and child != parent.named_children[0]:
        return Condition("It is evaluated only if the assertion fails.")
    chained = kind in {"call_expression", "subscript_expression"} and not is_field(child, "function")
    if chained and not is_field(child, "object") and "?." in source.piece(parent.start_byte, child.start_byte):
        return Condition("It is evaluated only if the value before `?.` exists.")
    return None


def _sequence(child: Node, parent: Node) -> Condition | None:
    """Return the condition of a part that is evaluated once per element, or after another part has run."""
    kind = parent.type
    if kind in _COMPREHENSIONS:
        clauses = [each for each in parent.named_children if each.type == "for_in_clause"]
        if not clauses or child != clauses[0]:
            return Condition("It is evaluated for each element of a comprehension.")
    if kind == "for_in_clause" and not is_field(child, "right"):
        return Condition("It is the variable of a comprehension.", False)
    if kind in {"with_clause", "resource_specification"} and child != parent.named_children[0]:
        return Condition("It is evaluated after the first part of the statement has started.")
    initializer = parent.child_by_field_name("initializer") if kind != "for_statement" else None
    if initializer is not None and initializer != child and kind != "for_clause":
        return Condition("It is evaluated after the initial statement before it.")
    if kind == "for_statement" and parent.child_by_field_name("right") is None and _is_bare(child, parent):
        return Condition("It is in the condition of a loop, which is evaluated again in each iteration.")
    return None


def _is_bare(child: Node, parent: Node) -> bool:
    """Return whether a node is the condition of Go's `for condition {`."""
    special = {"for_clause", "range_clause", "block", "statement_block"}
    fields = ("initializer", "init", "condition", "increment", "update", "body", "left", "value")
    return child.type not in special and not any(is_field(child, each) for each in fields)


def _statement(child: Node, parent: Node) -> Condition | None:
    """Return the condition of a statement that is the whole body of another statement, without a block."""
    clauses = {"elif_clause", "else_clause", "except_clause", "catch_clause", "finally_clause"}
    if child.type in clauses or parent.type == "else_clause":
        return Condition("It is evaluated only if the condition before it is false, or after an error.")
    if child.type.endswith("_statement") and parent.type not in {"decorated_definition", "export_statement"}:
        return Condition("The statement is the body of another statement, without a block.")
    return None
