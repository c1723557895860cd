"""Where a definition ends that is but a heading in the tree: at the next heading of its kind or of one round it."""

from collections.abc import Iterable

from tree_sitter import Node

from slm_lsp.languages import cobol

_HEADINGS: dict[str, dict[str, int]] = {
    "cobol": {"file_description_entry": 0, "data_description": 1, "section_header": 0, "paragraph_header": 1},
    "perl": {"package_statement": 0, "class_statement": 0, "role_statement": 0},
    "php": {"namespace_definition": 0},
}
"""Node types by rank: a heading ends what began at one of its own rank or of a higher one."""

End = tuple[int, int]
"""A byte, exclusive, and the row of the last character before it."""


def open_ends(language: str, nodes: Iterable[Node], source: bytes) -> dict[int, End]:
    """Where each of the headings among some nodes, and beside them, ends, by the byte where it starts."""
    headings = _HEADINGS.get(language)
    if headings is None:
        return {}
    found: dict[int, End] = {}
    for node in nodes:
        if node.type in headings and node.start_byte not in found and node.parent is not None:
            _end_all(node.parent, headings, source, found)
    return found


def last_row(node: Node) -> int:
    """The row of its last character; some nodes take the end of the line in."""
    end = node.end_point
    return max(end.row - (end.column == 0), node.start_point.row)


def _end_all(around: Node, headings: dict[str, int], source: bytes, found: dict[int, End]) -> None:
    """Ends of all headings right inside a node; a comment above the next heading belongs to that."""
    following: list[tuple[int, Node]] = []
    """Rank of each heading further down, and what stands before it; the nearest last, ranks rising."""
    children = around.children
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
