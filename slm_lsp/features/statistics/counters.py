"""Counts suggestions and their outcomes on this machine. Neither code nor paths are stored.

The caller only appends to a queue; a background thread writes to the database. A database that is damaged, locked or
not writable stops the counting, but never fails or delays a completion.
"""

import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

from slm_lsp.features.statistics.feedback import (
    Feedback,
    Group,
    ShownSuggestion,
    SuggestionOutcome,
    SuggestionSource,
    group_of,
)
from slm_lsp.features.statistics.store import StatisticsDatabase, default_path
from slm_lsp.features.statistics.summary import Summary, summarize

__all__ = ["ShownSuggestion", "Statistics", "SuggestionOutcome", "SuggestionSource"]

QUEUE = 4096
"""Maximum number of queued writes. While the queue is full, because another process has locked the database, new writes
are dropped."""

BATCH = 128
"""Maximum number of writes in one transaction."""

CLOSE_S = 2.0
"""Seconds that `flush`, and each of the two steps of `close`, may wait for the queued writes."""

STOPPED = (
    "Suggestions are not counted until the next start: %s: %s. "
    "If the file is damaged, `slm-lsp stats --reset` removes it."
)

log = logging.getLogger(__name__)

_Write = Callable[[Feedback], None]


class Statistics:
    """Counts suggestions and their outcomes. Must be used from one thread only.

    `shown`, `outcome`, `replaced`, `not_shown` and `threshold` return at once and never raise.

    A suggestion without a reported outcome counts as ignored. As long as an editor has never reported `accepted`,
    `partial` or `rejected`, nothing is learned from its suggestions, because this editor may never report outcomes.

    Args:
        path: the database; None: the default path of this user. The database is opened, and created if it is missing,
            by the first call of one of these methods.
        today: returns the local date.
    """

    def __init__(self, path: Path | None = None, today: Callable[[], date] = date.today) -> None:
        self._path = path or default_path()
        self._today = today
        self._queue: queue.Queue[_Write | threading.Event | None] = queue.Queue(QUEUE)
        self._thread: threading.Thread | None = None
        self._counting = True
        self._thresholds: dict[Group, float] = {}

    def shown(self, suggestion: ShownSuggestion) -> None:
        """Count a suggestion that was sent to an editor. Further calls with the same `id` are ignored."""
        day = self._today()
        self._enqueue(lambda feedback: feedback.shown(suggestion, day))

    def outcome(self, id: str, outcome: SuggestionOutcome, characters: int | None = None) -> None:  # noqa: A002 - the field's name
        """Record the outcome of a suggestion. Of several outcomes the best is kept, in whatever order they arrive.

        Args:
            id: id of the suggestion. Unknown ids are ignored.
            outcome: `partial` may be reported several times, and `accepted` after it.
            characters: number of characters of the suggestion that were accepted so far; None: all of them if the
                outcome is `accepted`, otherwise unknown.
        """
        self._enqueue(lambda feedback: feedback.outcome(id, outcome, characters))

    def replaced(self, id: str) -> None:  # noqa: A002 - the field's name
        """Stop counting a suggestion that a better one has replaced, unless part of it was already accepted."""
        self._enqueue(lambda feedback: feedback.replaced(id))

    def not_shown(self, language: str, tier: str | None, reason: str) -> None:
        """Count a request that was answered without a suggestion.

        `reason` is one of slm-lsp's own sentences. Any text that does not look like one is stored as `other`.
        """
        day = self._today()
        self._enqueue(lambda feedback: feedback.not_shown(language, tier, reason, day))

    def threshold(self, language: str, tier: str | None) -> float:
        """Return the lowest confidence worth showing, 0 to 0.9.

        The result is 0 until the database has been read and enough outcomes are known.
        """
        self._start()
        return self._thresholds.get(group_of(language, tier), 0.0)

    def summary(self, days: int | None = None) -> Summary:
        """Summarize all counts, or only those of the last `days` days, including today.

        Raises:
            StatisticsError: the database cannot be read.
        """
        self.flush()
        return summarize(self._path, self._today(), days)

    def flush(self, timeout_s: float = CLOSE_S) -> bool:
        """Wait until every queued write is done or has failed. Return False if that took longer than the timeout."""
        if self._thread is None or not self._thread.is_alive():
            return True
        written = threading.Event()
        try:
            self._queue.put(written, timeout=timeout_s)
        except queue.Full:
            return False
        return written.wait(timeout_s)

    def close(self) -> None:
        """Execute the queued writes and stop the thread. Takes at most twice `CLOSE_S`. Later calls count nothing."""
        self._counting = False
        if self._thread is not None and self.flush():
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(None)
                self._thread.join(CLOSE_S)

    def _enqueue(self, write: _Write) -> None:
        if not self._counting:
            return
        self._start()
        # A full queue means that the database has been locked for a long time. A lost count is better than waiting.
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(write)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="statistics", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            with closing(StatisticsDatabase(self._path)) as database:
                feedback = Feedback(database, self._today, self._thresholds)
                while self._write_batch(database, feedback):
                    pass
            return
        except (OSError, sqlite3.Error) as error:
            self._counting = False
            log.warning(STOPPED, self._path, error)
        # Nothing is written any more, but callers of `flush` must not wait until their timeout.
        while (entry := self._queue.get()) is not None:
            if isinstance(entry, threading.Event):
                entry.set()

    def _write_batch(self, database: StatisticsDatabase, feedback: Feedback) -> bool:
        """Wait for queued writes and execute them in one transaction.

        Returns:
            False if the batch contains the end mark (None) that `close` queues, otherwise True.
        """
        batch = [self._queue.get()]
        while len(batch) < BATCH and not self._queue.empty():
            batch.append(self._queue.get())
        try:
            if writes := [each for each in batch if callable(each)]:
                with database.transaction():
                    feedback.delete_old()
                    for write in writes:
                        write(feedback)
                    feedback.learn()
        finally:
            for each in batch:
                if isinstance(each, threading.Event):
                    each.set()
        return None not in batch
