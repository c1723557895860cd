"""Checks whether the last statement of a suggestion fits the code below the cursor.

Small models often write a `return` in the middle of a function if the code below is not what they would have written.
They also often assign a new variable where the last statement of a function is missing. `docs/evals.md` says how often
such suggestions are wrong.
"""

import re
from collections.abc import Iterator

from tree_sitter import Node, Tree

from slm_lsp.languages.registry import Language

JUMPS = frozenset(
    f"{keyword}_{kind}"
    for keyword in ("return", "raise", "throw", "break", "continue", "goto")
    for kind in ("statement", "expression")
)
"""Types of the syntax tree nodes that leave the current block. The statement after such a node is not executed."""

_REACHED = ("function", "method", "class", "interface", "type", "_item", "label", "preproc", "comment")
"""If the type of a node contains one of these strings, the node can be reached even after a jump (such as a label), or
is not executed (such as a comment)."""

_DECLARES = ("lexical_declaration", "variable_declaration", "property_declaration", "short_var_declaration")
_LOCALS = ("local_declaration_statement", "local_variable_declaration", "let_declaration", "declaration")
_ASSIGNMENTS = frozenset({"assignment", *_DECLARES, *_LOCALS})
"""Types of statements that assign a local variable. Languages in which an assignment is an expression are not covered,
because there the function may return the assigned value."""

_BODIES = frozenset({"block", "compound_statement", "function_body", "statement_block", "statement_list", "statements"})
_FUNCTIONS = ("function", "method", "constructor", "closure", "func_literal", "lambda")
"""A syntax tree node is a function if its type contains one of these strings."""

_WORD = re.compile(rb"[^\W\d]\w*")

_INDENTED_LANGUAGES, _BLOCKS = frozenset({"python"}), frozenset({"block", "module"})
"""Languages in which indentation delimits blocks, and the types of their block nodes. Their grammars accept a line with
unexpected indentation as the next statement of the same block."""


def cuts_off(tree: Tree, source: bytes, start: int, stop: int, language: Language) -> bool:
    """Return whether the last statement of a suggestion makes the code below it unreachable or wrongly indented.

    The code below is unreachable if the statement is a jump, such as `return`, and the same block continues after the
    jump. The code below is wrongly indented if it is indented deeper than the statement although the statement opens no
    block. A statement that starts before the suggestion was written by the user and is not checked.

    Args:
        tree: syntax tree of the document with the suggestion.
        source: the document with the suggestion.
        start: start of the suggestion, in bytes.
        stop: end of the suggestion without trailing whitespace, in bytes.
        language: language of the document.
    """
    last = _last_statement(tree, source, start, stop)
    if language.name in _INDENTED_LANGUAGES:
        for each in last:
            below = _next_in_block(each) if each.parent is not None and each.parent.type in _BLOCKS else None
            if below is not None and below.start_point.column > each.start_point.column:
                return True
    jump = next((each for each in last if _is_jump(each)), None)
    below = None if jump is None else _next_in_block(jump)
    return below is not None and below.type != "break_statement"  # as in `case 1: return x; break;`


def sets_unused_variable(tree: Tree, source: bytes, start: int, stop: int) -> bool:
    """Return whether a suggestion ends a function by assigning a new variable, which nothing can read.

    A variable that occurs elsewhere in the function is not new, because that code may read it.

    Args:
        tree: syntax tree of the document with the suggestion.
        source: the document with the suggestion.
        start: start of the suggestion, in bytes.
        stop: end of the suggestion without trailing whitespace, in bytes.
    """
    last = _last_statement(tree, source, start, stop)
    statement = next((each for each in reversed(last) if each.type in _ASSIGNMENTS), None)
    if statement is None or _next_sibling(statement) is not None:
        return False
    function = statement.parent
    while function is not None and function.type in _BODIES:
        function = function.parent
    if function is None or not any(each in function.type for each in _FUNCTIONS):
        return False
    target, equals, _ = source[statement.start_byte : statement.end_byte].partition(b"=")
    if not equals or b"." in target or b"[" in target:
        return False
    elsewhere = {word for node in _identifiers(function, statement) for word in _WORD.findall(node.text or b"")}
    new = [word not in elsewhere for word in _WORD.findall(target.partition(b":")[0])]
    # The target of a declaration also contains a keyword or a type, which may occur elsewhere.
    return all(new) if statement.type == "assignment" else any(new)


def _identifiers(function: Node, excluded: Node) -> Iterator[Node]:
    """Yield every identifier in a function except those in one statement."""
    pending = [function]
    while pending:
        node = pending.pop()
        if node == excluded:
            continue
        if "identifier" in node.type:
            yield node
        pending += node.children


def _last_statement(tree: Tree, source: bytes, start: int, stop: int) -> list[Node]:
    """Return the nodes that start where the last line of a suggestion starts, the smallest first.

    Return an empty list if that line starts before the suggestion.
    """
    line = source.rfind(b"\n", 0, stop) + 1
    first = line + len(source[line:stop]) - len(source[line:stop].lstrip())
    return list(_nodes_at(tree.root_node, first, stop)) if start <= first < stop else []


def _nodes_at(root: Node, first: int, stop: int) -> Iterator[Node]:
    """Yield the nodes that start at `first` and end by `stop`, the smallest first. Stop at a syntax error."""
    node = root.descendant_for_byte_range(first, first + 1)
    while node is not None and node.start_byte == first and node.end_byte <= stop:
        if node.is_error or (node.parent is not None and node.parent.is_error):
            return
        yield node
        node = node.parent


def _next_in_block(statement: Node) -> Node | None:
    """Return the next statement of the same block if it is on a later line and runs only after this statement."""
    node = _next_sibling(statement)
    if node is None or node.start_point.row <= statement.end_point.row:
        return None
    return None if any(each in node.type for each in _REACHED) else node


def _next_sibling(statement: Node) -> Node | None:
    """Return the next node of the same block that is not a comment."""
    node = statement.next_named_sibling
    while node is not None and "comment" in node.type:
        node = node.next_named_sibling
    return node


def _is_jump(node: Node) -> bool:
    """Return whether a statement is a jump, or an expression statement that contains only a jump, as in Rust."""
    if node.type == "expression_statement":
        return node.named_child_count > 0 and node.named_children[0].type in JUMPS
    return node.type in JUMPS and node.type.endswith("_statement")
