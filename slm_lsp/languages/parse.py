"""Syntax trees, within a time limit."""

import time
from functools import cache

from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser, Query, QueryCursor, Tree
from tree_sitter_language_pack import SupportedLanguage, get_language

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.languages.registry import Language, query_text

SLICE_BYTES = 64 * 1024
"""The parser asks for the text in pieces, and whether to go on in between."""

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
