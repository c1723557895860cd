"""A refactoring that is offered to the user, and the place in a syntax tree at which the rules look."""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from slm_lsp.features.edit.units import BLOCKS, WRAPPERS

REWRITE = "refactor.rewrite"

MAX_NODES = 5_000
"""Maximum number of nodes that a rule visits below one node, so that a huge function does not delay the offers."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A refactoring by the model. `start` and `end` are the range of the code in the text, in characters."""

    title: str
    instruction: str
    """What the model is asked to do."""
    start: int
    end: int
    kind: str = REWRITE
    """The kind of code action, as in the Language Server Protocol."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a rule found: a refactoring of a range of bytes."""

    title: str
    instruction: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Place:
    """A selection or a cursor in a syntax tree. Offsets are in bytes, without the white space around the selection."""

    source: bytes
    root: Node
    start: int
    end: int
    """Equal to `start` for a cursor."""

    @property
    def is_cursor(self) -> bool:
        """Whether nothing but white space is selected."""
        return self.start == self.end

    @property
    def has_several_lines(self) -> bool:
        """Whether the selection extends over more than one line."""
        return b"\n" in self.source[self.start : self.end]

    @property
    def node(self) -> Node:
        """The smallest node that contains the selection or the cursor."""
        return self.root.descendant_for_byte_range(self.start, max(self.end - 1, self.start)) or self.root

    @property
    def lines(self) -> tuple[int, int]:
        """The range of the selection; for a cursor, the range of its line."""
        if not self.is_cursor:
            return self.start, self.end
        return line_around(self.source, self.start)

    def is_exactly(self, node: Node) -> bool:
        """Return whether exactly this node is selected."""
        return (self.start, self.end) == (node.start_byte, node.end_byte)

    def text(self, node: Node) -> bytes:
        """Return the text of a node."""
        return self.source[node.start_byte : node.end_byte]


def place_of(source: bytes, root: Node, start: int, end: int) -> Place:
    """Return a selection without the white space at its ends. A cursor moves to the nearest text on its line.

    Args:
        source: the text.
        root: root of its tree.
        start: start of the selection, in bytes.
        end: end of the selection, in bytes.
    """
    piece = source[start:end]
    if piece.strip():
        return Place(source, root, end - len(piece.lstrip()), start + len(piece.rstrip()))
    first, last = line_around(source, start)
    at = min(max(start, first), max(last - 1, first))
    return Place(source, root, at, at)


def line_around(source: bytes, at: int) -> tuple[int, int]:
    """Return the range of a line without the white space at its ends."""
    begin = source.rfind(b"\n", 0, at) + 1
    end = source.find(b"\n", at)
    line = source[begin : end if end >= 0 else len(source)]
    first = begin + len(line) - len(line.lstrip())
    return first, max(first, begin + len(line.rstrip()))


def enclosing(node: Node | None, kinds: Container[str], outside: Container[str] = ()) -> Node | None:
    """Return the innermost node of some kinds that contains a node, or the node itself.

    Return None if a node of the kinds `outside` comes first.
    """
    while node is not None and not (node.is_named and node.type in kinds):
        if node.type in outside:
            return None
        node = node.parent
    return node


def wrapped(node: Node) -> Node:
    """Return a definition with its wrappers, such as decorators."""
    while node.parent is not None and node.parent.type in WRAPPERS:
        node = node.parent
    return node


def statement(node: Node) -> Node:
    """Return the innermost statement that contains a node."""
    while node.parent is not None and node.parent.type not in BLOCKS:
        node = node.parent
    return node


def inside(node: Node, span: tuple[int, int]) -> Iterator[Node]:
    """Yield the named nodes below a node that overlap a range of bytes, in text order, at most `MAX_NODES`."""
    pending, count = [node], 0
    while pending and count < MAX_NODES:
        current = pending.pop()
        if current.end_byte <= span[0] or span[1] <= current.start_byte:
            continue
        count += 1
        yield current
        pending += reversed(current.named_children)
