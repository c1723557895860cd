"""The query for retrieval: names near the cursor, weighted by distance, and the imports and definitions of the file."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tree_sitter import Tree

from slm_lsp.context.cursor import Cursor
from slm_lsp.errors import ParseTimeoutError
from slm_lsp.index.words import identifiers, split
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language, language_of
from slm_lsp.languages.symbols import Definition, Import, definitions_and_imports, references, scopes
from slm_lsp.text import Lines

BEFORE_LINES = 40
"""Number of lines above the cursor in which names count as near."""

AFTER_LINES = 12
"""Number of lines below the cursor in which names count as near."""

HALF_WEIGHT_LINES = 12.0
"""Distance from the cursor's line, in lines, at which a name has half the weight of a name on that line."""

PARSE_S = 0.25
"""Time limit for parsing the open file, in seconds. After a timeout the query has no imports."""

HEAD_LINES = 150
"""Number of lines at the start of a long file that are parsed for imports."""

REGION_LINES = 60
"""Number of lines above and below the cursor that are parsed in a long file. Parsing the other lines too would take as
long as all other steps of retrieval together, and would only add the file's own definitions."""

MAX_TYPED = 64
"""Maximum length of the unfinished word before the cursor, in characters."""

_STATEMENTS = frozenset({"expression_statement", "module", "block", "ERROR"})
"""Node types whose direct string children are docstrings. `ERROR` nodes contain text that does not parse."""

_NAME = re.compile(r"[^\W\d]\w+")
_TYPED = re.compile(r"[^\W\d]\w+\Z")


@dataclass(frozen=True, slots=True)
class Query:
    """A cursor, and the parts of its document that say which other files are useful."""

    cursor: Cursor
    language: Language | None
    near: Mapping[str, float]
    """Every word near the cursor with its proximity: 1 on the cursor's line, less with distance."""
    used: frozenset[str]
    """The words in `near` that the file uses but does not define. Without a parser, every word counts as used."""
    occurrences: Mapping[str, int]
    """How often each name occurs in the whole file."""
    imports: Sequence[Import]
    surroundings: frozenset[str]
    """The lines near the cursor, without whitespace at both ends."""
    near_parts: frozenset[str]
    """The parts of the words in `near`, in lower case, for example `get`, `user` and `name` of `getUserName`."""
    distinctive: Mapping[str, float]
    """`near` without the unfinished word at the cursor and without English words that occur in comments only."""


def query(cursor: Cursor) -> Query:
    """Return the query for a cursor, from the text of its document alone."""
    lines = Lines(cursor.text)
    at = lines.position(cursor.offset).line
    first, last = max(at - BEFORE_LINES, 0), min(at + AFTER_LINES + 1, len(lines.starts))
    near: dict[str, float] = {}
    for number in range(first, last):
        weight = 1 / (1 + abs(number - at) / HALF_WEIGHT_LINES)
        for name in _NAME.findall(lines.line(number)):
            near[name] = max(near.get(name, 0.0), weight)
    language = language_of(cursor.path, lines.line(0), cursor.language)
    parts = _parts(lines, at)
    parsed = [each for text, shift in parts if (each := _parsed(language, text, range(first - shift, last - shift)))]
    own_names = {each.name for part in parsed for each in part.definitions}
    own_names |= {each.local for part in parsed for each in part.imports}
    used = frozenset(name for part in parsed for name in part.used) if parsed else frozenset(near)
    prose = Counter(name for part in parsed for name in part.prose)
    counts = Counter(name for number in range(first, last) for name in _NAME.findall(lines.line(number)))
    typed = _TYPED.search(cursor.text, max(cursor.offset - MAX_TYPED, 0), cursor.offset)
    unfinished = typed[0] if typed and near else ""
    return Query(
        cursor=cursor,
        language=language,
        near=near,
        used=(used & near.keys()) - own_names,
        occurrences=Counter(_NAME.findall(cursor.text)),
        imports=[each for part in parsed for each in part.imports],
        surroundings=frozenset(lines.line(number).strip() for number in range(first, last)) - {""},
        near_parts=frozenset(part for name in near for part in split(name)),
        distinctive={
            name: weight
            for name, weight in near.items()
            if not (name == unfinished and counts[name] == 1) and not (prose[name] >= counts[name] and _is_plain(name))
        },
    )


def _is_plain(name: str) -> bool:
    """Return whether a name may be an English word: it has one part and no capital after the first letter."""
    return len(split(name)) == 1 and not any(map(str.isupper, name[1:]))


def _parts(lines: Lines, at: int) -> list[tuple[str, int]]:
    """Return the parts of a file that are parsed, each with the number of its first line."""
    count = len(lines.starts)
    first, last = max(at - REGION_LINES, 0), min(at + REGION_LINES, count)
    if first <= HEAD_LINES:
        return [(_cut(lines, 0, max(last, min(HEAD_LINES, count))), 0)]
    return [(_cut(lines, 0, HEAD_LINES), 0), (_cut(lines, first, last), first)]


def _cut(lines: Lines, first: int, last: int) -> str:
    end = lines.starts[last] if last < len(lines.starts) else len(lines.text)
    return lines.text[lines.starts[first] : end]


@dataclass(frozen=True, slots=True)
class _Parsed:
    imports: Sequence[Import]
    definitions: Sequence[Definition]
    used: frozenset[str]
    prose: Sequence[str]
    """The words of comments and docstrings near the cursor, with repetitions."""


def _parsed(language: Language | None, text: str, near: range) -> _Parsed | None:
    """Parse a text. Return None if the language has no parser or parsing takes longer than `PARSE_S`."""
    if language is None or language.level == "chunks":
        return None
    source = text.encode("utf-8", errors="replace")
    try:
        tree = parse(language, source, PARSE_S)
    except ParseTimeoutError:
        return None
    if tree is None:
        return None
    found, imported = definitions_and_imports(language, tree, source)
    prose = _prose(tree, near)
    if language.level != "full":
        return _Parsed(imported, found, frozenset(identifiers(_lines(text, near))), prose)
    bound = {name for scope in scopes(language, tree, source) for name in scope.names}
    used = {each.name for each in references(language, tree, source, near) if len(each.name) > 2}
    return _Parsed(imported, found, frozenset(used - bound), prose)


def _prose(tree: Tree, near: range) -> list[str]:
    """Return the words of comments and docstrings in a range of lines."""
    words: list[str] = []
    nodes = [tree.root_node]
    while nodes:
        node = nodes.pop()
        if node.end_point.row < near.start or node.start_point.row >= near.stop:
            continue
        statement = node.parent is not None and node.parent.type in _STATEMENTS
        if "comment" in node.type or ("string" in node.type and statement):
            lines = (node.text or b"").decode("utf-8", errors="replace").split("\n")
            first = node.start_point.row
            words += identifiers("\n".join(lines[max(near.start - first, 0) : near.stop - first]))
        else:
            nodes += node.children
    return words


def _lines(text: str, wanted: Iterable[int]) -> str:
    lines = text.splitlines()
    return "\n".join(lines[number] for number in wanted if number < len(lines))
