"""Whether the last statement of a suggestion fits what stands below it, or that nothing does.

Small models like to end a function in the middle, where the lines below do not fit what they would write; and they
begin with a variable where one statement is missing. How often such answers are wrong stands in `docs/evals.md`.
"""

import re
from collections.abc import Iterator

from tree_sitter import Node, Tree

from slm_lsp.languages.registry import Language

JUMPS = frozenset(
    f"{what}_{kind}"
    for what in ("return", "raise", "throw", "break", "continue", "goto")
    for kind in ("statement", "expression")
)
_REACHED = ("function", "method", "class", "interface", "type", "_item", "label", "preproc", "comment")
"""Parts of the names of nodes that are reached otherwise, or do not run."""

_DECLARES = ("lexical_declaration", "variable_declaration", "property_declaration", "short_var_declaration")
_LOCALS = ("local_declaration_statement", "local_variable_declaration", "let_declaration", "declaration")
_SETS = frozenset({"assignment", *_DECLARES, *_LOCALS})
"""Statements that give a value to a variable of the function; what is an expression, or its last value, is not here."""

_BODIES = frozenset({"block", "compound_statement", "function_body", "statement_block", "statement_list", "statements"})
_FUNCTIONS = ("function", "method", "constructor", "closure", "func_literal", "lambda")
"""Parts of the names of nodes."""

_WORD = re.compile(rb"[^\W\d]\w*")

_OFF_SIDE, _BLOCKS = frozenset({"python"}), frozenset({"block", "module"})
"""Languages whose grammar takes a line that is indented for no reason for the next statement of the same block."""


def cuts_off(tree: Tree, source: bytes, start: int, stop: int, language: Language) -> bool:
    """Whether the last statement of a suggestion cuts off what stands below it.

    That is a jump with another statement of its block behind it, or one behind which lines are indented for a line that
    opens a block. A statement that was begun before the suggestion is the user's own.

    Args:
        tree: of the document with the suggestion.
        source: that document.
        start: where the suggestion begins, in bytes.
        stop: where it ends, without white space.
        language: of the document.
    """
    begun = _last(tree, source, start, stop)
    if language.name in _OFF_SIDE:
        for each in begun:
            below = _following(each) if each.parent is not None and each.parent.type in _BLOCKS else None
            if below is not None and below.start_point.column > each.start_point.column:
                return True
    jump = next((each for each in begun if _jumps(each)), None)
    below = None if jump is None else _following(jump)
    return below is not None and below.type != "break_statement"  # as in `case 1: return x; break;`


def sets_for_nothing(tree: Tree, source: bytes, start: int, stop: int) -> bool:
    """Whether a suggestion ends a function with a new variable, which then nothing reads.

    A variable that the function names elsewhere is not new: somebody may read it.

    Args:
        tree: of the document with the suggestion.
        source: that document.
        start: where the suggestion begins, in bytes.
        stop: where it ends, without white space.
    """
    statement = next((each for each in reversed(_last(tree, source, start, stop)) if each.type in _SETS), None)
    if statement is None or _behind(statement) is not None:
        return False
    function = statement.parent
    while function is not None and function.type in _BODIES:
        function = function.parent
    if function is None or not any(each in function.type for each in _FUNCTIONS):
        return False
    target, equals, _ = source[statement.start_byte : statement.end_byte].partition(b"=")
    if not equals or b"." in target or b"[" in target:
        return False
    named = {word for node in _names(function, statement) for word in _WORD.findall(node.text or b"")}
    new = [word not in named for word in _WORD.findall(target.partition(b":")[0])]
    return all(new) if statement.type == "assignment" else any(new)  # beside a keyword or type is the variable's name


def _names(function: Node, apart: Node) -> Iterator[Node]:
    """Every name in a function, but for one of its statements."""
    below = [function]
    while below:
        node = below.pop()
        if node == apart:
            continue
        if "identifier" in node.type:
            yield node
        below += node.children


def _last(tree: Tree, source: bytes, start: int, stop: int) -> list[Node]:
    """What begins with the last line of a suggestion, the smallest first; nothing where that was begun before it."""
    line = source.rfind(b"\n", 0, stop) + 1
    first = line + len(source[line:stop]) - len(source[line:stop].lstrip())
    return list(_begun(tree.root_node, first, stop)) if start <= first < stop else []


def _begun(root: Node, first: int, stop: int) -> Iterator[Node]:
    """The nodes that begin at a place and end by another, the smallest first; none where the tree is at a loss."""
    node = root.descendant_for_byte_range(first, first + 1)
    while node is not None and node.start_byte == first and node.end_byte <= stop:
        if node.is_error or (node.parent is not None and node.parent.is_error):
            return
        yield node
        node = node.parent


def _following(statement: Node) -> Node | None:
    """The next statement of the same block, in a line of its own, that is reached only from this one."""
    node = _behind(statement)
    if node is None or node.start_point.row <= statement.end_point.row:
        return None
    return None if any(each in node.type for each in _REACHED) else node


def _behind(statement: Node) -> Node | None:
    """What comes next in the same block, comments aside."""
    node = statement.next_named_sibling
    while node is not None and "comment" in node.type:
        node = node.next_named_sibling
    return node


def _jumps(node: Node) -> bool:
    """Whether a statement is a jump; where jumps are expressions, the statement round one is."""
    if node.type == "expression_statement":
        return node.named_child_count > 0 and node.named_children[0].type in JUMPS
    return node.type in JUMPS and node.type.endswith("_statement")
