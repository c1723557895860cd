"""The file of an index: where it lies, its tables, and what becomes of it when it is damaged or of another version.

What is not understood any more, or damaged, is thrown away and built anew: all of it comes from the workspace.
"""

import hashlib
import os
import sqlite3
from pathlib import Path

import platformdirs

from slm_lsp.errors import IndexUnwritableError, cure_for_write_error

SCHEMA = 2
"""Goes up with every change of the tables or of what stands in them: an index of another number is built anew."""

FILE = "index.db"

LOG_PAGES = 8000
"""Of 4 KiB: how long SQLite's log gets before it is merged."""

CACHE_KIB = 16 * 1024
"""What SQLite keeps of the database while much is written; names of definitions go anywhere into their index."""

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
-- Every transaction leaves a piece of the search's index. They are merged when nobody waits (`settle`), not while a
-- file is written, which would then take ten times as long now and again.
INSERT INTO search (search, rank) VALUES ('automerge', 0);
"""

TABLES = frozenset({"meta", "file", "definition", "import", "chunk", "search", "vocabulary"})

PRIMARY = 0xFF
"""The part of an error code of SQLite that says what kind it is."""


def index_dir(workspace: Path, cache: Path | None = None) -> Path:
    """Where the index of a workspace lies: by the real path of its folder."""
    real = os.fsencode(workspace.resolve())
    base = cache or platformdirs.user_cache_path("slm-lsp")
    return base / "index" / hashlib.sha256(real).hexdigest()[:16]


def open_index(path: Path) -> tuple[str | None, sqlite3.Connection]:
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
    # With the write-ahead log, NORMAL keeps the file sound through a crash of the machine, which may only cost the last
    # changes; the next check finds them again. Against OFF a first build takes no longer, a save 3 to 6 ms more.
    db.execute("PRAGMA synchronous = NORMAL")
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


def unwritable_error(folder: Path, error: Exception) -> IndexUnwritableError:
    """The error for an index that cannot be written, with a cure that fits the cause."""
    why = getattr(error, "strerror", None) or error
    not_permitted = "Make this folder writable, or set XDG_CACHE_HOME to a writable folder."
    cure = cure_for_write_error(error, not_permitted)
    return IndexUnwritableError(
        f"The index in {folder} cannot be written: {why}.", f"Completions go on without it. {cure}".rstrip()
    )
