"""Writes the index of one workspace. All rows of a file change in one transaction, while other processes may read."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from slm_lsp.errors import IndexBusyError
from slm_lsp.index.database import FILE, open_index, unwritable_error
from slm_lsp.index.difference import difference
from slm_lsp.index.extract import DefinitionRow, FileRows, ImportRow
from slm_lsp.index.words import words

LOCK = "writer.lock"

MERGE_PAGES = 16
"""Number of pages of the full-text index that one `merge_step` writes."""

SKIPPED_COUNTS = "left_out"
"""Key in the table `meta`: a JSON object that counts, by reason, the files and folders skipped without reading them."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """The stored facts about a file on disk. If the file was read and skipped, `skipped` is the reason."""

    size: int
    mtime_ns: int
    digest: bytes | None
    skipped: str | None


class Writer:
    """Holds the write lock of an index and changes the index's rows. Use it from one thread.

    `rebuilt_because` says why the existing index was deleted and rebuilt; None if it was not.

    Raises:
        IndexBusyError: another process holds the write lock.
        IndexUnwritableError: the disk is full or the user has no permission to write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(folder / LOCK, blocking=False)
            self._lock.acquire()
        except Timeout:
            raise IndexBusyError("Another process is writing the index of this workspace.") from None
        except OSError as error:
            raise unwritable_error(folder, error) from error
        try:
            self.rebuilt_because, self._db = open_index(folder / FILE)
        except (OSError, sqlite3.Error) as error:
            self._lock.release()
            raise unwritable_error(folder, error) from error

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database and release the write lock."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._lock.release()

    def known(self) -> dict[str, StoredFile]:
        """Return the stored facts about all files, by path."""
        rows = self._db.execute("SELECT path, size, mtime_ns, digest, skipped FROM file")
        return {path: StoredFile(*rest) for path, *rest in rows}

    def known_of(self, paths: Iterable[str]) -> dict[str, StoredFile | None]:
        """Return the stored facts about some paths; None for paths that are not stored."""
        found: dict[str, StoredFile | None] = {}
        for path in paths:
            row = self._db.execute(
                "SELECT size, mtime_ns, digest, skipped FROM file WHERE path = ?", (path,)
            ).fetchone()
            found[path] = StoredFile(*row) if row else None
        return found

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the `with` block as one transaction: either all of its changes are written, or none.

        Raises:
            IndexUnwritableError: writing failed, for example because the disk is full. The old content is intact.
        """
        try:
            with self._db:
                yield
        except sqlite3.OperationalError as error:
            raise unwritable_error(self._folder, error) from error

    def put(self, rows: FileRows, size: int, mtime_ns: int) -> None:
        """Replace the rows of one file; unchanged rows are not written again. Call this inside a transaction."""
        self._db.execute(
            "INSERT INTO file (path, language, size, mtime_ns, digest, lines) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (path) DO UPDATE SET language = excluded.language, size = excluded.size,"
            " mtime_ns = excluded.mtime_ns, digest = excluded.digest, lines = excluded.lines, skipped = NULL",
            (rows.path, rows.language, size, mtime_ns, rows.digest, rows.lines),
        )
        (file,) = self._db.execute("SELECT id FROM file WHERE path = ?", (rows.path,)).fetchone()
        self._put_definitions(file, rows.definitions)
        self._put_imports(file, rows.imports)
        self._put_chunks(file, rows)

    def _put_definitions(self, file: int, rows: Sequence[DefinitionRow]) -> None:
        select = "SELECT rowid, name, kind, parent, signature, doc, first, last FROM definition WHERE file = ?"
        held = [(number, tuple(row[:5]), tuple(row[5:])) for number, *row in self._db.execute(select, (file,))]
        found = difference(held, [(row[:5], row[5:]) for row in rows])
        self._db.executemany("DELETE FROM definition WHERE rowid = ?", [(each,) for each in found.removed])
        self._db.executemany(
            "UPDATE definition SET first = ?, last = ? WHERE rowid = ?", [(*at, number) for number, at in found.moved]
        )
        self._db.executemany(
            "INSERT INTO definition VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [(file, *rows[each]) for each in found.added]
        )

    def _put_imports(self, file: int, rows: Sequence[ImportRow]) -> None:
        held = self._db.execute("SELECT module, name, alias, line FROM import WHERE file = ?", (file,)).fetchall()
        if held != list(rows):
            self._db.execute("DELETE FROM import WHERE file = ?", (file,))
            self._db.executemany("INSERT INTO import VALUES (?, ?, ?, ?, ?)", [(file, *row) for row in rows])

    def _put_chunks(self, file: int, rows: FileRows) -> None:
        held = self._db.execute("SELECT id, text, first, last, name FROM chunk WHERE file = ?", (file,)).fetchall()
        texts = {number: text for number, text, *_ in held}
        found = difference(
            [(number, text, tuple(at)) for number, text, *at in held],
            [(text, (first, last, name)) for first, last, name, text in rows.chunks],
        )
        self._remove_from_search((number, texts[number]) for number in found.removed)
        self._db.executemany("DELETE FROM chunk WHERE id = ?", [(each,) for each in found.removed])
        self._db.executemany(
            "UPDATE chunk SET first = ?, last = ?, name = ? WHERE id = ?", [(*at, number) for number, at in found.moved]
        )
        insert = "INSERT INTO chunk (file, first, last, name, text) VALUES (?, ?, ?, ?, ?)"
        for each in found.added:
            first, last, name, text = rows.chunks[each]
            found_by = rows.words[each] if rows.words else words(text)
            chunk = self._db.execute(insert, (file, first, last, name, text)).lastrowid
            self._db.execute("INSERT INTO search (rowid, words) VALUES (?, ?)", (chunk, found_by))

    def touch(self, path: str, size: int, mtime_ns: int) -> None:
        """Store the new size and time of a file whose content did not change. Call this inside a transaction."""
        self._db.execute("UPDATE file SET size = ?, mtime_ns = ? WHERE path = ?", (size, mtime_ns, path))

    def skip(self, path: str, reason: str, size: int, mtime_ns: int) -> None:
        """Store that a file is skipped, so that it is read again only after it changes. Call this in a transaction."""
        self._clear(path)
        self._db.execute(
            "INSERT INTO file (path, language, size, mtime_ns, lines, skipped) VALUES (?, '', ?, ?, 0, ?)",
            (path, size, mtime_ns, reason),
        )

    def remove(self, paths: Iterable[str]) -> None:
        """Delete all rows of some files. Call this inside a transaction."""
        for path in paths:
            self._clear(path)

    def set_meta(self, facts: Mapping[str, str]) -> None:
        """Store facts about the whole index, by key. Call this inside a transaction."""
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts.items())

    def merge_step(self) -> bool:
        """Merge some segments of the full-text index, for one or two milliseconds. Return whether more may remain.

        After the last step, copy the write-ahead log into the database.
        """
        with contextlib.suppress(sqlite3.Error):
            before = self._db.total_changes
            with self._db:
                self._db.execute("INSERT INTO search (search, rank) VALUES ('merge', ?)", (MERGE_PAGES,))
            # https://www.sqlite.org/fts5.html#the_merge_command: fewer than two changes mean that nothing was merged.
            if self._db.total_changes - before > 1:
                return True
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return False

    def compact(self) -> None:
        """Finish all merging and empty the write-ahead log. After large writes, this makes reading faster."""
        while self.merge_step():
            pass
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA shrink_memory")

    def _clear(self, path: str) -> None:
        row = self._db.execute("SELECT id FROM file WHERE path = ?", (path,)).fetchone()
        if row is None:
            return
        self._remove_from_search(self._db.execute("SELECT id, text FROM chunk WHERE file = ?", row).fetchall())
        for table in ("definition", "import", "chunk"):
            self._db.execute(f"DELETE FROM {table} WHERE file = ?", row)  # noqa: S608 - names of our tables
        self._db.execute("DELETE FROM file WHERE id = ?", row)

    def _remove_from_search(self, chunks: Iterable[tuple[int, str]]) -> None:
        """Remove chunks from the full-text index.

        The full-text index stores no content, so a deletion must pass the words that were indexed.
        """
        self._db.executemany(
            "INSERT INTO search (search, rowid, words) VALUES ('delete', ?, ?)",
            [(number, words(text)) for number, text in chunks],
        )
