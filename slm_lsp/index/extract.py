"""Extracts the index rows of one file: its definitions, imports and chunks."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slm_lsp.index.chunks import chunks
from slm_lsp.index.words import words
from slm_lsp.languages.parse import LIMIT_S
from slm_lsp.languages.registry import Language, language_of
from slm_lsp.languages.symbols import Definition, Import, definitions_and_imports
from slm_lsp.languages.syntax_tree import SyntaxTree, syntax_tree
from slm_lsp.privacy.secrets import mask

DefinitionRow = tuple[str, str, str, str, str, int, int]
"""Name, kind, parent, signature, doc, first line, last line (inclusive). Lines count from 0."""

ImportRow = tuple[str, str, str, int]
"""Module, name, alias, line."""

ChunkRow = tuple[int, int, str, str]
"""First line, last line (exclusive), name, text."""


@dataclass(frozen=True, slots=True)
class FileRows:
    """The index rows of one file. Rows are plain tuples because workers send hundreds of thousands of them."""

    path: str
    language: str
    digest: bytes
    lines: int
    definitions: Sequence[DefinitionRow]
    imports: Sequence[ImportRow]
    chunks: Sequence[ChunkRow]
    words: Sequence[str] = ()
    """The search words of each chunk. If this is empty, the writer computes the words, for new chunks only."""


def digest(source: bytes) -> bytes:
    """Return the content hash of a file: 16 bytes of BLAKE2b."""
    return hashlib.blake2b(source, digest_size=16).digest()


def extract(path: str, source: bytes, limit_s: float = LIMIT_S, syntax: SyntaxTree | None = None) -> FileRows:
    """Parse one file and return its rows. Secrets are masked before parsing.

    Args:
        path: path in the workspace, with `/`. The file name determines the language.
        source: content of the file, in UTF-8.
        limit_s: time limit for parsing, in seconds.
        syntax: syntax tree of the same or a similar text. If given, only the parts that differ are parsed.

    Raises:
        ParseTimeoutError: parsing exceeded the limit.
    """
    text = mask(source.decode("utf-8", errors="replace").removeprefix("\ufeff"))
    lines = text.split("\n")
    language = language_of(path, lines[0])
    found, imported = symbols(language, text, limit_s, syntax)
    return FileRows(
        path,
        language.name if language else "",
        digest(source),
        len(lines) - (not lines[-1]),
        [(e.name, e.kind, e.parent, e.signature, e.doc, e.first_line, e.last_line) for e in found],
        [(e.module, e.name, e.alias, e.line) for e in imported],
        [_chunk_row(lines, each.first, each.last, each.name) for each in chunks(lines, found)],
    )


def with_words(rows: FileRows) -> FileRows:
    """Return a copy of `rows` with the search words of every chunk."""
    return replace(rows, words=[words(text) for _, _, _, text in rows.chunks])


def symbols(
    language: Language | None, text: str, limit_s: float = LIMIT_S, syntax: SyntaxTree | None = None
) -> tuple[list[Definition], list[Import]]:
    """Return the definitions and imports of a text; empty lists for a language without queries.

    Raises:
        ParseTimeoutError: parsing exceeded the limit.
    """
    if language is None or language.level == "chunks":
        return [], []
    parsed = syntax_tree(language, text, syntax)
    tree = parsed.tree(limit_s)
    if tree is None:
        return [], []
    return definitions_and_imports(language, tree, parsed.source)


def _chunk_row(lines: Sequence[str], first: int, last: int, name: str) -> ChunkRow:
    text = "\n".join(lines[first:last])
    return first, last, name, text
