"""What retrieval goes by: the names round the cursor and how near they are, the file's imports and own definitions."""

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
AFTER_LINES = 12
"""How far round the cursor names count as near."""

HALF_LINES = 12.0
"""So many lines away a name counts half as much as on the cursor's line."""

PARSE_S = 0.25
"""An open file that takes longer to parse is used without its imports."""

HEAD_LINES = 150
REGION_LINES = 60
"""Of a long file its first lines, where imports stand, and so many above and below the cursor are parsed: what is cut
away would take as long to parse as all the rest of retrieval, and is only looked at for its own definitions."""

MAX_TYPED = 64
"""Characters of a word before the cursor that are looked at."""

_STATEMENTS = frozenset({"expression_statement", "module", "block", "ERROR"})
"""A string that stands right in one of these is a docstring; `ERROR` is what does not parse."""

_NAME = re.compile(r"[^\W\d]\w+")
_TYPED = re.compile(r"[^\W\d]\w+\Z")


@dataclass(frozen=True, slots=True)
class Query:
    """A place in a file, and what of its text says which other files matter."""

    cursor: Cursor
    language: Language | None
    near: Mapping[str, float]
    """Every word round the cursor with its nearness: 1 on the cursor's line, less with distance."""
    used: frozenset[str]
    """Those of them that the syntax says are names of things defined somewhere else."""
    uses: Mapping[str, int]
    """How often each name stands in the whole file."""
    imports: Sequence[Import]
    surroundings: frozenset[str]
    """The lines round the cursor, without blanks at their ends."""
    near_words: frozenset[str]
    """Parts of the words round the cursor, in lower case."""
    telling: Mapping[str, float]
    """As `near`, without the unfinished word at the cursor and plain words that only comments or docstrings have."""


def query(cursor: Cursor) -> Query:
    """What can be told from the text alone."""
    lines = Lines(cursor.text)
    at = lines.position(cursor.offset).line
    first, last = max(at - BEFORE_LINES, 0), min(at + AFTER_LINES + 1, len(lines.starts))
    near: dict[str, float] = {}
    for number in range(first, last):
        weight = 1 / (1 + abs(number - at) / HALF_LINES)
        for name in _NAME.findall(lines.line(number)):
            near[name] = max(near.get(name, 0.0), weight)
    language = language_of(cursor.path, lines.line(0), cursor.language)
    parts = _parts(lines, at)
    parsed = [each for text, shift in parts if (each := _parsed(language, text, range(first - shift, last - shift)))]
    own = {each.name for part in parsed for each in part.definitions}
    own |= {each.local for part in parsed for each in part.imports}
    used = frozenset(name for part in parsed for name in part.used) if parsed else frozenset(near)
    prose = Counter(name for part in parsed for name in part.prose)
    counts = Counter(name for number in range(first, last) for name in _NAME.findall(lines.line(number)))
    typed = _TYPED.search(cursor.text, max(cursor.offset - MAX_TYPED, 0), cursor.offset)
    unfinished = typed[0] if typed and near else ""
    return Query(
        cursor=cursor,
        language=language,
        near=near,
        used=(used & near.keys()) - own,
        uses=Counter(_NAME.findall(cursor.text)),
        imports=[each for part in parsed for each in part.imports],
        surroundings=frozenset(lines.line(number).strip() for number in range(first, last)) - {""},
        near_words=frozenset(word for name in near for word in split(name)),
        telling={
            name: weight
            for name, weight in near.items()
            if not (name == unfinished and counts[name] == 1) and not (prose[name] >= counts[name] and _is_plain(name))
        },
    )


def _is_plain(name: str) -> bool:
    """Whether a name may be a word of plain English: it has one part, and no capital inside."""
    return len(split(name)) == 1 and not any(map(str.isupper, name[1:]))


def _parts(lines: Lines, at: int) -> list[tuple[str, int]]:
    """What of a file is parsed, each part with the number of its first line."""
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
    """The words of comments and docstrings near the cursor, as often as they stand there."""


def _parsed(language: Language | None, text: str, near: range) -> _Parsed | None:
    """What the syntax says; None where there is no parser, or none that is through in time."""
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
    """The words of comments and docstrings in some lines."""
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
