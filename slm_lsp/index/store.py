"""The database of one workspace: who may write, its tables, and how a file's rows are replaced as a whole.

One process writes, any number read. What is not understood any more, or damaged, is thrown away and built anew: all of
it comes from the workspace.
"""

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from slm_lsp.errors import IndexBusyError, IndexUnwritableError
from slm_lsp.index.extract import FileRows
from slm_lsp.index.words import words

SCHEMA = 1
"""Goes up with every change of the tables or of what stands in them: an index of another number is built anew."""

FILE = "index.db"
LOCK = "writer.lock"

LOG_PAGES = 8000
"""Of 4 KiB: how long SQLite's log gets before it is merged."""

CACHE_KIB = 16 * 1024
"""What SQLite keeps of the database while much is written; names of definitions go anywhere into their index."""

LEFT_OUT = "left_out"
"""The fact, as JSON, how many files and folders were left out without being read, by reason."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE file (
  id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, language TEXT NOT NULL, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, digest BLOB, lines INTEGER NOT NULL, skipped TEXT);
CREATE TABLE definition (
  file INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, parent TEXT NOT NULL,
  signature TEXT NOT NULL, doc TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE INDEX definition_name ON definition (name);
CREATE INDEX definition_file ON definition (file);
CREATE TABLE import (
  file INTEGER NOT NULL, module TEXT NOT NULL, name TEXT NOT NULL, alias TEXT NOT NULL, line INTEGER NOT NULL);
CREATE INDEX import_file ON import (file);
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY, file INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, name TEXT NOT NULL,
  text TEXT NOT NULL);
CREATE INDEX chunk_file ON chunk (file);
CREATE VIRTUAL TABLE search USING fts5 (words, content='', tokenize="ascii tokenchars '_'");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (search, row);
-- Bytes of new words that are collected before they are written; 1 MB if nothing is said.
INSERT INTO search (search, rank) VALUES ('hashsize', 8000000);
"""


TABLES = frozenset({"meta", "file", "definition", "import", "chunk", "search", "vocabulary"})

PRIMARY = 0xFF
"""The part of an error code of SQLite that says what kind it is."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the index remembers of a file on disk; `skipped` is the reason where it was left out."""

    size: int
    mtime_ns: int
    digest: bytes | None
    skipped: str | None


def index_dir(workspace: Path, cache: Path | None = None) -> Path:
    """Where the index of a workspace lies: by the real path of its folder."""
    real = os.fsencode(workspace.resolve())
    base = cache or platformdirs.user_cache_path("slm-lsp")
    return base / "index" / hashlib.sha256(real).hexdigest()[:16]


class Writer:
    """The one who may change the index of a workspace. Used by one thread.

    `rebuilt_because` says why an index that was there had to be thrown away, if it had.

    Raises:
        IndexBusyError: another process writes it.
        IndexUnwritableError: there is no room or no right to write.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(folder / LOCK, blocking=False)
            self._lock.acquire()
        except Timeout:
            raise IndexBusyError("Another process keeps this workspace's index.") from None
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            self.rebuilt_because, self._db = _open(folder / FILE)
        except (OSError, sqlite3.Error) as error:
            self._lock.release()
            raise _unwritable(folder, error) from error

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process write."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._lock.release()

    def known(self) -> dict[str, Known]:
        """Every file that the index remembers, by path."""
        rows = self._db.execute("SELECT path, size, mtime_ns, digest, skipped FROM file")
        return {path: Known(*rest) for path, *rest in rows}

    def known_of(self, paths: Iterable[str]) -> dict[str, Known | None]:
        """What the index remembers of some paths; None for those it does not know."""
        found: dict[str, Known | None] = {}
        for path in paths:
            row = self._db.execute(
                "SELECT size, mtime_ns, digest, skipped FROM file WHERE path = ?", (path,)
            ).fetchone()
            found[path] = Known(*row) if row else None
        return found

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is written, or nothing.

        Raises:
            IndexUnwritableError: the disk is full or cannot be written; nothing is lost of what stood there.
        """
        try:
            with self._db:
                yield
        except sqlite3.OperationalError as error:
            raise IndexUnwritableError(f"The index cannot be written: {error}.", "Free some space.") from error

    def put(self, rows: FileRows, size: int, mtime_ns: int) -> None:
        """Replace everything of one file. Inside a transaction."""
        self._clear(rows.path)
        file = self._db.execute(
            "INSERT INTO file (path, language, size, mtime_ns, digest, lines) VALUES (?, ?, ?, ?, ?, ?)",
            (rows.path, rows.language, size, mtime_ns, rows.digest, rows.lines),
        ).lastrowid
        self._db.executemany(
            "INSERT INTO definition VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [(file, *row) for row in rows.definitions]
        )
        self._db.executemany("INSERT INTO import VALUES (?, ?, ?, ?, ?)", [(file, *row) for row in rows.imports])
        insert = "INSERT INTO chunk (file, first, last, name, text) VALUES (?, ?, ?, ?, ?)"
        for first, last, name, text, found_by in rows.chunks:
            chunk = self._db.execute(insert, (file, first, last, name, text)).lastrowid
            self._db.execute("INSERT INTO search (rowid, words) VALUES (?, ?)", (chunk, found_by))

    def touch(self, path: str, size: int, mtime_ns: int) -> None:
        """A file has another date but the same content. Inside a transaction."""
        self._db.execute("UPDATE file SET size = ?, mtime_ns = ? WHERE path = ?", (size, mtime_ns, path))

    def skip(self, path: str, reason: str, size: int, mtime_ns: int) -> None:
        """Remember that a file is left out, so that it is not read again before it changes. Inside a transaction."""
        self._clear(path)
        self._db.execute(
            "INSERT INTO file (path, language, size, mtime_ns, lines, skipped) VALUES (?, '', ?, ?, 0, ?)",
            (path, size, mtime_ns, reason),
        )

    def remove(self, paths: Iterable[str]) -> None:
        """Forget files. Inside a transaction."""
        for path in paths:
            self._clear(path)

    def note(self, facts: Mapping[str, str]) -> None:
        """Remember facts about the whole index. Inside a transaction."""
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts.items())

    def tidy(self) -> None:
        """After much was written: merge the log into the database, so that readers need not look into both."""
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA shrink_memory")

    def _clear(self, path: str) -> None:
        row = self._db.execute("SELECT id FROM file WHERE path = ?", (path,)).fetchone()
        if row is None:
            return
        for chunk, text in self._db.execute("SELECT id, text FROM chunk WHERE file = ?", row).fetchall():
            # A table without content wants to be told what it held.
            self._db.execute("INSERT INTO search (search, rowid, words) VALUES ('delete', ?, ?)", (chunk, words(text)))
        for table in ("definition", "import", "chunk"):
            self._db.execute(f"DELETE FROM {table} WHERE file = ?", row)  # noqa: S608 - names of our tables
        self._db.execute("DELETE FROM file WHERE id = ?", row)


def _open(path: Path) -> tuple[str | None, sqlite3.Connection]:
    """A connection to an index that can be used, and why it had to be made anew, if it had."""
    reason = None
    if path.exists():
        try:
            db = _connect(path)
            if (reason := _unsound(db)) is None:
                return None, db
            db.close()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            reason = str(error)
        discard(path.parent)
    db = _connect(path)
    with db:
        db.executescript(_TABLES)
        db.execute(f"PRAGMA user_version = {SCHEMA}")
    return reason, db


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file is no sound database, rather than that it cannot be read or written now."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & PRIMARY in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def discard(folder: Path) -> None:
    """Delete a damaged index; the next writer makes it anew. For who holds its lock."""
    for end in ("", "-wal", "-shm"):
        (folder / f"{FILE}{end}").unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5, cached_statements=64)
    path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")
    # A crash of the machine may cost the last changes, which the next check finds again; it cannot damage the file.
    db.execute("PRAGMA synchronous = OFF")
    # In a first build the same pages change again and again; they are copied into the database seldom.
    db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return db


def _unsound(db: sqlite3.Connection) -> str | None:
    """What is wrong with an index: another schema, or tables that cannot be read."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA:
        return f"it is of version {version}, not {SCHEMA}"
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if missing := TABLES - tables:
        return f"it has no tables {', '.join(sorted(missing))}"
    found: str = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    return None if found == "ok" else found


def _unwritable(folder: Path, error: Exception) -> IndexUnwritableError:
    return IndexUnwritableError(
        f"The index in {folder} cannot be written: {error}.", "Completions go on without it. Free some space there."
    )
