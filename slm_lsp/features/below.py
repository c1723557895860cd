"""What a suggestion does to the statement below it: a `return` above it would keep it from ever being reached.

Small models like to end a function in the middle, where the lines below do not fit what they would write. How often
such answers are wrong stands in `docs/evals.md`.
"""

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
    line = source.rfind(b"\n", 0, stop) + 1
    first = line + len(source[line:stop]) - len(source[line:stop].lstrip())
    if first < start or first >= stop:
        return False
    begun = list(_begun(tree.root_node, first, stop))
    if language.name in _OFF_SIDE:
        for each in begun:
            below = _following(each) if each.parent is not None and each.parent.type in _BLOCKS else None
            if below is not None and below.start_point.column > each.start_point.column:
                return True
    jump = next((each for each in begun if _jumps(each)), None)
    below = None if jump is None else _following(jump)
    return below is not None and below.type != "break_statement"  # as in `case 1: return x; break;`


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
    node = statement.next_named_sibling
    while node is not None and "comment" in node.type:
        node = node.next_named_sibling
    if node is None or node.start_point.row <= statement.end_point.row:
        return None
    return None if any(each in node.type for each in _REACHED) else node


def _jumps(node: Node) -> bool:
    """Whether a statement is a jump; where jumps are expressions, the statement round one is."""
    if node.type == "expression_statement":
        return node.named_child_count > 0 and node.named_children[0].type in JUMPS
    return node.type in JUMPS and node.type.endswith("_statement")
