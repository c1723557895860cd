"""Parses texts into syntax trees within a time limit, and runs queries on the trees."""

import time
from collections.abc import Callable, Iterable
from functools import cache

from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser, Point, Query, QueryCursor, Tree
from tree_sitter_language_pack import SupportedLanguage, get_language

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.languages.prepare import prepared
from slm_lsp.languages.registry import Language, query_text

FORWARD_BYTES = 64 * 1024
"""Bytes of text that the parser receives at once when it continues to read where the last piece ended."""

BACK_BYTES = 256
"""Bytes of text that the parser receives at once when it reads at any other place.

With some grammars, the parser jumps back at almost every word, so this size matters. The table has the seconds for
parsing 200 KB (Python: 3.3 MB), by this size (back) and by `FORWARD_BYTES` (forward):

| forward | back  | Perl | F#   | COBOL | Python |
|---------|-------|------|------|-------|--------|
| 65536   | 65536 | 4.71 | 3.37 | 1.11  | 0.386  |
| 2048    | 2048  | 0.16 | 0.26 | 0.09  | 0.400  |
| 1024    | 1024  | 0.14 | 0.18 | 0.06  | 0.403  |
| 65536   | 1024  | 0.14 | 0.18 | 0.07  | 0.388  |
| 4096    | 256   | 0.10 | 0.12 | 0.05  | 0.407  |
| 65536   | 256   | 0.11 | 0.12 | 0.04  | 0.389  |

Java is equally fast with all these sizes.
"""

LIMIT_S = 2.0
"""Default time limit for parsing one text. A million lines parse in a few seconds, so a single file that takes longer
than this is data or an attack.

The limit is processor time, so that a busy machine skips no file that an idle machine would parse."""


def parse(language: Language, source: bytes, limit_s: float = LIMIT_S) -> Tree | None:
    """Parse a text in UTF-8. Return None for a language without a grammar. Syntax errors become nodes of the tree.

    Raises:
        ParseTimeoutError: parsing took more than `limit_s` seconds of this thread's processor time.
    """
    return (
        None if language.grammar is None else _parse(language.grammar, prepared(language.name, source), None, limit_s)
    )


def parse_again(language: Language, tree: Tree, old: bytes, new: bytes, limit_s: float = LIMIT_S) -> Tree | None:
    """Parse a text with the help of the tree of an earlier version: parse only the region that differs.

    Args:
        language: language of the text.
        tree: tree of the earlier version; it is not modified.
        old: the earlier version, in UTF-8.
        new: the text, in UTF-8.
        limit_s: time limit, as in `parse`.

    Raises:
        ParseTimeoutError: parsing exceeded the limit, as in `parse`.
    """
    if language.grammar is None:
        return None
    # Compare the prepared texts, because an edit may change what `prepared` does to another part of the text.
    old, new = prepared(language.name, old), prepared(language.name, new)
    start, end, replacement = difference(old, new)
    old_tree = tree.copy()
    first, size = _point(old, start), _point(replacement, len(replacement))
    old_tree.edit(
        start_byte=start,
        old_end_byte=end,
        new_end_byte=start + len(replacement),
        start_point=first,
        old_end_point=_point(old, end),
        new_end_point=Point(first.row + size.row, size.column if size.row else first.column + size.column),
    )
    return _parse(language.grammar, new, old_tree, limit_s)


def difference(old: bytes, new: bytes) -> tuple[int, int, bytes]:
    """Return the edit between two texts: the start and the end of the replaced part of `old`, and its replacement."""
    shorter = min(len(old), len(new))
    prefix = _longest(shorter, lambda low, high: old[low:high] == new[low:high])
    ends = len(old), len(new)
    suffix = _longest(
        shorter - prefix, lambda low, high: old[ends[0] - high : ends[0] - low] == new[ends[1] - high : ends[1] - low]
    )
    return prefix, len(old) - suffix, new[prefix : len(new) - suffix]


def _longest(most: int, equal: Callable[[int, int], bool]) -> int:
    """Return the largest length up to `most` for which `equal(0, length)` is true, by bisection."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if equal(low, middle):
            low = middle
        else:
            high = middle - 1
    return low


def _point(source: bytes, offset: int) -> Point:
    return Point(source.count(b"\n", 0, offset), offset - source.rfind(b"\n", 0, offset) - 1)


def _parse(grammar: str, source: bytes, old_tree: Tree | None, limit_s: float) -> Tree:
    parser = Parser(_grammar(grammar))
    wall_deadline, cpu_deadline = time.monotonic() + limit_s, time.thread_time() + limit_s
    read = _reader(source)

    def is_late(_: int, __: bool) -> bool:
        # The parser calls this so often that reading the slower thread clock each time would make parsing 10% slower.
        return time.monotonic() > wall_deadline and time.thread_time() > cpu_deadline

    try:
        if old_tree is None:
            return parser.parse(read, progress_callback=is_late)
        return parser.parse(read, old_tree, progress_callback=is_late)
    except ValueError as error:
        raise ParseTimeoutError(f"Parsing the text took more than {limit_s:g} s of processor time.") from error


def _reader(source: bytes) -> Callable[[int, Point], bytes]:
    """Return a function that gives the parser the piece of the text at an offset."""
    end = 0

    def read(offset: int, _: Point) -> bytes:
        nonlocal end
        start, end = offset, offset + (FORWARD_BYTES if offset == end else BACK_BYTES)
        return source[start:end]

    return read


Match = dict[str, list[Node]]
"""The nodes that one match of a query pattern captured, by capture name."""


def matches(language: Language, name: str, node: Node, rows: range | None = None) -> list[Match]:
    """Return the matches of a language's query (such as `definitions`) in a tree, in unspecified order.

    Args:
        language: the language.
        name: name of the query, or several names joined by `+`. Several queries take hardly longer than one, because
            walking the tree takes most of the time.
        node: root of the tree to search.
        rows: if given, find only matches that touch these lines, counted from 0.
    """
    query = compiled_query(language, name)
    if query is None:
        return []
    cursor = QueryCursor(query)
    if rows is not None:
        cursor.set_point_range((max(rows.start, 0), 0), (max(rows.stop, 0), 0))
    return [found for _, found in cursor.matches(node)]


def matches_in_statements(language: Language, name: str, root: Node) -> list[Match]:
    """Return the matches of a query in a whole tree, like `matches`, for queries that match statements only.

    If the language lists the nodes that contain statements, expressions are not searched. Expressions contain most
    nodes of a tree: for a million lines of Python, the search takes 1.0 s instead of 2.0 s (the whole index: 16 s).
    """
    query = compiled_query(language, name)
    if query is None or not language.statements_in or root.has_error:
        return matches(language, name, root)
    cursor = QueryCursor(query)
    cursor.set_max_start_depth(0)
    statements, starting = _statement_kinds(language), _pattern_start_kinds(language, name)
    found: list[Match] = []
    pending = [root]
    while pending:
        node = pending.pop()
        kind = node.kind_id
        if kind in starting:
            found += [match for _, match in cursor.matches(node)]
        if kind in statements:
            pending += node.named_children
    return found


@cache
def _statement_kinds(language: Language) -> frozenset[int]:
    """Return the ids of the node types that contain statements."""
    return _kinds(language, language.statements_in)


@cache
def _pattern_start_kinds(language: Language, name: str) -> frozenset[int]:
    """Return the ids of the node types at the root of a query's patterns."""
    query, text = compiled_query(language, name), _text(language, name).encode()
    starts = [query.start_byte_for_pattern(number) for number in range(query.pattern_count)] if query else []
    return _kinds(language, [text[start:].removeprefix(b"(").split(maxsplit=1)[0].decode() for start in starts])


def _kinds(language: Language, names: Iterable[str]) -> frozenset[int]:
    grammar = _grammar(language.grammar or "")
    kinds = {name: grammar.id_for_node_kind(name, True) for name in names}
    unknown = [name for name, kind in kinds.items() if kind is None]
    if unknown:
        raise ValueError(f"The grammar of {language.name} has no node types {', '.join(unknown)}.")
    return frozenset(kind for kind in kinds.values() if kind is not None)


@cache
def compiled_query(language: Language, name: str) -> Query | None:
    """Compile a query of a language, or several joined by `+`. Return None if the language has none of them."""
    text = _text(language, name)
    return Query(_grammar(language.grammar), text) if text and language.grammar is not None else None


def _text(language: Language, name: str) -> str:
    return "\n".join(filter(None, (query_text(language.name, each) for each in name.split("+"))))


def grammar_of(language: Language) -> Grammar | None:
    """Return the grammar of a language; None if it has no grammar."""
    return None if language.grammar is None else _grammar(language.grammar)


@cache
def _grammar(name: SupportedLanguage | str) -> Grammar:
    return get_language(name)  # type: ignore[arg-type]
