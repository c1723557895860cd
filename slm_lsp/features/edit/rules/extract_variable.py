"""Extract an expression: declare a variable with its value before the statement, and use the variable instead."""

import re
from dataclasses import dataclass

from tree_sitter import Node

from slm_lsp.features.edit.rules.bindings import binder_of
from slm_lsp.features.edit.rules.declarations import declaration
from slm_lsp.features.edit.rules.effects import Effect, kinds_of, moved, obstacle
from slm_lsp.features.edit.rules.kinds import Kinds
from slm_lsp.features.edit.rules.naming import check_name, suggested_name
from slm_lsp.features.edit.rules.source import Refused, Source, around, is_field, walk
from slm_lsp.features.edit.rules.stability import change_between

_PARTS = frozenset(
    {
        "dictionary_splat", "ellipsis", "interpolation", "jsx_attribute", "jsx_closing_element", "jsx_expression",
        "jsx_opening_element", "jsx_text", "list_splat", "optional_chain", "pair", "slice", "spread_element",
        "template_substitution",
    }
)  # fmt: skip
"""Nodes that are parts of expressions and have no value of their own."""

_WRITTEN = frozenset({"update_expression", "inc_statement", "dec_statement", "delete_statement", "del_statement"})
_SELECT = "Select one whole expression."


@dataclass(frozen=True, slots=True)
class Selected:
    """An expression that can be extracted."""

    node: Node
    statement: Node
    """The statement before which the variable is declared."""
    scope: Node
    """The function around the statement, or the whole file."""
    kinds: Kinds


def extract_variable(
    source: Source, selection: tuple[int, int], name: str = "", *, everywhere: bool = False
) -> str | Refused:
    """Return the text with an expression extracted to a variable.

    Args:
        source: the text.
        selection: start and end of the expression, in characters. White space at the ends does not count.
        name: name of the variable; if it is empty, a name is derived from the expression.
        everywhere: also replace equal expressions after it in the same block, up to the first change of a variable
            that the expression uses.
    """
    found = select(source, selection)
    if isinstance(found, Refused):
        return found
    name = name or suggested_name(found.node, found.scope, source, "value")
    if (problem := check_name(name, found.scope, source)) is not None:
        return problem
    declared = declaration(name, found.node, found.statement, source)
    if isinstance(declared, Refused):
        return declared
    start = found.statement.start_byte
    wrapped = found.statement.type == "expression_statement" and found.statement.named_children[0] == found.node
    if wrapped or found.statement == found.node:
        stop = found.statement.end_byte
        tail = source.piece(found.node.end_byte, stop)
        return source.replaced([(start, stop, declared + ("" if declared.endswith(";") else tail))])
    places = [found.node, *(_equal(found, source) if everywhere else ())]
    edits = [(start, start, declared + source.line_end + source.before(start))]
    return source.replaced([*edits, *(_use(each, name, source) for each in places)])


def select(source: Source, selection: tuple[int, int]) -> Selected | Refused:
    """Return the expression at a selection, or why it cannot be extracted."""
    kinds = kinds_of(source)
    if kinds is None:
        return Refused("slm-lsp has no rules for this language.")
    if source.root.has_error:
        return Refused("The file has syntax errors.")
    node = expression_at(source, selection, kinds)
    if node is None:
        return Refused(_SELECT)
    statement = statement_of(node, kinds)
    if statement is None:
        return Refused("The expression is not in a function.")
    scope = next((each for each in around(node) if each.type in kinds.functions), source.root)
    expression = moved(node, source, kinds)
    reason = (
        ("It assigns a variable or stops the function." if expression.effect is Effect.ASSIGNS else None)
        or _not_a_value(node, source)
        or _no_room(statement, source)
        or obstacle(node, statement, source, kinds, expression)
    )
    return (
        Refused(f"The expression cannot be extracted. {reason}") if reason else Selected(node, statement, scope, kinds)
    )


def expression_at(source: Source, selection: tuple[int, int], kinds: Kinds) -> Node | None:
    """Return the expression that fills a selection; None if the selection is empty or something else."""
    piece = source.text[slice(*selection)]
    if not piece.strip():
        return None
    start = source.byte(selection[0] + len(piece) - len(piece.lstrip()))
    end = source.byte(selection[1] - (len(piece) - len(piece.rstrip())))
    node = source.root.named_descendant_for_byte_range(start, end)
    found = None
    while node is not None and (node.start_byte, node.end_byte) == (start, end):
        single = node.type == "expression_list" and node.named_child_count == 1
        if node.type in kinds.expressions and node.type not in _PARTS and not single:
            found = node
        node = node.parent
    return None if found is None or found.type in kinds.names else found


def statement_of(node: Node, kinds: Kinds) -> Node | None:
    """Return the statement that contains a node and is a child of the innermost block around it.

    If no block contains the node, return None.
    """
    child = node
    for parent in around(node):
        if parent.type in kinds.blocks:
            return child
        child = parent
    return None


def _not_a_value(node: Node, source: Source) -> str | None:
    """Return why an expression cannot be replaced by a variable."""
    parent = node.parent
    if parent is None:
        return _SELECT
    if binder_of(node) is not None or parent.type in _WRITTEN or _is_target(node, parent):
        return "It is assigned or deleted, so a variable cannot replace it."
    operator = parent.child_by_field_name("operator")
    if (
        parent.type == "unary_expression"
        and operator is not None
        and source.of(operator) in {"&", "delete", "++", "--"}
    ):
        return "Its operator works on a variable or a member, so another variable cannot replace it."
    if parent.type in {"concatenated_string", "jsx_element", "jsx_fragment"}:
        return "It is a part of a text or of an element."
    if any(is_field(node, each) for each in ("key", "name", "source")) and source.language.name != "python":
        return "It is a name or a path, not a value."
    if is_field(node, "function") and node.type in {"member_expression", "super", "import"}:
        return "A method that is called through a variable loses its object."
    if is_field(node, "arguments") and node.type == "template_string":
        return "It is the argument of a tag."
    if (is_field(node, "object") or is_field(node, "function")) and "?." in source.of(node):
        return "The code after it is skipped if the value before `?.` does not exist."
    if parent.type in {"block", "expression_statement", "module"} and node.type in {"string", "concatenated_string"}:
        return "It is a docstring or a directive."
    if parent.type in {"go_statement", "defer_statement"}:
        return "It is evaluated later."
    return None


def _is_target(node: Node, parent: Node) -> bool:
    """Return whether a member or an element is assigned."""
    while parent.type in {
        "expression_list",
        "pattern_list",
        "tuple_pattern",
        "list_pattern",
        "array_pattern",
        "pair_pattern",
    }:
        if parent.parent is None:
            return False
        node, parent = parent, parent.parent
    return is_field(node, "left") and (
        "assignment" in parent.type
        or parent.type in {"for_statement", "for_in_statement", "for_in_clause", "range_clause"}
    )


def _no_room(statement: Node, source: Source) -> str | None:
    """Return why no variable can be declared before a statement."""
    if source.before(statement.start_byte).strip():
        return "Its statement does not start at the beginning of a line."
    parent = statement.parent
    owner = None if parent is None else parent.parent
    if owner is not None and owner.type == "class_definition":
        return "The variable would become a member of the class."
    if source.of(statement).startswith("__all__"):
        return "Tools read `__all__` without running the file."
    if source.language.name == "go" and parent is not None and parent.type == "source_file":
        return "It is not in a function."
    return None


def _equal(found: Selected, source: Source) -> list[Node]:
    """Return the expressions equal to the selected one that have the same value."""
    expression = moved(found.node, source, found.kinds)
    inner = {each.type for each in walk(found.node)}
    if expression.effect > Effect.NAMES or inner & found.kinds.mutable or found.statement.parent is None:
        return []
    key = _normal(found.node, source)
    block = found.statement.parent
    equal = []
    for each in walk(block):
        if each == found.node or each.type != found.node.type or each.start_byte < found.statement.start_byte:
            continue
        if _normal(each, source) != key or _not_a_value(each, source) is not None:
            continue
        span = (found.statement.start_byte, each.end_byte)
        loop_end = max((one.end_byte for one in around(each) if _is_loop(one, block, found.kinds)), default=span[1])
        if change_between(block, (span[0], loop_end), expression.names, source, found.kinds):
            break
        equal.append(each)
    return equal


def _is_loop(node: Node, block: Node, kinds: Kinds) -> bool:
    """Return whether a node is a loop or a function inside a block."""
    return (
        node.type in kinds.loops | kinds.functions
        and block.start_byte <= node.start_byte < node.end_byte <= block.end_byte
    )


def _normal(node: Node, source: Source) -> tuple[str, ...]:
    """Return the tokens of an expression, which are equal for expressions that differ in white space only."""
    if not node.child_count:
        return (source.of(node),)
    if "string" in node.type:
        return (source.of(node),)
    return tuple(token for each in node.children for token in _normal(each, source))


def _use(node: Node, name: str, source: Source) -> tuple[int, int, str]:
    """Return the edit that replaces an expression by a variable."""
    outer = node
    parent = node.parent
    if parent is not None and parent.type == "parenthesized_expression" and _can_drop(parent):
        outer = parent
    start, end = outer.start_byte, outer.end_byte
    needed = node.type == "parenthesized_expression" and not _can_drop(node)
    if needed or (node.type == "generator_expression" and is_field(node, "arguments")):
        return start, end, f"({name})"
    if node.type == "shorthand_property_identifier":
        return start, end, name
    before, after = source.piece(max(start - 1, 0), start), source.piece(end, end + 1)
    left = " " if re.fullmatch(r"\w", before) else ""
    return start, end, left + name + (" " if re.fullmatch(r"\w", after) else "")


def _can_drop(brackets: Node) -> bool:
    """Return whether brackets around an expression are not a part of a statement, such as those of `if (x)`."""
    parent = brackets.parent
    statement = parent is None or parent.type.endswith(("_statement", "_clause")) or parent.type == "switch_expression"
    return brackets.named_child_count == 1 and (
        not statement or (parent is not None and parent.type == "return_statement")
    )
