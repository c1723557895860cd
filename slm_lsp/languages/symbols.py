"""What a text defines, imports and uses, found by the queries of its language.

The queries name what they catch:

- `definitions.scm`: `@definition.KIND` is the whole definition, `@name` its name. `@body` is where its signature ends;
  `@doc` a text inside that documents it. KIND is one of `KINDS`.
- `imports.scm`: one match for each imported thing. `@import` is the statement, `@module` what is imported or imported
  from (several of them are the pieces of one path), `@name` a single name out of it, `@alias` the name it gets here.
  `@default` is an alias too, for what a module exports without a name.
- `references.scm`: `@reference.call`, `@reference.type` or `@reference.name` is an identifier that names something
  defined elsewhere.
- `scopes.scm`: `@scope` is a node whose names are its own, `@local` a name that is bound in the scope round it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tree_sitter import Node, Tree

from slm_lsp.languages.parse import Match, matches
from slm_lsp.languages.registry import Language

TYPES = frozenset({"class", "enum", "impl", "interface", "record", "struct", "trait", "type", "union"})
"""A function right inside one of these is a method."""

CALLABLE = frozenset({"constructor", "function", "method", "procedure"})
VALUES = frozenset({"constant", "field", "macro", "property", "variable"})
AROUND = frozenset({"module", "namespace", "paragraph", "program", "section"})

KINDS = TYPES | CALLABLE | VALUES | AROUND
"""What a definition may be."""

MAX_SIGNATURE = 400
"""Characters of a signature that are kept."""

MAX_DOC = 200
"""Characters of a documentation text that are kept."""

_WRAPPERS = frozenset({"ambient_declaration", "export_statement", "template_declaration", "type_definition"})
"""What may stand round a definition and belong to it: the comment is above it, the signature begins with it."""

_ATTRIBUTES = frozenset({"attribute_item"})
"""What may stand between a definition and its comment."""

_BLANKS = re.compile(r"\s+")
_TAGS = re.compile(r"</?(?:summary|remarks|para|p)\s*/?>")
_SEPARATOR = re.compile(rb"[:.\\/]+")
_COMMENT_FRAME = re.compile(r"^[\s/*#;!%'\"(-]+|[\s*/'\")]+$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition. Offsets are in bytes of the UTF-8 text, lines from 0, ends exclusive but for `last_line`."""

    name: str
    kind: str
    parent: str
    """Names of the definitions round it, outermost first, joined by dots; empty at the top."""
    signature: str
    """Its beginning up to the body, on one line."""
    doc: str
    """The first sentence or so of its documentation; empty without one."""
    start: int
    end: int
    first_line: int
    last_line: int

    @property
    def qualified(self) -> str:
        """Its name with those of the definitions round it."""
        return f"{self.parent}.{self.name}" if self.parent else self.name


@dataclass(frozen=True, slots=True)
class Import:
    """One imported thing, as the text writes it."""

    module: str
    """What is imported, or imported from: without quotes, with leading dots."""
    name: str
    """A single name out of the module; `*` for all of them, empty for the module itself."""
    alias: str
    """What it is called here; empty: as it is called there."""
    line: int

    @property
    def local(self) -> str:
        """The name by which the text uses it."""
        return self.alias or self.name or re.split(r"[./:\\]+", self.module.rstrip("/"))[-1]


@dataclass(frozen=True, slots=True)
class Reference:
    """A use of a name that may be defined elsewhere."""

    name: str
    kind: str
    """`call`, `type` or `name`."""
    start: int
    line: int


@dataclass(frozen=True, slots=True)
class Scope:
    """A stretch of text with names of its own."""

    start: int
    end: int
    names: frozenset[str]


def definitions(language: Language, tree: Tree, source: bytes) -> list[Definition]:
    """Every definition, in the order of the text; one that two patterns find counts once."""
    found: dict[tuple[int, int], tuple[str, Node, Match]] = {}
    for match in matches(language, "definitions", tree.root_node):
        kind, node = next((key, nodes[0]) for key, nodes in match.items() if key.startswith("definition."))
        if name := match.get("name"):
            kind = kind.removeprefix("definition.")
            known = found.setdefault((name[0].start_byte, name[0].end_byte), (kind, node, match))
            if _telling(kind) < _telling(known[0]):
                found[name[0].start_byte, name[0].end_byte] = (kind, node, match)
    whole = [(_whole(node), at, kind, node, match) for at, (kind, node, match) in found.items()]
    listed: list[Definition] = []
    around: list[Definition] = []
    for node, _, kind, inner, match in sorted(whole, key=lambda each: (each[0].start_byte, -each[0].end_byte, each[1])):
        # Two with the same bounds, as in `int a, b;`, stand side by side.
        while around and (
            around[-1].end <= node.start_byte or (around[-1].start, around[-1].end) == (node.start_byte, node.end_byte)
        ):
            around.pop()
        own = _clean_name(_text(match["name"][0], source))
        if not own:
            continue
        inside = bool(around) and around[-1].kind in TYPES
        listed.append(
            Definition(
                name=own,
                kind="method" if kind == "function" and inside else kind,
                parent=".".join(each.name for each in around),
                signature=_signature(node, inner, kind, match, source),
                doc=_doc(node, match.get("doc"), source),
                start=node.start_byte,
                end=node.end_byte,
                first_line=node.start_point.row,
                last_line=_last_row(node),
            )
        )
        around.append(listed[-1])
    return listed


def imports(language: Language, tree: Tree, source: bytes) -> list[Import]:
    """Every import, in the order of the text."""
    found: list[tuple[int, Import]] = []
    for match in matches(language, "imports", tree.root_node):
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
            found.append((at, Import(module.strip("\"'`<>"), name.strip("\"'`"), alias, node.start_point.row)))
    return list(dict.fromkeys(each for _, each in sorted(found, key=lambda each: each[0])))


def references(language: Language, tree: Tree, source: bytes) -> list[Reference]:
    """Every use of a name, in the order of the text; where two patterns catch one, the more telling kind counts."""
    found: dict[int, Reference] = {}
    telling = {"call": 0, "type": 1, "name": 2}
    for match in matches(language, "references", tree.root_node):
        for key, nodes in match.items():
            kind = key.removeprefix("reference.")
            for node in nodes:
                known = found.get(node.start_byte)
                if known is None or telling[kind] < telling[known.kind]:
                    name = _clean_name(_text(node, source))
                    found[node.start_byte] = Reference(name, kind, node.start_byte, node.start_point.row)
    return [found[start] for start in sorted(found)]


def scopes(language: Language, tree: Tree, source: bytes) -> list[Scope]:
    """Every scope with the names bound in it, outer ones first; the first is the whole text."""
    nodes: list[Node] = []
    names: list[tuple[int, str]] = []
    for match in matches(language, "scopes", tree.root_node):
        nodes += match.get("scope", [])
        names += [(node.start_byte, _clean_name(_text(node, source))) for node in match.get("local", [])]
    spans = sorted({(node.start_byte, node.end_byte) for node in nodes}, key=lambda each: (each[0], -each[1]))
    spans = [(0, len(source)), *(span for span in spans if span != (0, len(source)))]
    bound: list[set[str]] = [set() for _ in spans]
    for at, name in names:
        innermost = max((i for i, (start, end) in enumerate(spans) if start <= at < end), default=0)
        bound[innermost].add(name)
    return [Scope(start, end, frozenset(each)) for (start, end), each in zip(spans, bound, strict=True)]


def _telling(kind: str) -> int:
    """Rank of a kind. Two patterns may catch one name, as a constant and as a function: the lower rank counts."""
    if kind == "constructor":
        return 0
    if kind in CALLABLE:
        return 1
    if kind in TYPES and kind != "type":
        return 2
    return 4 if kind in {"field", "variable"} else 3


def _whole(node: Node) -> Node:
    while node.parent is not None and node.parent.type in _WRAPPERS:
        node = node.parent
    return node


def _joined(pieces: Sequence[Node], source: bytes) -> str:
    """The path that pieces make, with what stands between them in the text."""
    path = ""
    for piece in pieces:
        path += _text(piece, source).strip()
        if piece is not pieces[-1] and (separator := _SEPARATOR.match(source, piece.end_byte)):
            path += separator.group().decode()
    return path


def _signature(node: Node, inner: Node, kind: str, match: Match, source: bytes) -> str:
    """What stands up to the body, or else on the line where the definition itself begins inside of its wrapper.

    Of a callable without a body it is the line with its name, and those on which its parameters go on.
    """
    if body := match.get("body"):
        end = body[0].start_byte
    else:
        begin = match["name"][0].start_byte if kind in CALLABLE else inner.start_byte
        end = _line_end(source, begin, node.end_byte)
        while (
            kind in CALLABLE and end < node.end_byte and source.count(b"(", begin, end) > source.count(b")", begin, end)
        ):
            end = _line_end(source, end + 1, node.end_byte)
    text = source[node.start_byte : end].decode("utf-8", errors="replace")
    signature = _BLANKS.sub(" ", text).strip().rstrip("{").rstrip()[:MAX_SIGNATURE]
    name = match["name"][0]
    return signature if name.start_byte < end else f"{signature} … {_clean_name(_text(name, source))}"


def _line_end(source: bytes, begin: int, limit: int) -> int:
    found = source.find(b"\n", begin, limit)
    return limit if found < 0 else found


def _doc(node: Node, inside: Sequence[Node] | None, source: bytes) -> str:
    """The text inside that documents it, or the comments right above."""
    if inside:
        return _plain(_text(inside[0], source))
    above: list[str] = []
    below, previous = node, node.prev_sibling
    while previous is not None and below.start_point.row - _last_row(previous) <= 1:
        if previous.type not in _ATTRIBUTES:
            if "comment" not in previous.type or _trails(previous):
                break
            above.append(_text(previous, source))
        below, previous = previous, previous.prev_sibling
    return _plain("\n".join(reversed(above)))


def _last_row(node: Node) -> int:
    """The row of its last character; some nodes take the end of the line in."""
    return max(node.end_point.row - (node.end_point.column == 0), node.start_point.row)


def _trails(comment: Node) -> bool:
    """Whether a comment stands behind something else on its line, and so belongs to that."""
    before = comment.prev_sibling
    return before is not None and before.end_point.row == comment.start_point.row and before.end_point.column > 0


def _plain(text: str) -> str:
    """A comment or documentation string without its frame, on one line."""
    return _BLANKS.sub(" ", _COMMENT_FRAME.sub(" ", _TAGS.sub("", text))).strip()[:MAX_DOC]


def _first(match: Match, key: str, source: bytes) -> str:
    return _text(match[key][0], source).strip() if match.get(key) else ""


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", errors="replace")


def _clean_name(name: str) -> str:
    return _BLANKS.sub(" ", name).strip()


def overlapping(found: Iterable[Definition], start: int, end: int) -> list[Definition]:
    """Definitions that share at least a byte with a stretch."""
    return [each for each in found if each.start < end and start < each.end]
