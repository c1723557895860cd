"""The SQLite file of an index: its path, its tables, and its recovery.

A damaged database, or one with another schema version, is deleted and rebuilt. No data is lost, because everything in
it comes from the workspace's files.
"""

import hashlib
import os
import sqlite3
from pathlib import Path

import platformdirs

from slm_lsp.errors import IndexUnwritableError, cure_for_write_error

SCHEMA = 2
"""Schema version. Increase it with every change of the tables or of their content; older indexes are then rebuilt."""

FILE = "index.db"

WAL_PAGES = 8000
"""Size of the write-ahead log, in pages of 4 KiB, at which SQLite copies the log into the database."""

CACHE_KIB = 16 * 1024
"""Size of SQLite's page cache in KiB. A first build needs a large cache, because it inserts names at random places."""

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
-- Bytes of new words that FTS5 collects in memory before it writes them (default: 1 MB).
INSERT INTO search (search, rank) VALUES ('hashsize', 8000000);
-- Every transaction adds a segment to the full-text index. `Writer.merge_step` merges the segments while the indexer is
-- idle. With automatic merging, some file updates would take ten times as long.
INSERT INTO search (search, rank) VALUES ('automerge', 0);
"""

TABLES = frozenset({"meta", "file", "definition", "import", "chunk", "search", "vocabulary"})

PRIMARY = 0xFF
"""Mask for the primary part of an extended SQLite error code."""


def index_dir(workspace: Path, cache: Path | None = None) -> Path:
    """Return the index folder of a workspace. The folder's name is derived from the workspace's resolved path."""
    real = os.fsencode(workspace.resolve())
    base = cache or platformdirs.user_cache_path("slm-lsp")
    return base / "index" / hashlib.sha256(real).hexdigest()[:16]


def open_index(path: Path) -> tuple[str | None, sqlite3.Connection]:
    """Open or create an index.

    Returns:
        The reason for which the old index was discarded (None if it was not), and the connection.
    """
    reason = None
    if path.exists():
        try:
            db = _connect(path)
            if (reason := _find_problem(db)) is None:
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
    """Whether an error means that the database is damaged, not just temporarily unreadable or unwritable."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & PRIMARY in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def discard(folder: Path) -> None:
    """Delete a damaged index; the next writer creates a new one. The caller must hold the write lock."""
    for end in ("", "-wal", "-shm"):
        (folder / f"{FILE}{end}").unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5, cached_statements=64)
    path.chmod(0o600)
    db.execute("PRAGMA journal_mode = WAL")
    # With a write-ahead log, NORMAL protects the file from corruption when the machine crashes. The last changes may be
    # lost; the next check indexes them again. Compared with OFF, a first build takes the same time and a saved file
    # takes 3 to 6 ms longer.
    db.execute("PRAGMA synchronous = NORMAL")
    # A first build changes the same pages many times, so copy them into the database rarely.
    db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return db


def _find_problem(db: sqlite3.Connection) -> str | None:
    """Return why an index cannot be used (another schema version, missing or damaged tables), or None if it can."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA:
        return f"it has schema version {version} instead of {SCHEMA}"
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if missing := TABLES - tables:
        return f"it has no tables {', '.join(sorted(missing))}"
    found: str = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    return None if found == "ok" else found


def unwritable_error(folder: Path, error: Exception) -> IndexUnwritableError:
    """Return the error for an index that cannot be written, with advice that fits the cause."""
    why = getattr(error, "strerror", None) or error
    not_permitted = "Make this folder writable, or set XDG_CACHE_HOME to a writable folder."
    cure = cure_for_write_error(error, not_permitted)
    return IndexUnwritableError(
        f"The index in {folder} cannot be written: {why}.", f"Completions work without it. {cure}".rstrip()
    )
