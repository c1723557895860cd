"""Determine what the evaluation of an expression may do, and whether the expression can be evaluated earlier."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from tree_sitter import Node

from slm_lsp.features.edit.rules.conditions import condition
from slm_lsp.features.edit.rules.kinds import KINDS, Kinds
from slm_lsp.features.edit.rules.source import Source, is_field, walk


class Effect(IntEnum):
    """What the evaluation of an expression may do. Each level includes those before it."""

    CONSTANT = 0
    """It always gives the same value and never fails."""
    NAMES = 1
    """It combines the values of names."""
    READS = 2
    """It reads the state of objects."""
    CALLS = 3
    """It runs other code."""
    ASSIGNS = 4
    """It assigns names."""


_SAFE_OPERATORS = frozenset({"+", "-", "*"})
"""Operators that do not fail for numbers."""


def kinds_of(source: Source) -> Kinds | None:
    """Return the node types of the source's language; None if there are no rules for it."""
    return KINDS.get(source.language.name)


def effect_of(node: Node, source: Source, kinds: Kinds) -> Effect:
    """Return what the evaluation of an expression may do."""
    kind = node.type
    if kind in kinds.neutral or not node.is_named:
        return Effect.CONSTANT
    if kind in kinds.names:
        return Effect.NAMES
    inner = max(
        (effect_of(each, source, kinds) for each in node.named_children if not is_label(each)),
        default=Effect.CONSTANT,
    )
    if kind in kinds.constants:
        return inner
    if kind in kinds.operators:
        return max(inner, _operator(node, source, kinds))
    if kind in kinds.reads:
        return max(inner, Effect.READS)
    if kind in kinds.assigns:
        return Effect.ASSIGNS
    return max(inner, Effect.CALLS)


def _operator(node: Node, source: Source, kinds: Kinds) -> Effect:
    """Return what an operator adds to the effects of its operands."""
    if node.type in kinds.mutable or node.type == "this":
        return Effect.NAMES
    operator = node.child_by_field_name("operator")
    text = "" if operator is None else source.of(operator)
    if source.language.name == "go" and node.type == "unary_expression" and text in {"<-", "&", "*"}:
        return Effect.CALLS if text == "<-" else Effect.READS
    if source.language.name in {"javascript", "typescript", "tsx"} and text == "delete":
        return Effect.ASSIGNS
    if text in {"in", "instanceof"}:
        return Effect.READS
    if node.type in {"parenthesized_expression", "tuple", "expression_list", "pair"}:
        return Effect.CONSTANT
    numbers = {"integer", "float", "number", "binary_operator", "binary_expression", "unary_operator"}
    plain = all(each.type in numbers or each.type.endswith("_literal") for each in node.named_children)
    return Effect.CONSTANT if text in _SAFE_OPERATORS and plain else Effect.NAMES


def is_label(node: Node) -> bool:
    """Return whether an identifier is a name of a member or a parameter, not of a variable."""
    parent = node.parent
    if parent is None:
        return False
    fields = _LABELS.get(parent.type)
    return fields is not None and any(is_field(node, each) for each in fields)


_LABELS = {
    "attribute": ("attribute",),
    "keyword_argument": ("name",),
    "field_access": ("field",),
    "method_invocation": ("name",),
    "labeled_statement": ("label",),
    "break_statement": ("label",),
    "continue_statement": ("label",),
    "method_reference": (),
    "element_value_pair": ("key",),
}
"""Fields of nodes that hold an identifier which is not a variable."""


def names_in(node: Node, source: Source, kinds: Kinds) -> set[str]:
    """Return the names of variables that an expression uses."""
    return {source.of(each) for each in walk(node) if each.type in kinds.names and not is_label(each)}


@dataclass(frozen=True, slots=True)
class Moved:
    """An expression that is to be evaluated at another place of the program."""

    effect: Effect
    names: frozenset[str]
    """Names of the variables that it uses."""


def moved(node: Node, source: Source, kinds: Kinds) -> Moved:
    """Return the properties of an expression that decide where it can be evaluated."""
    return Moved(effect_of(node, source, kinds), frozenset(names_in(node, source, kinds)))


def obstacle(place: Node, statement: Node, source: Source, kinds: Kinds, expression: Moved) -> str | None:
    """Return why it matters whether an expression is evaluated at a place or before the whole statement.

    Args:
        place: node at the place.
        statement: the statement that contains the place.
        source: the text.
        kinds: node types of the language.
        expression: the expression.

    Returns:
        One sentence; None if it does not matter.
    """
    constant = expression.effect is Effect.CONSTANT
    child = place
    while child != statement and child.parent is not None:
        reason = condition(child, child.parent, source)
        if reason is not None and not (constant and reason.only_values):
            return reason.text
        child = child.parent
    if constant:
        return None
    problems = (_order(each, source, kinds, expression) for each in _evaluated_before(place, statement))
    return next((each for each in problems if each is not None), None)


def _order(earlier: Node, source: Source, kinds: Kinds, expression: Moved) -> str | None:
    """Return why an expression cannot be evaluated before an earlier expression of its statement."""
    does = Effect.NAMES if _is_callee(earlier, source) else effect_of(earlier, source, kinds)
    text = " ".join(source.of(earlier).split())
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    if does >= Effect.CALLS:
        shared = expression.names & names_in(earlier, source, kinds)
        if expression.effect >= Effect.READS or shared or does is Effect.ASSIGNS:
            return f"`{shown}` is evaluated before it, and may change its value."
    elif expression.effect >= Effect.CALLS:
        if does is Effect.READS:
            return f"`{shown}` is evaluated before it, and the call may change that value."
        changed = [each for each in sorted(names_in(earlier, source, kinds)) if is_shared(each, source)]
        if changed:
            return f"`{changed[0]}` is read before it, and the call may change it."
    return None


_SHOWN = 40
"""Maximum number of characters of an expression in a message."""


def _is_callee(node: Node, source: Source) -> bool:
    """Return whether a node is a function that is called, or its object, written as names with dots."""
    called = is_field(node, "function") or (is_field(node, "object") and _parent_type(node) == "method_invocation")
    return called and re.fullmatch(r"[\w$#.\s]+", source.of(node)) is not None


def _parent_type(node: Node) -> str:
    return "" if node.parent is None else node.parent.type


def is_shared(name: str, source: Source) -> bool:
    """Return whether a function that is called may assign a variable."""
    word = re.escape(name)
    if source.language.name == "python":
        return re.search(rf"\b(?:global|nonlocal)\b[^\n]*\b{word}\b", source.text) is not None
    operator = r"(?:[-+*/%&|^]|<<|>>>?|\*\*|&&|\|\||\?\?)?=(?![=>])"
    assigned = rf"(?<![\w$.])(?:{word}\s*(?:{operator}|\+\+|--)|(?:\+\+|--)\s*{word}\b)"
    return len(re.findall(assigned, source.text)) > 1


def _evaluated_before(node: Node, statement: Node) -> Iterator[Node]:
    """Yield the expressions of a statement that are evaluated before a node."""
    child = node
    while child != statement and child.parent is not None:
        parent = child.parent
        yield from (each for each in _earlier(child, parent) if each.is_named)
        child = parent


def _earlier(child: Node, parent: Node) -> list[Node]:
    """Return the children of a node that are evaluated before one of them."""
    kind = parent.type
    if kind == "assignment":
        # Python evaluates the right side first.
        right = parent.child_by_field_name("right")
        return [] if right is None or right == child else [right]
    if kind in {"for_in_clause", "conditional_expression", "named_expression", "keyword_argument", "range_clause"}:
        return []
    if kind in {"for_statement", "for_in_statement", "enhanced_for_statement"} and is_field(child, "right"):
        return []
    if kind.endswith("_comprehension") or kind == "generator_expression":
        return []
    targets = {"assignment_expression", "variable_declarator", "short_var_declaration", "assignment_statement"}
    before = [each for each in parent.named_children if each.end_byte <= child.start_byte and not is_label(each)]
    if kind in targets:
        return [part for each in before for part in _target_parts(each)]
    return before


def _target_parts(target: Node) -> list[Node]:
    """Return the parts of an assignment's target that are evaluated before the value."""
    if target.type in {"member_expression", "subscript_expression", "field_access", "array_access",
                       "selector_expression", "index_expression"}:  # fmt: skip
        return [each for each in target.named_children if not is_label(each)]
    if target.type == "expression_list":
        return [part for each in target.named_children for part in _target_parts(each)]
    return []
