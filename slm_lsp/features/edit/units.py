"""Choose the unit of an edit: the smallest piece of a document that contains the selection or the cursor.

The model rewrites only the unit, so nothing outside it can change. A unit consists of whole lines and of whole syntax
nodes: consecutive statements, a function, a class, or the whole file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from tree_sitter import Node, Tree

from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language
from slm_lsp.languages.symbols import CALLABLE, TYPES, Definition, definitions
from slm_lsp.text import Lines

BLOCKS = frozenset(
    {
        # Files
        "chunk", "compilation_unit", "module", "program", "source_file", "translation_unit",
        # Bodies of functions and of control structures
        "block", "block_body", "body_statement", "code_block", "compound_statement", "constructor_body", "do",
        "do_group", "else", "function_body", "statement_block", "statement_list", "statements", "switch_body", "then",
        # Bodies of types
        "class_body", "declaration_list", "enum_body", "enum_class_body", "field_declaration_list", "impl_body",
        "interface_body", "template_body",
    }
)  # fmt: skip
"""Kinds of syntax nodes, in all grammars, whose children are statements or members."""

WRAPPERS = frozenset({"ambient_declaration", "decorated_definition", "export_statement", "template_declaration"})
"""Kinds of syntax nodes that contain one definition and belong to it, such as Python's decorators."""


class Extent(IntEnum):
    """How much of a document a unit contains."""

    STATEMENTS = 0
    FUNCTION = 1
    CLASS = 2
    FILE = 3


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of a document, in whole lines. Offsets are in characters."""

    extent: Extent
    name: str
    """Qualified name of the function or class; empty for others."""
    start: int
    """Start of the first line."""
    end: int
    """End of the last line, before its line end."""
    header: int
    """End of the signature: where the body of a function or class starts; `start` for other units."""
    widened: bool
    """Whether the unit contains more than the selection and white space. False if nothing was selected."""


def find_unit(
    text: str, selection: tuple[int, int], language: Language | None, least: Extent = Extent.STATEMENTS
) -> Unit:
    """Return the smallest unit that contains a selection.

    An empty selection is a cursor. The unit is then the innermost function around it. Outside of functions it is the
    innermost class, and outside of classes the statement at the cursor.

    Args:
        text: the whole document.
        selection: start and end, in characters.
        language: language of the document. If it has no parser, the unit consists of the selected lines.
        least: the smallest extent that the unit may have.

    Raises:
        ParseTimeoutError: parsing takes too long.
    """
    start, end = _trimmed(text, *selection)
    explicit = start < end
    if least is Extent.FILE or (start, end) == _trimmed(text, 0, len(text)):
        return _file(text, widened=(start, end) != _trimmed(text, 0, len(text)))
    source = text.encode("utf-8", errors="surrogatepass")
    tree = None if language is None else parse(language, source)
    if tree is None or language is None:
        return _lines(text, start, end, widened=False)
    span = len(text[:start].encode("utf-8", "surrogatepass")), len(text[:end].encode("utf-8", "surrogatepass"))
    named = list(_named(tree.root_node, definitions(language, tree, source), source))
    around = [each for each in named if each.first <= span[0] and span[1] <= each.last]
    if explicit and least is Extent.STATEMENTS:
        exact = next((each for each in around if (each.first, each.last) == span), None)
        run = None if exact else _statements(tree.root_node, span, source)
        if run is not None:
            whole = next((each for each in named if (each.first, each.last) == run), None)
            if whole is None:
                return _placed(text, source, run, Extent.STATEMENTS, "", run[0], span)
            around = [whole]
        elif exact is not None:
            around = [exact]
    wanted = [each for each in around if each.extent >= max(least, Extent.FUNCTION)]
    if wanted:
        # Take the innermost function. Take a class only outside of functions, or if `least` demands one.
        inner = min(wanted, key=lambda each: (each.extent, each.last - each.first))
        return _placed(text, source, (inner.first, inner.last), inner.extent, inner.name, inner.body, span)
    if least is Extent.STATEMENTS and (run := _statements(tree.root_node, span, source)) is not None:
        return _placed(text, source, run, Extent.STATEMENTS, "", run[0], span)
    return _file(text, widened=True)


def named_units(
    text: str, source: bytes, tree: Tree, found: Sequence[Definition]
) -> tuple[tuple[Definition, Unit], ...]:
    """Return the functions and classes of a text with their units, in text order.

    Definitions that share their lines with other code are left out, because a unit consists of whole lines.

    Args:
        text: the whole document.
        source: the text in UTF-8.
        tree: tree of the text.
        found: the definitions of the text.
    """
    named = [(each, unit) for each in found for unit in _named(tree.root_node, [each], source)]
    offsets = _characters(source, {at for _, each in named for at in (each.first, each.last, each.body)})
    lines = Lines(text)
    listed = []
    for definition, each in named:
        first, last = (lines.position(offsets[at]).line for at in (each.first, each.last))
        start, end = lines.starts[first], lines.starts[last] + len(lines.line(last))
        header = max(offsets[each.body], start)
        listed.append((definition, Unit(each.extent, each.name, start, end, header, widened=False)))
    return tuple(listed)


def _characters(source: bytes, offsets: set[int]) -> dict[int, int]:
    """Return the offset in characters for each offset in bytes."""
    found, at, count = {}, 0, 0
    for offset in sorted(offsets):
        count += len(source[at:offset].decode("utf-8", "surrogatepass"))
        at = offset
        found[offset] = count
    return found


@dataclass(frozen=True, slots=True)
class _Named:
    """A function or class with its decorators. Offsets are in bytes."""

    extent: Extent
    name: str
    first: int
    last: int
    body: int


def _named(root: Node, found: Sequence[Definition], source: bytes) -> Iterator[_Named]:
    """Yield the functions and classes of a text."""
    for each in found:
        extent = Extent.FUNCTION if each.kind in CALLABLE else Extent.CLASS if each.kind in TYPES else None
        node = root.descendant_for_byte_range(each.start, max(each.end - 1, each.start))
        if extent is None or node is None:
            continue
        while node.parent is not None and node.parent.type in WRAPPERS:
            node = node.parent
        inner = node
        while (child := _wrapped(inner)) is not None:
            inner = child
        body = inner.child_by_field_name("body")
        first, last = min(node.start_byte, each.start), max(node.end_byte, each.end)
        if _fills_lines(source, first, last):
            yield _Named(extent, each.qualified, first, last, first if body is None else body.start_byte)


def _wrapped(node: Node) -> Node | None:
    """Return the definition inside a wrapper; None if the node is not a wrapper."""
    if node.type not in WRAPPERS:
        return None
    return node.child_by_field_name("definition") or node.child_by_field_name("declaration") or node.named_children[-1]


def _statements(root: Node, span: tuple[int, int], source: bytes) -> tuple[int, int] | None:
    """Return the byte range of the fewest consecutive statements that cover a span and fill their lines."""
    node: Node | None = root.descendant_for_byte_range(span[0], max(span[1] - 1, span[0]))
    while node is not None:
        if node.type in BLOCKS or node.parent is None:
            inside = [
                each
                for each in node.named_children
                if each.start_byte < max(span[1], span[0] + 1) and span[0] < max(each.end_byte, each.start_byte + 1)
            ]
            covered = inside and inside[0].start_byte <= span[0] and span[1] <= inside[-1].end_byte
            if covered and _fills_lines(source, inside[0].start_byte, inside[-1].end_byte):
                return inside[0].start_byte, inside[-1].end_byte
        node = node.parent
    return None


def _fills_lines(source: bytes, first: int, last: int) -> bool:
    """Return whether the lines of a piece contain nothing else but white space, a semicolon or a comment."""
    line_start = source.rfind(b"\n", 0, first) + 1
    line_end = source.find(b"\n", last)
    rest = source[last : line_end if line_end >= 0 else len(source)].decode("utf-8", "replace").strip()
    alone = not rest or rest == ";" or rest.startswith(("#", "//", "/*", "--", "!"))
    return alone and not source[line_start:first].strip()


def _placed(
    text: str, source: bytes, run: tuple[int, int], extent: Extent, name: str, body: int, span: tuple[int, int]
) -> Unit:
    """Return the unit for a range of bytes."""
    first, last, header = (len(source[:at].decode("utf-8", "surrogatepass")) for at in (*run, body))
    lines = _lines(text, first, last, widened=False)
    widened = span[0] < span[1] and (run[0] < span[0] or span[1] < run[1])
    return Unit(extent, name, lines.start, lines.end, max(header, lines.start) if name else lines.start, widened)


def _lines(text: str, start: int, end: int, *, widened: bool) -> Unit:
    """Return a unit of all lines that a range of characters touches."""
    lines = Lines(text)
    first, last = lines.position(start).line, lines.position(end).line
    begin = lines.starts[first]
    return Unit(Extent.STATEMENTS, "", begin, lines.starts[last] + len(lines.line(last)), begin, widened)


def _file(text: str, *, widened: bool) -> Unit:
    """Return a unit of the whole text, without the line ends at its end."""
    return Unit(Extent.FILE, "", 0, len(text.rstrip("\r\n")), 0, widened)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a selection without the white space at its ends.

    An empty selection moves to the nearest text on its line.
    """
    piece = text[start:end]
    if piece.strip():
        return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
    lines = Lines(text)
    line = lines.position(start).line
    content = lines.line(line)
    first = lines.starts[line] + len(content) - len(content.lstrip())
    at = min(max(start, first), lines.starts[line] + len(content.rstrip())) if content.strip() else start
    return at, at
