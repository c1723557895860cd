"""Finds the definitions, imports, references and scopes of a text with the queries of its language.

The queries use these captures:

- `definitions.scm`: `@definition.KIND` is the whole definition and `@name` its name. KIND is one of `KINDS`. The
  signature ends where `@body` starts. `@doc` is documentation inside the definition.
- `imports.scm`: one match per imported name or module. `@import` is the statement, `@module` the module (several
  captures are the parts of one path), `@name` a single imported name, and `@alias` its local name. `@default` is the
  local name of a module's default export.
- `references.scm`: `@reference.call`, `@reference.type` or `@reference.name` is an identifier that may refer to a
  definition elsewhere.
- `scopes.scm`: `@scope` is a node with its own names, and `@local` a name bound in the innermost scope around it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from tree_sitter import Node, Tree

from slm_lsp.languages.cobol import copybook_prelude
from slm_lsp.languages.docs import documentation
from slm_lsp.languages.ends import heading_ends, last_row
from slm_lsp.languages.names import clean_name, local_name
from slm_lsp.languages.parse import Match, matches, matches_in_statements, parse
from slm_lsp.languages.registry import Language
from slm_lsp.languages.signatures import comment_openers, signature

TYPES = frozenset({"class", "enum", "impl", "interface", "record", "struct", "trait", "type", "union"})
"""Kinds of types. A function directly inside one of these is a method."""

CALLABLE = frozenset({"constructor", "function", "method", "procedure"})
VALUES = frozenset({"constant", "field", "macro", "property", "variable"})
CONTAINERS = frozenset({"module", "namespace", "paragraph", "program", "section"})

KINDS = TYPES | CALLABLE | VALUES | CONTAINERS
"""All kinds of definitions."""

_WRAPPERS = frozenset({"ambient_declaration", "export_statement", "template_declaration", "type_definition"})
"""Node types that wrap a definition and belong to it. The definition's comment is above the wrapper, and its signature
includes the wrapper."""

_DEFINITION = "definition."

_SEPARATOR = re.compile(rb"[:.\\/]+")


class Definition(msgspec.Struct, frozen=True):
    """A definition. `start` and `end` (exclusive) are byte offsets in the UTF-8 text.

    Lines count from 0, and `last_line` is inclusive.
    """

    name: str
    kind: str
    parent: str
    """Names of the enclosing definitions, outermost first, joined by dots; empty at the top level."""
    signature: str
    """The text up to the body, on one line."""
    doc: str
    """First part of the definition's documentation, on one line; empty if the definition has no documentation."""
    start: int
    end: int
    first_line: int
    last_line: int

    @property
    def qualified(self) -> str:
        """The name, preceded by the names of the enclosing definitions and separated by dots."""
        return f"{self.parent}.{self.name}" if self.parent else self.name


class Import(msgspec.Struct, frozen=True):
    """One imported name or module, as written in the text."""

    module: str
    """The module, without quotes and with leading dots."""
    name: str
    """The imported name; `*` if all names are imported, empty if the module itself is imported."""
    alias: str
    """The local name, if it differs from the original name; otherwise empty."""
    line: int

    @property
    def local(self) -> str:
        """The name that the import binds in this text."""
        return self.alias or self.name or local_name(self.module)


MAX_DEPTH = 16
"""Maximum number of enclosing names kept in `Definition.parent`."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A use of a name that may be defined elsewhere. `start` is a byte offset, `line` counts from 0."""

    name: str
    kind: str
    """`call`, `type` or `name`."""
    start: int
    line: int


@dataclass(frozen=True, slots=True)
class Scope:
    """A range of the text (byte offsets, `end` exclusive) and the names bound directly in it."""

    start: int
    end: int
    names: frozenset[str]


def definitions_and_imports(language: Language, tree: Tree, source: bytes) -> tuple[list[Definition], list[Import]]:
    """Return the definitions and imports of a text from a single walk over its tree.

    Raises:
        ParseTimeoutError: as in `definitions`.
    """
    captured = matches_in_statements(language, "definitions+imports", tree.root_node)
    of_imports = [match for match in captured if "import" in match]
    of_definitions = [match for match in captured if "import" not in match]
    return definitions(language, tree, source, of_definitions), imports(language, tree, source, of_imports)


def definitions(
    language: Language, tree: Tree, source: bytes, captured: Sequence[Match] | None = None
) -> list[Definition]:
    """Return all definitions in text order. A definition that several patterns match is returned once.

    Args:
        language: language of the text.
        tree: tree of the text.
        source: the text.
        captured: the query's matches; by default, the query is run here.

    Raises:
        ParseTimeoutError: a COBOL copybook, which must be parsed a second time as part of a program, took too long.
    """
    if language.name == "cobol" and (head := copybook_prelude(source)):
        return _of_copybook(language, head, source)
    found: dict[tuple[int, int], tuple[str, Node, Match]] = {}
    for match in matches_in_statements(language, "definitions", tree.root_node) if captured is None else captured:
        if name := match.get("name"):
            key = next(key for key in match if key.startswith(_DEFINITION))
            kind = key.removeprefix(_DEFINITION)
            at = name[0].start_byte, name[0].end_byte
            if at not in found or _priority(kind) < _priority(found[at][0]):
                found[at] = kind, match[key][0], match
    ends = heading_ends(language.name, (node for _, node, _ in found.values()), source)
    spans: list[tuple[int, int, tuple[int, int], int, str, Node, Node, Match]] = []
    for at, (kind, inner, match) in found.items():
        node = _with_wrappers(inner)
        end, last = node.end_byte, last_row(node)
        if body := match.get("body"):
            # In some grammars, the body is a sibling of the definition's node.
            if body[0].end_byte > end:
                end, last = body[0].end_byte, last_row(body[0])
        elif ends and node.start_byte in ends:
            end, last = ends[node.start_byte]
        spans.append((node.start_byte, -end, at, last, kind, node, inner, match))
    openers = comment_openers(language)
    listed: list[Definition] = []
    enclosing: list[Definition] = []
    for start, end, _, last, kind, node, inner, match in sorted(spans, key=lambda each: each[:3]):
        # Two definitions with equal bounds, as in `int a, b;`, are siblings and do not contain each other.
        while enclosing and (enclosing[-1].end <= start or (enclosing[-1].start, enclosing[-1].end) == (start, -end)):
            enclosing.pop()
        own_name = clean_name(_text(match["name"][0], source), language.name)
        if not own_name:
            continue
        inside = bool(enclosing) and enclosing[-1].kind in TYPES
        listed.append(
            Definition(
                name=own_name,
                kind="method" if kind == "function" and inside else kind,
                parent=_truncated(enclosing[-1].qualified) if enclosing else "",
                signature=signature(node, inner.start_byte, match, source, openers, parameters=kind in CALLABLE),
                doc=documentation(node, match.get("doc"), source, language.name),
                start=start,
                end=-end,
                first_line=node.start_point.row,
                last_line=last,
            )
        )
        enclosing.append(listed[-1])
    return listed


def imports(language: Language, tree: Tree, source: bytes, captured: Sequence[Match] | None = None) -> list[Import]:
    """Return all imports in text order. The arguments are those of `definitions`."""
    found: list[tuple[int, Import]] = []
    for match in matches_in_statements(language, "imports", tree.root_node) if captured is None else captured:
        name, alias = (_first(match, key, source) for key in ("name", "alias"))
        module = _joined(match.get("module", ()), source)
        if default := _first(match, "default", source):
            name, alias = "default", default
        if module or name:
            node = match["import"][0]
            at = min(
                (match[key][0].start_byte for key in ("name", "default", "module") if key in match),
                default=node.start_byte,
            )
            if name == "_" and language.name == "scala":
                name = "*"
            found.append((at, Import(module.strip("\"'`<>"), name.strip("\"'`"), alias, node.start_point.row)))
    return list(dict.fromkeys(each for _, each in sorted(found, key=lambda each: each[0])))


def references(language: Language, tree: Tree, source: bytes, rows: range | None = None) -> list[Reference]:
    """Return all uses of names in text order. If several patterns match a use, return it with the most specific kind.

    With `rows`, return only uses in these lines, counted from 0.
    """
    found: dict[int, Reference] = {}
    priority = {"call": 0, "type": 1, "name": 2}
    for match in matches(language, "references", tree.root_node, rows):
        for key, nodes in match.items():
            kind = key.removeprefix("reference.")
            for node in nodes:
                if rows is not None and node.start_point.row not in rows:
                    continue
                previous = found.get(node.start_byte)
                if previous is None or priority[kind] < priority[previous.kind]:
                    name = clean_name(_text(node, source), language.name)
                    found[node.start_byte] = Reference(name, kind, node.start_byte, node.start_point.row)
    return [found[start] for start in sorted(found)]


def scopes(language: Language, tree: Tree, source: bytes) -> list[Scope]:
    """Return all scopes with the names bound in them, outer scopes first. The first scope is the whole text."""
    nodes: list[Node] = []
    names: list[tuple[int, str]] = []
    for match in matches(language, "scopes", tree.root_node):
        nodes += match.get("scope", [])
        names += [(node.start_byte, clean_name(_text(node, source), language.name)) for node in match.get("local", [])]
    spans = sorted({(node.start_byte, node.end_byte) for node in nodes}, key=lambda each: (each[0], -each[1]))
    spans = [(0, len(source)), *(span for span in spans if span != (0, len(source)))]
    bound: list[set[str]] = [set() for _ in spans]
    enclosing = [0]
    following = 1
    for at, name in sorted(names):
        while following < len(spans) and spans[following][0] <= at:
            enclosing.append(following)
            following += 1
        while len(enclosing) > 1 and spans[enclosing[-1]][1] <= at:
            enclosing.pop()
        bound[enclosing[-1]].add(name)
    return [Scope(start, end, frozenset(each)) for (start, end), each in zip(spans, bound, strict=True)]


def _of_copybook(language: Language, head: bytes, source: bytes) -> list[Definition]:
    """Return the definitions of a copybook. For parsing, `head` is put before it to make a complete program."""
    tree = parse(language, head + source)
    if tree is None:
        return []
    found = definitions(language, tree, head + source)
    program = found[0].name if found else ""
    lines = head.count(b"\n")
    return [
        msgspec.structs.replace(
            each,
            parent=each.parent.removeprefix(program).removeprefix("."),
            start=each.start - len(head),
            end=each.end - len(head),
            first_line=each.first_line - lines,
            last_line=each.last_line - lines,
        )
        for each in found[1:]
    ]


def _priority(kind: str) -> int:
    """Return the priority of a kind. If two patterns match one name, the kind with the lower number wins."""
    if kind == "constructor":
        return 0
    if kind in CALLABLE:
        return 1
    if kind in TYPES and kind != "type":
        return 2
    return 4 if kind in {"field", "variable"} else 3


def _with_wrappers(node: Node) -> Node:
    while (parent := node.parent) is not None and parent.type in _WRAPPERS:
        node = parent
    return node


def _joined(pieces: Sequence[Node], source: bytes) -> str:
    """Join the parts of a module path with the separators between them in the text."""
    path = ""
    for piece in pieces:
        path += _text(piece, source).strip()
        if piece is not pieces[-1] and (separator := _SEPARATOR.match(source, piece.end_byte)):
            path += separator.group().decode()
    return path


def _first(match: Match, key: str, source: bytes) -> str:
    return _text(match[key][0], source).strip() if match.get(key) else ""


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", errors="replace")


def _truncated(qualified: str) -> str:
    """Keep only the innermost parts of a qualified name, so that names of deeply nested functions stay short."""
    return qualified.split(".", 1)[1] if qualified.count(".") >= MAX_DEPTH else qualified
