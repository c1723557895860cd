"""Syntax trees, within a time limit."""

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
"""The parser asks for the text in pieces, and whether to go on in between."""

BACK_BYTES = 256
"""A piece that does not go on where the last one ended.

Some grammars have the parser go back at almost every word, and then the size of a piece counts. Seconds for 200 KB of
other languages and for 3.3 MB of Python, by the bytes of a piece, forward and back:

| forward | back  | Perl | F#   | COBOL | Python |
|---------|-------|------|------|-------|--------|
| 65536   | 65536 | 4.71 | 3.37 | 1.11  | 0.386  |
| 2048    | 2048  | 0.16 | 0.26 | 0.09  | 0.400  |
| 1024    | 1024  | 0.14 | 0.18 | 0.06  | 0.403  |
| 65536   | 1024  | 0.14 | 0.18 | 0.07  | 0.388  |
| 4096    | 256   | 0.10 | 0.12 | 0.05  | 0.407  |
| 65536   | 256   | 0.11 | 0.12 | 0.04  | 0.389  |

Java is as fast with any of them.
"""

LIMIT_S = 2.0
"""A file of a million lines parses in some seconds; whatever takes longer than this is data, or an attack.

Of processor time, so that a busy machine leaves no file out that a quiet one reads."""


def parse(language: Language, source: bytes, limit_s: float = LIMIT_S) -> Tree | None:
    """The tree of a text in UTF-8; None for a language without a parser. Errors in the text are nodes of the tree.

    Raises:
        ParseTimeoutError: it took more than `limit_s` seconds of this thread's processor time.
    """
    return (
        None if language.grammar is None else _parse(language.grammar, prepared(language.name, source), None, limit_s)
    )


def parse_changed(
    language: Language, tree: Tree, source: bytes, start: int, end: int, put: bytes, limit_s: float = LIMIT_S
) -> Tree | None:
    """The tree of a text with a piece replaced, made from that of the text before: only what changes is parsed.

    Args:
        language: of the text.
        tree: of `source`; it stays as it is.
        source: the text before.
        start: in bytes, where the piece begins.
        end: where it ends.
        put: what takes its place.
        limit_s: as in `parse`.

    Raises:
        ParseTimeoutError: as `parse`.
    """
    if language.grammar is None:
        return None
    known = tree.copy()
    begin, more = _point(source, start), _point(put, len(put))
    known.edit(
        start_byte=start,
        old_end_byte=end,
        new_end_byte=start + len(put),
        start_point=begin,
        old_end_point=_point(source, end),
        new_end_point=Point(begin.row + more.row, more.column if more.row else begin.column + more.column),
    )
    whole = prepared(language.name, source[:start] + put + source[end:])
    return _parse(language.grammar, whole, known, limit_s)


def _point(source: bytes, offset: int) -> Point:
    return Point(source.count(b"\n", 0, offset), offset - source.rfind(b"\n", 0, offset) - 1)


def _parse(grammar: str, source: bytes, known: Tree | None, limit_s: float) -> Tree:
    parser = Parser(_grammar(grammar))
    soonest, deadline = time.monotonic() + limit_s, time.thread_time() + limit_s
    read = _reader(source)

    def late(_: int, __: bool) -> bool:
        # Asked so often that the slower clock alone would make parsing a tenth slower.
        return time.monotonic() > soonest and time.thread_time() > deadline

    try:
        if known is None:
            return parser.parse(read, progress_callback=late)
        return parser.parse(read, known, progress_callback=late)
    except ValueError as error:
        raise ParseTimeoutError(f"The text did not parse in {limit_s:g} s of processor time.") from error


def _reader(source: bytes) -> Callable[[int, Point], bytes]:
    """Gives the pieces of a text that the parser asks for."""
    end = 0

    def read(offset: int, _: Point) -> bytes:
        nonlocal end
        start, end = offset, offset + (FORWARD_BYTES if offset == end else BACK_BYTES)
        return source[start:end]

    return read


Match = dict[str, list[Node]]
"""The nodes that one pattern of a query caught, by the names of its captures."""


def matches(language: Language, name: str, node: Node, rows: range | None = None) -> list[Match]:
    """What a query of a language (such as `definitions`) finds in a tree, in no order to be relied on.

    Several, joined by `+`, take hardly longer than one: going through the tree is what takes time. With `rows` only
    what touches these lines is looked for, from 0.
    """
    query = compiled_query(language, name)
    if query is None:
        return []
    cursor = QueryCursor(query)
    if rows is not None:
        cursor.set_point_range((max(rows.start, 0), 0), (max(rows.stop, 0), 0))
    return [found for _, found in cursor.matches(node)]


def matches_in_statements(language: Language, name: str, root: Node) -> list[Match]:
    """As `matches` of a whole tree, for what only statements do: to define and to import.

    Where the language says which nodes hold statements, expressions are passed over. Most nodes of a tree stand in
    them: a million lines of Python take 1.0 s instead of 2.0, of 16 for the whole index.
    """
    query = compiled_query(language, name)
    if query is None or not language.statements_in or root.has_error:
        return matches(language, name, root)
    cursor = QueryCursor(query)
    cursor.set_max_start_depth(0)
    entered, asked = _entered(language), _begins(language, name)
    found: list[Match] = []
    pending = [root]
    while pending:
        node = pending.pop()
        kind = node.kind_id
        if kind in asked:
            found += [match for _, match in cursor.matches(node)]
        if kind in entered:
            pending += node.named_children
    return found


@cache
def _entered(language: Language) -> frozenset[int]:
    """The kinds of nodes in which statements are looked for."""
    return _kinds(language, language.statements_in)


@cache
def _begins(language: Language, name: str) -> frozenset[int]:
    """The kinds of nodes that the patterns of a query begin with."""
    query, text = compiled_query(language, name), _text(language, name).encode()
    starts = [query.start_byte_for_pattern(number) for number in range(query.pattern_count)] if query else []
    return _kinds(language, [text[start:].removeprefix(b"(").split(maxsplit=1)[0].decode() for start in starts])


def _kinds(language: Language, names: Iterable[str]) -> frozenset[int]:
    grammar = _grammar(language.grammar or "")
    kinds = {name: grammar.id_for_node_kind(name, True) for name in names}
    unknown = [name for name, kind in kinds.items() if kind is None]
    if unknown:
        raise ValueError(f"The grammar of {language.name} has no nodes {', '.join(unknown)}.")
    return frozenset(kind for kind in kinds.values() if kind is not None)


@cache
def compiled_query(language: Language, name: str) -> Query | None:
    """A query of a language, or several joined by `+`, ready for use; None where it has none."""
    text = _text(language, name)
    return Query(_grammar(language.grammar), text) if text and language.grammar is not None else None


def _text(language: Language, name: str) -> str:
    return "\n".join(filter(None, (query_text(language.name, each) for each in name.split("+"))))


def grammar_of(language: Language) -> Grammar | None:
    """The grammar of a language; None where it has none."""
    return None if language.grammar is None else _grammar(language.grammar)


@cache
def _grammar(name: SupportedLanguage | str) -> Grammar:
    return get_language(name)  # type: ignore[arg-type]
