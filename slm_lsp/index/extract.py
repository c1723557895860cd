"""What the index keeps of one file: its definitions, imports and chunks, as rows for the database."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slm_lsp.index.chunks import chunks
from slm_lsp.index.words import words
from slm_lsp.languages.parse import LIMIT_S, parse
from slm_lsp.languages.registry import Language, language_of
from slm_lsp.languages.symbols import Definition, Import, definitions_and_imports
from slm_lsp.privacy.secrets import mask

DefinitionRow = tuple[str, str, str, str, str, int, int]
"""Name, kind, parent, signature, doc, first line, last line (inclusive); lines from 0."""

ImportRow = tuple[str, str, str, int]
"""Module, name, alias, line."""

ChunkRow = tuple[int, int, str, str]
"""First line, last line (exclusive), name, text."""


@dataclass(frozen=True, slots=True)
class FileRows:
    """One file's part of the index. Rows are tuples since they cross a process border by the hundred thousand."""

    path: str
    language: str
    digest: bytes
    lines: int
    definitions: Sequence[DefinitionRow]
    imports: Sequence[ImportRow]
    chunks: Sequence[ChunkRow]
    words: Sequence[str] = ()
    """What each chunk is found by; empty where that was not worked out, since few chunks may be new."""


def digest(source: bytes) -> bytes:
    """What a file is known by: 16 bytes of BLAKE2b."""
    return hashlib.blake2b(source, digest_size=16).digest()


def extract(path: str, source: bytes, limit_s: float = LIMIT_S) -> FileRows:
    """Parse one file, secrets masked.

    Args:
        path: in the workspace, with `/`; its name says which language it is.
        source: UTF-8.
        limit_s: how long the parser may take.

    Raises:
        ParseTimeoutError: it took longer.
    """
    text = mask(source.decode("utf-8", errors="replace").removeprefix("\ufeff"))
    lines = text.split("\n")
    language = language_of(path, lines[0])
    found, imported = symbols(language, text, limit_s)
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
    """The same, with the words of every chunk."""
    return replace(rows, words=[words(text) for _, _, _, text in rows.chunks])


def symbols(language: Language | None, text: str, limit_s: float = LIMIT_S) -> tuple[list[Definition], list[Import]]:
    """Definitions and imports of a text; none for a language without queries. Errors as in `extract`."""
    if language is None or language.level == "chunks":
        return [], []
    source = text.encode("utf-8", errors="replace")
    tree = parse(language, source, limit_s)
    if tree is None:
        return [], []
    return definitions_and_imports(language, tree, source)


def _chunk_row(lines: Sequence[str], first: int, last: int, name: str) -> ChunkRow:
    text = "\n".join(lines[first:last])
    return first, last, name, text
