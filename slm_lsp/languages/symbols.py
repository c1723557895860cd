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
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from tree_sitter import Node, Tree

from slm_lsp.languages.cobol import missing_head
from slm_lsp.languages.docs import documentation
from slm_lsp.languages.ends import last_row, open_ends
from slm_lsp.languages.names import clean_name, local_name
from slm_lsp.languages.parse import Match, matches, matches_in_statements, parse
from slm_lsp.languages.registry import Language
from slm_lsp.languages.signatures import comment_openers, signature

TYPES = frozenset({"class", "enum", "impl", "interface", "record", "struct", "trait", "type", "union"})
"""A function right inside one of these is a method."""

CALLABLE = frozenset({"constructor", "function", "method", "procedure"})
VALUES = frozenset({"constant", "field", "macro", "property", "variable"})
AROUND = frozenset({"module", "namespace", "paragraph", "program", "section"})

KINDS = TYPES | CALLABLE | VALUES | AROUND
"""What a definition may be."""

_WRAPPERS = frozenset({"ambient_declaration", "export_statement", "template_declaration", "type_definition"})
"""What may stand round a definition and belong to it: the comment is above it, the signature begins with it."""

_DEFINITION = "definition."

_SEPARATOR = re.compile(rb"[:.\\/]+")


class Definition(msgspec.Struct, frozen=True):
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


class Import(msgspec.Struct, frozen=True):
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
        return self.alias or self.name or local_name(self.module)


MAX_DEPTH = 16
"""Names that say where a definition stands."""


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


def definitions_and_imports(language: Language, tree: Tree, source: bytes) -> tuple[list[Definition], list[Import]]:
    """Both in one walk over the tree; errors as in `definitions`."""
    caught = matches_in_statements(language, "definitions+imports", tree.root_node)
    of_imports = [match for match in caught if "import" in match]
    of_definitions = [match for match in caught if "import" not in match]
    return definitions(language, tree, source, of_definitions), imports(language, tree, source, of_imports)


def definitions(
    language: Language, tree: Tree, source: bytes, caught: Sequence[Match] | None = None
) -> list[Definition]:
    """Every definition, in the order of the text; one that two patterns find counts once.

    Args:
        language: of the text.
        tree: of the text.
        source: the text.
        caught: what the query caught, where that is known already.

    Raises:
        ParseTimeoutError: as `parse`, of a copybook, which parses again as part of a program.
    """
    if language.name == "cobol" and (head := missing_head(source)):
        return _of_copybook(language, head, source)
    found: dict[tuple[int, int], tuple[str, Node, Match]] = {}
    for match in matches_in_statements(language, "definitions", tree.root_node) if caught is None else caught:
        if name := match.get("name"):
            key = next(key for key in match if key.startswith(_DEFINITION))
            kind = key.removeprefix(_DEFINITION)
            at = name[0].start_byte, name[0].end_byte
            if at not in found or _telling(kind) < _telling(found[at][0]):
                found[at] = kind, match[key][0], match
    ends = open_ends(language.name, (node for _, node, _ in found.values()), source)
    whole: list[tuple[int, int, tuple[int, int], int, str, Node, Node, Match]] = []
    for at, (kind, inner, match) in found.items():
        node = _whole(inner)
        end, last = node.end_byte, last_row(node)
        if body := match.get("body"):
            # In some trees it stands beside the head.
            if body[0].end_byte > end:
                end, last = body[0].end_byte, last_row(body[0])
        elif ends and node.start_byte in ends:
            end, last = ends[node.start_byte]
        whole.append((node.start_byte, -end, at, last, kind, node, inner, match))
    openers = comment_openers(language)
    listed: list[Definition] = []
    around: list[Definition] = []
    for start, end, _, last, kind, node, inner, match in sorted(whole, key=lambda each: each[:3]):
        # Two with the same bounds, as in `int a, b;`, stand side by side.
        while around and (around[-1].end <= start or (around[-1].start, around[-1].end) == (start, -end)):
            around.pop()
        own = clean_name(_text(match["name"][0], source), language.name)
        if not own:
            continue
        inside = bool(around) and around[-1].kind in TYPES
        listed.append(
            Definition(
                name=own,
                kind="method" if kind == "function" and inside else kind,
                parent=_inner(around[-1].qualified) if around else "",
                signature=signature(node, inner.start_byte, match, source, openers, parameters=kind in CALLABLE),
                doc=documentation(node, match.get("doc"), source, language.name),
                start=start,
                end=-end,
                first_line=node.start_point.row,
                last_line=last,
            )
        )
        around.append(listed[-1])
    return listed


def imports(language: Language, tree: Tree, source: bytes, caught: Sequence[Match] | None = None) -> list[Import]:
    """Every import, in the order of the text. Arguments as of `definitions`."""
    found: list[tuple[int, Import]] = []
    for match in matches_in_statements(language, "imports", tree.root_node) if caught is None else caught:
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
    """Every use of a name, in the order of the text; where two patterns catch one, the more telling kind counts.

    With `rows` only uses in these lines, from 0.
    """
    found: dict[int, Reference] = {}
    telling = {"call": 0, "type": 1, "name": 2}
    for match in matches(language, "references", tree.root_node, rows):
        for key, nodes in match.items():
            kind = key.removeprefix("reference.")
            for node in nodes:
                if rows is not None and node.start_point.row not in rows:
                    continue
                known = found.get(node.start_byte)
                if known is None or telling[kind] < telling[known.kind]:
                    name = clean_name(_text(node, source), language.name)
                    found[node.start_byte] = Reference(name, kind, node.start_byte, node.start_point.row)
    return [found[start] for start in sorted(found)]


def scopes(language: Language, tree: Tree, source: bytes) -> list[Scope]:
    """Every scope with the names bound in it, outer ones first; the first is the whole text."""
    nodes: list[Node] = []
    names: list[tuple[int, str]] = []
    for match in matches(language, "scopes", tree.root_node):
        nodes += match.get("scope", [])
        names += [(node.start_byte, clean_name(_text(node, source), language.name)) for node in match.get("local", [])]
    spans = sorted({(node.start_byte, node.end_byte) for node in nodes}, key=lambda each: (each[0], -each[1]))
    spans = [(0, len(source)), *(span for span in spans if span != (0, len(source)))]
    bound: list[set[str]] = [set() for _ in spans]
    around = [0]
    following = 1
    for at, name in sorted(names):
        while following < len(spans) and spans[following][0] <= at:
            around.append(following)
            following += 1
        while len(around) > 1 and spans[around[-1]][1] <= at:
            around.pop()
        bound[around[-1]].add(name)
    return [Scope(start, end, frozenset(each)) for (start, end), each in zip(spans, bound, strict=True)]


def _of_copybook(language: Language, head: bytes, source: bytes) -> list[Definition]:
    """The definitions of a piece of a program, as if the program's first lines stood before it."""
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
    while (parent := node.parent) is not None and parent.type in _WRAPPERS:
        node = parent
    return node


def _joined(pieces: Sequence[Node], source: bytes) -> str:
    """The path that pieces make, with what stands between them in the text."""
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


def _inner(qualified: str) -> str:
    """The innermost names: of a thousand functions in one another each would otherwise keep the names of all."""
    return qualified.split(".", 1)[1] if qualified.count(".") >= MAX_DEPTH else qualified
