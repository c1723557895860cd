"""The database of the statistics: its tables, who may read it, how it is begun and emptied.

Several servers write it at once. It holds days, names of languages, tiers, models and reasons, and numbers; nothing
else has a column.
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
"""How long a writer waits for another. Nobody waits for the writer."""

# Numbers of rows are never given twice: an outcome that is told after the table was emptied meets no other row.
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
    """Where the user's statistics lie."""
    return platformdirs.user_state_path("slm-lsp") / "stats.db"


class Ledger:
    """A connection that writes. Used by the thread that made it; made if need be, readable by this user only.

    Raises:
        sqlite3.Error: it is damaged, locked for long, or of another version.
        OSError: it cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Turning the log on is the one thing that SQLite does not wait for.
        with FileLock(path.with_name(path.name + ".lock"), timeout=LOCK_S, mode=0o600):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            path.chmod(0o600)
            self._db = sqlite3.connect(path, timeout=LOCK_S, isolation_level=None)
            try:
                self._begin()
            except sqlite3.Error:
                self._db.close()
                raise

    def _begin(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        # A crash of the machine may cost the last rows; it cannot damage the file.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA secure_delete = ON")
        if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
            self._db.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {SCHEMA};COMMIT")
        check_version(self._db)

    def close(self) -> None:
        """Give the file back."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is written, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def add(self, row: tuple[object, ...]) -> int:
        """A suggestion was shown: every column from `day` to `outcome`. Returns the number of the row."""
        columns = "day, language, tier, model, source, confidence, characters, lines, latency_ms, tokens, outcome"
        marks = ", ".join("?" * len(row))
        statement = f"INSERT INTO suggestion ({columns}) VALUES ({marks})"  # noqa: S608 - names of our columns
        return self._db.execute(statement, row).lastrowid or 0

    def set_outcome(self, row: int, outcome: str | None, taken: int) -> None:
        """What became of a suggestion, and how many of its characters were taken."""
        self._db.execute("UPDATE suggestion SET outcome = ?, taken = ? WHERE id = ?", (outcome, taken, row))

    def remove(self, row: int) -> None:
        """Delete a suggestion: it does not count."""
        self._db.execute("DELETE FROM suggestion WHERE id = ?", (row,))

    def add_nothing(self, day: str, language: str, tier: str, reason: str) -> None:
        """Nothing was shown, once more for this reason."""
        self._db.execute(
            "INSERT INTO unshown VALUES (?, ?, ?, ?, 1) "
            "ON CONFLICT (day, language, tier, reason) DO UPDATE SET count = count + 1",
            (day, language, tier, reason),
        )

    def forget_before(self, day: str) -> None:
        """Drop what is older than a day."""
        for table in ("suggestion", "unshown"):
            self._db.execute(f"DELETE FROM {table} WHERE day < ?", (day,))  # noqa: S608 - names of our tables

    def kinds(self) -> list[tuple[str, str]]:
        """Languages and tiers of which something is known."""
        return kinds(self._db)

    def bands(self, language: str, tier: str) -> tuple[list[int], list[int]]:
        """See `bands`."""
        return bands(self._db, language, tier)

    def erase(self) -> int:
        """Delete everything, so that nothing of it stays on the disk; returns how many suggestions that were."""
        with self.transaction():
            count: int = self._db.execute("SELECT count(*) FROM suggestion").fetchone()[0]
            self.forget_before("~")  # behind every date
        with contextlib.suppress(sqlite3.Error):
            # What was deleted is overwritten already; this gives the space back, and empties the log.
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count


def kinds(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Languages and tiers of which something is known, in order."""
    return list(db.execute("SELECT DISTINCT language, tier FROM suggestion ORDER BY language, tier"))


def bands(db: sqlite3.Connection, language: str, tier: str) -> tuple[list[int], list[int]]:
    """The newest outcomes by band of confidence: how many were shown, and how many of them were taken."""
    shown, taken = [0] * BANDS, [0] * BANDS
    rows = db.execute(
        "SELECT min(CAST(confidence * ? AS INTEGER), ?) AS band, count(*), sum(outcome IN ('accepted', 'partial')) "
        "FROM (SELECT confidence, outcome FROM suggestion WHERE language = ? AND tier = ? AND outcome IS NOT NULL "
        "ORDER BY id DESC LIMIT ?) GROUP BY band",
        (BANDS, BANDS - 1, language, tier, WINDOW),
    )
    for band, count, accepted in rows:
        shown[band], taken[band] = count, accepted
    return shown, taken


def check_version(db: sqlite3.Connection) -> None:
    """Raise `sqlite3.DatabaseError` where a database is not of this version."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA:
        raise sqlite3.DatabaseError(f"it is of version {version}, not {SCHEMA}")


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, also while servers write.

    Raises:
        StatisticsError: it cannot be read.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=LOCK_S)) as db:
            check_version(db)
            yield db
    except sqlite3.Error as error:
        raise StatisticsError(
            f"The statistics in {path} cannot be read: {error}.", "`slm-lsp stats --reset` begins anew."
        ) from error


def erase(path: Path) -> int:
    """Delete everything; returns how many suggestions that were. A database that is damaged is removed.

    A sound one is emptied and not removed: servers have it open, and would go on writing what nobody finds.

    Raises:
        StatisticsError: somebody keeps it locked, or it may not be written.
    """
    if not path.exists():
        return 0
    try:
        with closing(Ledger(path)) as ledger:
            return ledger.erase()
    except (OSError, sqlite3.Error) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(error, OSError) or code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY):
            raise _not_erased(path, error) from error
    try:
        for end in ("", "-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
    except OSError as error:
        raise _not_erased(path, error) from error
    return 0


def _not_erased(path: Path, error: Exception) -> StatisticsError:
    return StatisticsError(f"{path} cannot be deleted: {error}.", "Close the editors that use it, and delete the file.")
