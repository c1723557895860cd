"""Syntax trees, within a time limit."""

import time
from functools import cache

from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser, Query, QueryCursor, Tree
from tree_sitter_language_pack import SupportedLanguage, get_language

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.languages.prepare import prepared
from slm_lsp.languages.registry import Language, query_text

SLICE_BYTES = 1024
"""The parser asks for the text in pieces, and whether to go on in between.

Some grammars have it ask for a piece again at almost every word, and then its size counts. Seconds for 200 KB
(measured closely, Python takes 4 % longer with 256 bytes and 1.5 % with 1024 than with 65536):

| bytes | Perl | F# | Scala | COBOL | Java | Python |
|-------|------|------|-------|-------|-------|--------|
| 256 | 0.10 | 0.11 | 0.07 | 0.04 | 0.026 | 0.025 |
| 1024 | 0.13 | 0.17 | 0.11 | 0.06 | 0.025 | 0.024 |
| 4096 | 0.22 | 0.37 | 0.24 | 0.12 | 0.025 | 0.024 |
| 65536 | 4.71 | 3.37 | 2.18 | 1.11 | 0.025 | 0.024 |
"""

LIMIT_S = 2.0
"""A file of a million lines parses in some seconds; whatever takes longer than this is data, or an attack."""


def parse(language: Language, source: bytes, limit_s: float = LIMIT_S) -> Tree | None:
    """The tree of a text in UTF-8; None for a language without a parser. Errors in the text are nodes of the tree.

    Raises:
        ParseTimeoutError: it took longer than `limit_s`.
    """
    if language.grammar is None:
        return None
    parser = Parser(_grammar(language.grammar))
    source = prepared(language.name, source)
    deadline = time.monotonic() + limit_s
    try:
        return parser.parse(
            lambda offset, _: source[offset : offset + SLICE_BYTES],
            progress_callback=lambda _, __: time.monotonic() > deadline,
        )
    except ValueError as error:
        raise ParseTimeoutError(f"The text did not parse within {limit_s:g} s.") from error


Match = dict[str, list[Node]]
"""The nodes that one pattern of a query caught, by the names of its captures."""


def matches(language: Language, name: str, node: Node) -> list[Match]:
    """What a query of a language (such as `definitions`) finds in a tree, in no order to be relied on."""
    query = compiled_query(language, name)
    return [] if query is None else [found for _, found in QueryCursor(query).matches(node)]


@cache
def compiled_query(language: Language, name: str) -> Query | None:
    """A query of a language, ready for use; None where it has none."""
    text = query_text(language.name, name)
    return None if text is None or language.grammar is None else Query(_grammar(language.grammar), text)


@cache
def _grammar(name: SupportedLanguage | str) -> Grammar:
    return get_language(name)  # type: ignore[arg-type]
