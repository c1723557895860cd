"""Computes the ends of definitions, such as COBOL paragraphs, if the syntax tree has a node only for their headings.

Such a definition ends before the next heading of the same or an outer level.
"""

from collections.abc import Iterable

from tree_sitter import Node

from slm_lsp.languages import cobol

_HEADINGS: dict[str, dict[str, int]] = {
    "cobol": {"file_description_entry": 0, "data_description": 1, "section_header": 0, "paragraph_header": 1},
    "perl": {"package_statement": 0, "class_statement": 0, "role_statement": 0},
    "php": {"namespace_definition": 0},
}
"""Node types of headings and their nesting rank (0 is the outermost), by language. A heading ends all open definitions
of an equal or larger rank."""

End = tuple[int, int]
"""The byte offset of an end (exclusive), and the row of the last character before it."""


def heading_ends(language: str, nodes: Iterable[Node], source: bytes) -> dict[int, End]:
    """Return the ends of all headings among `nodes` and their siblings, by the byte offset where a heading starts."""
    headings = _HEADINGS.get(language)
    if headings is None:
        return {}
    found: dict[int, End] = {}
    for node in nodes:
        if node.type in headings and node.start_byte not in found and node.parent is not None:
            _find_ends(node.parent, headings, source, found)
    return found


def last_row(node: Node) -> int:
    """Return the row of a node's last character, not counting a line ending that the node includes."""
    end = node.end_point
    return max(end.row - (end.column == 0), node.start_point.row)


def _find_ends(parent: Node, headings: dict[str, int], source: bytes, found: dict[int, End]) -> None:
    """Add to `found` the ends of all headings that are children of `parent`.

    A comment above the next heading belongs to that heading.
    """
    following: list[tuple[int, Node]] = []
    """Stack of the headings below: the rank, and the last node before the heading. The nearest has the highest rank."""
    children = parent.children
    before = list(children)
    for at in range(1, len(children)):
        kind = children[at - 1].type
        if at > 1 and ("comment" in kind or kind == "pod"):
            before[at - 1] = before[at - 2]
    for at in range(len(children) - 1, -1, -1):
        node = children[at]
        if node.type not in headings:
            continue
        rank = headings[node.type]
        if node.type == "data_description":
            level = node.child(0)
            rank = cobol.rank(source[level.start_byte : level.end_byte]) if level is not None else rank
        while following and following[-1][0] > rank:
            following.pop()
        last = following[-1][1] if following else children[-1]
        found[node.start_byte] = (max(last.end_byte, node.end_byte), max(last_row(last), last_row(node)))
        following.append((rank, before[at - 1] if at else node))
