"""Queries on an index: definitions by name or file, imports, and chunks by words. Read-only."""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from slm_lsp.errors import IndexMissingError
from slm_lsp.index.database import FILE, SCHEMA
from slm_lsp.index.resolve import ProjectFiles
from slm_lsp.index.store import SKIPPED_COUNTS
from slm_lsp.languages.symbols import Import

MAX_CACHED_WORDS = 20_000
"""Number of words at which the cache of document frequencies is emptied."""

_IN_ORDER = "ORDER BY definition.first, definition.last DESC, definition.name"
"""Sorts definitions in text order. Rows are not stored in that order."""

VM_STEPS = 2000
"""Number of instructions of SQLite's virtual machine between two checks of the time limit. They take some hundredths of
a millisecond."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition in a file. Lines count from 0; `last` is inclusive."""

    path: str
    name: str
    kind: str
    parent: str
    signature: str
    doc: str
    first: int
    last: int

    @property
    def qualified(self) -> str:
        """The name, preceded by the names of the enclosing definitions and separated by dots."""
        return f"{self.parent}.{self.name}" if self.parent else self.name


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """A chunk of a file and its search score (higher is better). Lines count from 0; `last` is exclusive."""

    path: str
    first: int
    last: int
    name: str
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Totals:
    """Totals of an index. `skipped` counts files by reason, `languages` counts lines by language."""

    files: int
    lines: int
    definitions: int
    chunks: int
    skipped: dict[str, int]
    languages: dict[str, int]
    database_bytes: int


class Reader:
    """A read-only connection to an index, for use from one thread. Another process may write the index meanwhile.

    Raises:
        IndexMissingError: the index does not exist or has another schema version.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        uri = f"file:{quote(str(self._path))}?mode=ro"
        try:
            self._db = sqlite3.connect(uri, uri=True, timeout=0.05, check_same_thread=False)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise IndexMissingError(f"This workspace has no index yet ({error}).") from error
        if version != SCHEMA:
            self._db.close()
            what = "The index of this workspace was written by another version of slm-lsp."
            raise IndexMissingError(what, "Run `slm-lsp index` or open the workspace in an editor to rebuild it.")
        self._frequencies: dict[str, int] = {}
        self._chunks = 0
        self._chunks_of: int | None = None
        self._files: dict[frozenset[str], ProjectFiles] = {}
        self._files_of: int | None = None

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Limit the time of the queries inside the `with` block. A longer query raises `sqlite3.OperationalError`."""
        deadline = time.monotonic() + seconds
        self._db.set_progress_handler(lambda: time.monotonic() > deadline, VM_STEPS)
        try:
            yield
        finally:
            self._db.set_progress_handler(None, 0)

    @property
    def generation(self) -> int:
        """A number that changes whenever another process writes to the index."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def paths(self) -> list[str]:
        """Return the paths of all indexed files, sorted."""
        return [path for (path,) in self._db.execute("SELECT path FROM file WHERE skipped IS NULL ORDER BY path")]

    def digest(self, path: str) -> bytes:
        """Return the digest of a file's content; empty if the file is not indexed."""
        row = self._db.execute("SELECT digest FROM file WHERE path = ?", (path,)).fetchone()
        return bytes(row[0] or b"") if row else b""

    def definitions_of(self, paths: Sequence[str]) -> list[Symbol]:
        """Return all definitions of some files, in the given order of files and then in text order."""
        found: list[Symbol] = []
        for path in paths:
            found += self._symbols(f"file.path = ? {_IN_ORDER}", [path])
        return found

    def top_level(self, path: str, name: str | None = None) -> list[Symbol]:
        """Return the top-level definitions of a file. If `name` is given, return only definitions with this name."""
        if name is None:
            return self.members(path, "")
        return self._symbols("file.path = ? AND definition.name = ? AND definition.parent = ''", [path, name])

    def members(self, path: str, qualified: str) -> list[Symbol]:
        """Return the definitions directly inside a definition, in text order."""
        return self._symbols(f"file.path = ? AND definition.parent = ? {_IN_ORDER}", [path, qualified])

    def named(self, names: Iterable[str], limit: int) -> list[Symbol]:
        """Return the definitions with these names, except names that have more than `limit` definitions.

        If a name has many definitions, it does not tell which definition is meant.
        """
        found: list[Symbol] = []
        for name in names:
            symbols = self._symbols("definition.name = ? LIMIT ?", [name, limit + 1])
            found += symbols if len(symbols) <= limit else []
        return found

    def defines(self, name: str) -> bool:
        """Whether any file defines this name."""
        return self._db.execute("SELECT 1 FROM definition WHERE name = ? LIMIT 1", (name,)).fetchone() is not None

    def imports_of(self, path: str) -> list[Import]:
        """Return the imports of a file, in text order."""
        rows = self._db.execute(
            "SELECT module, name, alias, line FROM import JOIN file ON file.id = import.file WHERE path = ?"
            " ORDER BY line",
            (path,),
        )
        return [Import(*row) for row in rows]

    def document_frequency(self, words: Iterable[str]) -> dict[str, int]:
        """Return the number of chunks that contain each word; words that no chunk contains are absent.

        The counts are cached, so they may be slightly out of date.
        """
        found: dict[str, int] = {}
        for word in words:
            if word not in self._frequencies:
                if len(self._frequencies) >= MAX_CACHED_WORDS:
                    self._frequencies.clear()
                row = self._db.execute("SELECT doc FROM vocabulary WHERE term = ?", (word,)).fetchone()
                self._frequencies[word] = row[0] if row else 0
            if self._frequencies[word]:
                found[word] = self._frequencies[word]
        return found

    def chunk_count(self) -> int:
        """Return the number of chunks. The number is cached until another process writes to the index."""
        if self._chunks_of != (generation := self.generation):
            self._chunks_of = generation
            self._chunks = int(self._db.execute("SELECT count(*) FROM chunk").fetchone()[0])
        return self._chunks

    def search(self, words: Sequence[str], limit: int) -> list[IndexedChunk]:
        """Return the chunks that contain at least one of these words, ranked by BM25, best first."""
        if not words:
            return []
        query = " OR ".join(f'"{word}"' for word in words)
        rows = self._db.execute(
            "SELECT path, first, last, name, text, -best.rank FROM"
            " (SELECT rowid, rank FROM search WHERE search MATCH ? ORDER BY rank LIMIT ?) AS best"
            " JOIN chunk ON chunk.id = best.rowid JOIN file ON file.id = chunk.file ORDER BY best.rank",
            (query, limit),
        )
        return [IndexedChunk(*row) for row in rows]

    def chunks_of(self, path: str) -> list[IndexedChunk]:
        """Return the chunks of a file, in text order."""
        rows = self._db.execute(
            "SELECT path, first, last, name, text, 0.0 FROM chunk JOIN file ON file.id = chunk.file WHERE path = ?"
            " ORDER BY first",
            (path,),
        )
        return [IndexedChunk(*row) for row in rows]

    def project_files(self, new: frozenset[str] = frozenset()) -> ProjectFiles:
        """Return the paths of all indexed files and of the files `new`, for resolving imports.

        The result is cached until another process writes to the index.
        """
        if self._files_of != (generation := self.generation):
            self._files_of, self._files = generation, {}
        if new not in self._files:
            # Keep two entries: the indexed files alone, and with the current set of new files.
            self._files = {key: files for key, files in self._files.items() if not key}
            self._files[new] = ProjectFiles.of([*self.paths(), *new])
        return self._files[new]

    def totals(self) -> Totals:
        """Return the totals of the index, for display."""

        def one(statement: str) -> int:
            return int(self._db.execute(statement).fetchone()[0] or 0)

        return Totals(
            files=one("SELECT count(*) FROM file WHERE skipped IS NULL"),
            lines=one("SELECT sum(lines) FROM file"),
            definitions=one("SELECT count(*) FROM definition"),
            chunks=one("SELECT count(*) FROM chunk"),
            skipped=self._skipped(),
            languages=dict(
                self._db.execute(
                    "SELECT language, sum(lines) FROM file WHERE skipped IS NULL GROUP BY language ORDER BY 2 DESC"
                ).fetchall()
            ),
            database_bytes=one("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"),
        )

    def _skipped(self) -> dict[str, int]:
        """Return the number of skipped files and folders by reason.

        Some were skipped without being opened, others after their content was read.
        """
        counts: Counter[str] = Counter()
        for (text,) in self._db.execute("SELECT value FROM meta WHERE key = ?", (SKIPPED_COUNTS,)):
            counts.update(json.loads(text))
        rows = self._db.execute("SELECT skipped, count(*) FROM file WHERE skipped IS NOT NULL GROUP BY skipped")
        counts.update(dict(rows.fetchall()))
        return dict(counts.most_common())

    def _symbols(self, where: str, values: Sequence[object]) -> list[Symbol]:
        rows = self._db.execute(
            "SELECT path, name, kind, parent, signature, doc, first, last FROM definition"  # noqa: S608 - our own text
            f" JOIN file ON file.id = definition.file WHERE {where}",
            values,
        )
        return [Symbol(*row) for row in rows]
