"""The journal of plans: every finished step, so that an interrupted run continues without generating anything twice.

The journal is a SQLite database in the user's cache folder. It contains code, so only the user can read it. The steps
of a run are removed when the result is written to the file that the plan changes, and otherwise after `KEPT_S`.
"""

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import platformdirs
from filelock import FileLock

from slm_lsp.features.edit.module.plan import Plan
from slm_lsp.features.edit.module.result import StepResult
from slm_lsp.index.database import is_damage

SCHEMA = 1
"""Schema version. Increase it when the table or `StepResult` changes; older journals are then discarded."""

LOCK_S = 10.0
"""Seconds to wait for another process that writes to the journal."""

KEPT_S = 30 * 24 * 3600.0
"""Seconds for which the steps of a run are kept."""

_TABLES = """
CREATE TABLE step (
  run TEXT NOT NULL, number INTEGER NOT NULL, finished REAL NOT NULL, result BLOB NOT NULL,
  PRIMARY KEY (run, number)) WITHOUT ROWID;
"""


def default_path() -> Path:
    """Return the path of the user's journal."""
    return platformdirs.user_cache_path("slm-lsp") / "refactor" / "journal.db"


def run_key(file: Path, plan: Plan, *conditions: str) -> str:
    """Return the name of a run in the journal.

    Args:
        file: the file that the plan changes.
        plan: the plan.
        conditions: everything else that decides the results, such as the setting `model` and the test command.
    """
    parts = [os.fsencode(file.resolve()), plan.key.encode(), *(os.fsencode(each) for each in conditions)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


class Journal:
    """The steps of one run. Must be used in the thread that opened it.

    Args:
        path: the database. It is created if it is missing, and discarded if it is damaged.
        run: name of the run (`run_key`).
        now: returns the seconds since 1970.

    Raises:
        sqlite3.Error: the database stays locked, or cannot be written.
        filelock.Timeout: another process is creating the database, and does not finish.
        OSError: the folder or the file cannot be created.
    """

    def __init__(self, path: Path, run: str, now: Callable[[], float] = time.time) -> None:
        self._run, self._now = run, now
        self.problem: str | None = None
        """Why steps are no longer recorded; None if they are."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite does not wait for a lock when it switches to WAL mode, so processes take turns here.
        with FileLock(path.with_name(path.name + ".lock"), timeout=LOCK_S, mode=0o600):
            self._db = _open(path)
        self._db.execute("DELETE FROM step WHERE finished < ?", (now() - KEPT_S,))

    def close(self) -> None:
        """Close the database."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def finished(self) -> list[StepResult]:
        """Return the results of the finished steps, from the first step to the first one that is not finished."""
        found: list[StepResult] = []
        rows = self._db.execute("SELECT number, result FROM step WHERE run = ? ORDER BY number", (self._run,))
        for number, raw in rows:
            if number != len(found):
                break
            try:
                found.append(msgspec.json.decode(raw, type=StepResult))
            except msgspec.MsgspecError:  # written by another version of slm-lsp
                break
        return found

    def add(self, number: int, result: StepResult) -> None:
        """Record a finished step; `number` counts from 0. If this fails, `problem` says why."""
        try:
            self._db.execute(
                "INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?)",
                (self._run, number, self._now(), msgspec.json.encode(result)),
            )
        except sqlite3.Error as error:
            self.problem = str(error)

    def clear(self) -> None:
        """Remove all steps of the run."""
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("DELETE FROM step WHERE run = ?", (self._run,))


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=LOCK_S, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # With NORMAL, a power failure may lose the last steps, which are then generated again, but damages nothing.
        db.execute("PRAGMA synchronous = NORMAL")
        # Code that was removed from the journal must not stay in the file.
        db.execute("PRAGMA secure_delete = ON")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA:
            db.executescript(f"BEGIN;DROP TABLE IF EXISTS step;{_TABLES}PRAGMA user_version = {SCHEMA};COMMIT")
        db.execute("SELECT count(*) FROM step").fetchone()
    except sqlite3.Error:
        db.close()
        raise
    return db
