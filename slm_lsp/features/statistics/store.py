"""The SQLite database of the statistics: creates, writes, reads and empties it.

Several servers may write to it at the same time. Its columns hold dates, names of languages, tiers and models, reasons
and numbers, and nothing else.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import platformdirs
from filelock import FileLock

from slm_lsp.errors import StatisticsError
from slm_lsp.features.statistics.threshold import BANDS, WINDOW

SCHEMA = 1
LOCK_S = 10.0
"""Seconds that a connection waits for a lock. Writes run in a background thread, so no completion waits."""

# AUTOINCREMENT never reuses an id, so an outcome that is reported after the table was emptied cannot hit another row.
_TABLES = """
CREATE TABLE suggestion (
  id INTEGER PRIMARY KEY AUTOINCREMENT, day TEXT NOT NULL, language TEXT NOT NULL, tier TEXT NOT NULL,
  model TEXT NOT NULL, source TEXT NOT NULL, confidence REAL NOT NULL, characters INTEGER NOT NULL,
  lines INTEGER NOT NULL, latency_ms REAL NOT NULL, tokens INTEGER NOT NULL, outcome TEXT,
  taken INTEGER NOT NULL DEFAULT 0);
CREATE INDEX suggestion_kind ON suggestion (language, tier);
CREATE TABLE unshown (
  day TEXT NOT NULL, language TEXT NOT NULL, tier TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (day, language, tier, reason)) WITHOUT ROWID;
"""


def default_path() -> Path:
    """Return the path of the user's statistics database."""
    return platformdirs.user_state_path("slm-lsp") / "stats.db"


class StatisticsDatabase:
    """A connection that reads and writes the database. Must be used in the thread that opened it.

    The file is created if it is missing. Only this user can read it.

    Raises:
        sqlite3.Error: the file is damaged, stays locked for `LOCK_S` seconds, or has another schema version.
        OSError: the file cannot be created or written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite does not wait for a lock when it switches to WAL mode, so processes take turns here.
        with FileLock(path.with_name(path.name + ".lock"), timeout=LOCK_S, mode=0o600):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            path.chmod(0o600)
            self._db = sqlite3.connect(path, timeout=LOCK_S, isolation_level=None)
            try:
                self._set_up()
            except sqlite3.Error:
                self._db.close()
                raise

    def _set_up(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        # With NORMAL a power failure may lose the last rows, but cannot damage the file.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA secure_delete = ON")
        if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
            self._db.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {SCHEMA};COMMIT")
        check_version(self._db)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one transaction; an exception rolls it back."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def add(self, row: tuple[object, ...]) -> int:
        """Insert a suggestion, given its columns from `day` to `outcome`. Return the id of the row."""
        columns = "day, language, tier, model, source, confidence, characters, lines, latency_ms, tokens, outcome"
        marks = ", ".join("?" * len(row))
        statement = f"INSERT INTO suggestion ({columns}) VALUES ({marks})"  # noqa: S608 - names of our columns
        return self._db.execute(statement, row).lastrowid or 0

    def set_outcome(self, row: int, outcome: str | None, taken: int) -> None:
        """Set the outcome of a suggestion and the number of its characters that were accepted."""
        self._db.execute("UPDATE suggestion SET outcome = ?, taken = ? WHERE id = ?", (outcome, taken, row))

    def remove(self, row: int) -> None:
        """Delete a suggestion."""
        self._db.execute("DELETE FROM suggestion WHERE id = ?", (row,))

    def add_not_shown(self, day: str, language: str, tier: str, reason: str) -> None:
        """Increment the count of a reason why nothing was shown."""
        self._db.execute(
            "INSERT INTO unshown VALUES (?, ?, ?, ?, 1) "
            "ON CONFLICT (day, language, tier, reason) DO UPDATE SET count = count + 1",
            (day, language, tier, reason),
        )

    def delete_before(self, day: str) -> None:
        """Delete all rows of the days before `day`."""
        for table in ("suggestion", "unshown"):
            self._db.execute(f"DELETE FROM {table} WHERE day < ?", (day,))  # noqa: S608 - names of our tables

    def groups(self) -> list[tuple[str, str]]:
        """See the function `groups`."""
        return groups(self._db)

    def bands(self, language: str, tier: str) -> tuple[list[int], list[int]]:
        """See the function `bands`."""
        return bands(self._db, language, tier)

    def erase(self) -> int:
        """Delete everything from the database and from the disk. Return the number of suggestions deleted."""
        with self.transaction():
            count: int = self._db.execute("SELECT count(*) FROM suggestion").fetchone()[0]
            self.delete_before("~")  # sorts after every date
        with contextlib.suppress(sqlite3.Error):
            # `secure_delete` has overwritten the rows. This shrinks the file and empties the write-ahead log.
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count


def groups(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the pairs of language and tier that have suggestions, sorted."""
    return list(db.execute("SELECT DISTINCT language, tier FROM suggestion ORDER BY language, tier"))


def bands(db: sqlite3.Connection, language: str, tier: str) -> tuple[list[int], list[int]]:
    """Return, for each confidence band, how many of the newest `WINDOW` suggestions were shown and how many accepted.

    Only suggestions with a known outcome count. Partial acceptance counts as accepted.
    """
    shown, accepted = [0] * BANDS, [0] * BANDS
    rows = db.execute(
        "SELECT min(CAST(confidence * ? AS INTEGER), ?) AS band, count(*), sum(outcome IN ('accepted', 'partial')) "
        "FROM (SELECT confidence, outcome FROM suggestion WHERE language = ? AND tier = ? AND outcome IS NOT NULL "
        "ORDER BY id DESC LIMIT ?) GROUP BY band",
        (BANDS, BANDS - 1, language, tier, WINDOW),
    )
    for band, shown_in_band, accepted_in_band in rows:
        shown[band], accepted[band] = shown_in_band, accepted_in_band
    return shown, accepted


def check_version(db: sqlite3.Connection) -> None:
    """Raise `sqlite3.DatabaseError` if the database has another schema version."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA:
        raise sqlite3.DatabaseError(f"the schema version is {version}, but this slm-lsp needs version {SCHEMA}")


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a read-only connection. It works while servers write.

    Raises:
        StatisticsError: the database cannot be read.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=LOCK_S)) as db:
            check_version(db)
            yield db
    except sqlite3.Error as error:
        raise StatisticsError(
            f"The statistics in {path} cannot be read: {error}.",
            "To delete them and start again, run `slm-lsp stats --reset`.",
        ) from error


def erase(path: Path) -> int:
    """Delete all statistics. Return the number of suggestions deleted; 0 for a damaged database.

    An intact database is emptied but not removed, because servers that have it open would keep writing to the removed
    file. A damaged database is removed.

    Raises:
        StatisticsError: the database stays locked or is not writable.
    """
    if not path.exists():
        return 0
    try:
        with closing(StatisticsDatabase(path)) as database:
            return database.erase()
    except (OSError, sqlite3.Error) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(error, OSError) or code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY):
            raise _not_erased(path, error) from error
    try:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise _not_erased(path, error) from error
    return 0


def _not_erased(path: Path, error: Exception) -> StatisticsError:
    return StatisticsError(
        f"{path} cannot be deleted: {error}.", "Close all editors that use it, then delete the file."
    )
