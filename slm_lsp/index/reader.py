"""What the index answers: definitions by name or file, imports, chunks by words. For one thread; never writes."""

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
from slm_lsp.index.store import LEFT_OUT
from slm_lsp.languages.symbols import Import

MAX_CACHED_WORDS = 20_000

_IN_ORDER = "ORDER BY definition.first, definition.last DESC, definition.name"
"""Of the text; rows are not written in that order."""

STEPS = 2000
"""Of SQLite's machine between two looks at the clock: some hundredths of a millisecond."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition in a file. Lines from 0, the last one inclusive."""

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
        """Its name with those of the definitions round it."""
        return f"{self.parent}.{self.name}" if self.parent else self.name


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """A chunk of a file, and how well it fits what was asked (higher is better). Lines from 0, the last exclusive."""

    path: str
    first: int
    last: int
    name: str
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Totals:
    """What an index holds."""

    files: int
    lines: int
    definitions: int
    chunks: int
    skipped: dict[str, int]
    languages: dict[str, int]
    database_bytes: int


class Reader:
    """A connection to an index that somebody else may be writing.

    Raises:
        IndexMissingError: there is none, or none that this version understands.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        uri = f"file:{quote(str(self._path))}?mode=ro"
        try:
            self._db = sqlite3.connect(uri, uri=True, timeout=0.05, check_same_thread=False)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise IndexMissingError(f"There is no index of this workspace yet ({error}).") from error
        if version != SCHEMA:
            self._db.close()
            raise IndexMissingError("The index of this workspace is of another version.", "It is built anew.")
        self._frequencies: dict[str, int] = {}
        self._chunks = 0
        self._chunks_of: int | None = None
        self._files: dict[frozenset[str], ProjectFiles] = {}
        self._files_of: int | None = None

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Inside, a query that still runs after so long gives up with `sqlite3.OperationalError`."""
        deadline = time.monotonic() + seconds
        self._db.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        try:
            yield
        finally:
            self._db.set_progress_handler(None, 0)

    @property
    def generation(self) -> int:
        """A number that changes whenever somebody wrote."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def paths(self) -> list[str]:
        """Every indexed file."""
        return [path for (path,) in self._db.execute("SELECT path FROM file WHERE skipped IS NULL ORDER BY path")]

    def digest(self, path: str) -> bytes:
        """The digest of a file's content; empty where it is not indexed."""
        row = self._db.execute("SELECT digest FROM file WHERE path = ?", (path,)).fetchone()
        return bytes(row[0] or b"") if row else b""

    def definitions_of(self, paths: Sequence[str]) -> list[Symbol]:
        """Everything that some files define, file by file in the order given, each in the order of its text."""
        found: list[Symbol] = []
        for path in paths:
            found += self._symbols(f"file.path = ? {_IN_ORDER}", [path])
        return found

    def top_level(self, path: str, name: str | None = None) -> list[Symbol]:
        """Outermost definitions of a file, or those of one name."""
        if name is None:
            return self.members(path, "")
        return self._symbols("file.path = ? AND definition.name = ? AND definition.parent = ''", [path, name])

    def members(self, path: str, qualified: str) -> list[Symbol]:
        """What is defined right inside a definition."""
        return self._symbols(f"file.path = ? AND definition.parent = ? {_IN_ORDER}", [path, qualified])

    def named(self, names: Iterable[str], limit: int) -> list[Symbol]:
        """Definitions with one of these names; names with more than `limit` of them are left out: they say little."""
        found: list[Symbol] = []
        for name in names:
            symbols = self._symbols("definition.name = ? LIMIT ?", [name, limit + 1])
            found += symbols if len(symbols) <= limit else []
        return found

    def defines(self, name: str) -> bool:
        """Whether any file defines a name."""
        return self._db.execute("SELECT 1 FROM definition WHERE name = ? LIMIT 1", (name,)).fetchone() is not None

    def imports_of(self, path: str) -> list[Import]:
        """What a file imports."""
        rows = self._db.execute(
            "SELECT module, name, alias, line FROM import JOIN file ON file.id = import.file WHERE path = ?"
            " ORDER BY line",
            (path,),
        )
        return [Import(*row) for row in rows]

    def document_frequency(self, words: Iterable[str]) -> dict[str, int]:
        """In how many chunks each word stands; words that stand in none are absent. May be a little out of date."""
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
        """How many chunks there are in all; counted again when somebody wrote."""
        if self._chunks_of != (generation := self.generation):
            self._chunks_of = generation
            self._chunks = int(self._db.execute("SELECT count(*) FROM chunk").fetchone()[0])
        return self._chunks

    def search(self, words: Sequence[str], limit: int) -> list[IndexedChunk]:
        """Chunks that hold some of these words, the best by BM25 first."""
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
        """A file's chunks, in order."""
        rows = self._db.execute(
            "SELECT path, first, last, name, text, 0.0 FROM chunk JOIN file ON file.id = chunk.file WHERE path = ?"
            " ORDER BY first",
            (path,),
        )
        return [IndexedChunk(*row) for row in rows]

    def project_files(self, new: frozenset[str] = frozenset()) -> ProjectFiles:
        """The paths of all files and of some `new` ones, for resolving imports; made anew when somebody wrote."""
        if self._files_of != (generation := self.generation):
            self._files_of, self._files = generation, {}
        if new not in self._files:
            # Those on disk, and those with what is open just now.
            self._files = {key: files for key, files in self._files.items() if not key}
            self._files[new] = ProjectFiles.of([*self.paths(), *new])
        return self._files[new]

    def totals(self) -> Totals:
        """Counts for people."""

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
        """How much was left out, by reason: what was read, and files and folders that were not even opened."""
        counts: Counter[str] = Counter()
        for (text,) in self._db.execute("SELECT value FROM meta WHERE key = ?", (LEFT_OUT,)):
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
