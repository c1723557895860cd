"""A text with its syntax tree, for the refactoring rules."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node, Tree

from slm_lsp.features.completion.syntax import errors_of
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language
from slm_lsp.text import TextEdit, apply_edits

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Refused:
    """A refactoring that a rule refuses."""

    reason: str
    """One sentence for the user."""


@dataclass(frozen=True)
class Source:
    """A text and its syntax tree. Offsets of nodes are bytes, offsets of edits are characters."""

    language: Language
    text: str
    raw: bytes
    """The text in UTF-8."""
    tree: Tree

    @property
    def root(self) -> Node:
        """The root of the tree."""
        return self.tree.root_node

    def of(self, node: Node) -> str:
        """Return the text of a node."""
        return self.raw[node.start_byte : node.end_byte].decode("utf-8", "surrogatepass")

    def piece(self, start: int, end: int) -> str:
        """Return the text between two byte offsets."""
        return self.raw[start:end].decode("utf-8", "surrogatepass")

    def offset(self, byte: int) -> int:
        """Return the offset in characters of a byte offset."""
        return byte if self._ascii else len(self.piece(0, byte))

    def byte(self, offset: int) -> int:
        """Return the byte offset of an offset in characters."""
        return offset if self._ascii else len(self.text[:offset].encode("utf-8", "surrogatepass"))

    @cached_property
    def _ascii(self) -> bool:
        return len(self.raw) == len(self.text)

    @cached_property
    def line_end(self) -> str:
        """The line end of the first line."""
        found = _LINE_END.search(self.text)
        return found.group() if found else "\n"

    def line_start(self, byte: int) -> int:
        """Return the byte offset of the start of the line that contains a byte offset."""
        return max(self.raw.rfind(b"\n", 0, byte), self.raw.rfind(b"\r", 0, byte)) + 1

    def line_stop(self, byte: int) -> int:
        """Return the byte offset after the line end of the line that contains a byte offset."""
        at = self.raw.find(b"\n", byte)
        return len(self.raw) if at < 0 else at + 1

    def before(self, byte: int) -> str:
        """Return the text of the line before a byte offset."""
        return self.piece(self.line_start(byte), byte)

    def after(self, byte: int) -> str:
        """Return the text of the line after a byte offset, without the line end."""
        return self.piece(byte, self.line_stop(byte)).rstrip("\r\n")

    def line(self, byte: int) -> int:
        """Return the number of the line that contains a byte offset, counted from 1."""
        return self.raw.count(b"\n", 0, byte) + 1

    def replaced(self, edits: Iterable[tuple[int, int, str]]) -> str:
        """Return the text with edits applied. Each edit is a start byte, an end byte and the new text."""
        return apply_edits(
            self.text, [TextEdit(self.offset(start), self.offset(end), new) for start, end, new in edits]
        )


def read_source(language: Language, text: str) -> Source | None:
    """Parse a text; return None for a language without a grammar.

    Raises:
        ParseTimeoutError: parsing takes too long.
    """
    raw = text.encode("utf-8", "surrogatepass")
    tree = parse(language, raw)
    return None if tree is None else Source(language, text, raw, tree)


def errors_in(language: Language, text: str) -> int:
    """Return the number of syntax errors of a text; 0 for a language without a grammar."""
    tree = parse(language, text.encode("utf-8", "surrogatepass"))
    return 0 if tree is None else errors_of(tree.root_node)


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all named nodes below it, in text order."""
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        pending.extend(reversed(each.named_children))


def around(node: Node) -> Iterator[Node]:
    """Yield the nodes around a node, the innermost first."""
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def is_field(node: Node, field: str) -> bool:
    """Return whether a node is in this field of its parent."""
    parent = node.parent
    return parent is not None and parent.child_by_field_name(field) == node
