"""What became of suggestions: counted on this machine, for its user, with nothing of what was in them.

Whoever completes only puts a note into a queue; a thread writes. A database that is damaged, locked or cannot be
written costs the statistics, never a completion.
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

from slm_lsp.features.statistics.feedback import Feedback, Kind, Outcome, Shown, Source, kind_of
from slm_lsp.features.statistics.store import Ledger, default_path
from slm_lsp.features.statistics.summary import Summary, summarize

__all__ = ["Outcome", "Shown", "Source", "Statistics"]

QUEUE = 4096
"""Notes that wait while somebody else has the database; what comes then is not counted."""

BATCH = 128
"""Notes that are written together."""

CLOSE_S = 2.0
"""How long the end of a server may wait for the last notes."""

GIVEN_UP = "%s: %s. Nothing is counted before the next start; `slm-lsp stats --reset` mends a damaged file."

log = logging.getLogger(__name__)

_Note = Callable[[Feedback], None]


class Statistics:
    """Counts what is shown and what becomes of it. Used from one thread.

    `shown`, `outcome`, `replaced`, `nothing` and `threshold` return at once and never fail.

    A suggestion of which nobody tells an outcome counts as ignored. Where an editor has never told that one was taken
    or rejected, its silence says nothing, and nothing is learned from it.

    Args:
        path: the database; None: the user's own. It is opened, and made, when the first of these methods is called.
        today: the day, of the user's clock.
    """

    def __init__(self, path: Path | None = None, today: Callable[[], date] = date.today) -> None:
        self._path = path or default_path()
        self._today = today
        self._notes: queue.Queue[_Note | threading.Event | None] = queue.Queue(QUEUE)
        self._thread: threading.Thread | None = None
        self._counting = True
        self._thresholds: dict[Kind, float] = {}

    def shown(self, suggestion: Shown) -> None:
        """A suggestion was given to an editor; again with the same `id` it is not counted again."""
        day = self._today()
        self._put(lambda feedback: feedback.shown(suggestion, day))

    def outcome(self, id: str, kind: Outcome, characters: int | None = None) -> None:  # noqa: A002 - the field's name
        """What became of a suggestion; of several outcomes the best stands, whatever their order.

        Args:
            id: as it was shown; an unknown one is passed over.
            kind: `partial` may come again and again, and `accepted` after it.
            characters: how many of the suggestion's have been taken so far; None: all, where it was accepted.
        """
        self._put(lambda feedback: feedback.outcome(id, kind, characters))

    def replaced(self, id: str) -> None:  # noqa: A002 - the field's name
        """A better suggestion was shown in place of one: it is not counted, unless something of it was accepted."""
        self._put(lambda feedback: feedback.replaced(id))

    def nothing(self, language: str, tier: str | None, reason: str) -> None:
        """Nothing was shown. `reason` is one of our own sentences; what does not look like one is kept as `other`."""
        day = self._today()
        self._put(lambda feedback: feedback.nothing(language, tier, reason, day))

    def threshold(self, language: str, tier: str | None) -> float:
        """The least confidence worth showing, from 0 to 0.9; 0 while little is known, and until the file is read."""
        self._start()
        return self._thresholds.get(kind_of(language, tier), 0.0)

    def summary(self, days: int | None = None) -> Summary:
        """Everything counted, or only what was in the last `days`, today one of them.

        Raises:
            StatisticsError: the database cannot be read.
        """
        self.flush()
        return summarize(self._path, self._today(), days)

    def flush(self, timeout_s: float = CLOSE_S) -> bool:
        """Wait until every note so far is written or given up; False where that took too long."""
        if self._thread is None or not self._thread.is_alive():
            return True
        written = threading.Event()
        try:
            self._notes.put(written, timeout=timeout_s)
        except queue.Full:
            return False
        return written.wait(timeout_s)

    def close(self) -> None:
        """Write what is left; waits for that, twice `CLOSE_S` at most. Nothing is counted afterwards."""
        self._counting = False
        if self._thread is not None and self.flush():
            with contextlib.suppress(queue.Full):
                self._notes.put_nowait(None)
                self._thread.join(CLOSE_S)

    def _put(self, note: _Note) -> None:
        if not self._counting:
            return
        self._start()
        # Full: somebody else has had the database for a long time. What is not counted is not missed.
        with contextlib.suppress(queue.Full):
            self._notes.put_nowait(note)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="statistics", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            with closing(Ledger(self._path)) as ledger:
                feedback = Feedback(ledger, self._today, self._thresholds)
                while self._write(ledger, feedback):
                    pass
            return
        except (OSError, sqlite3.Error) as error:
            self._counting = False
            log.warning(GIVEN_UP, self._path, error)
        while (left := self._notes.get()) is not None:
            if isinstance(left, threading.Event):
                left.set()

    def _write(self, ledger: Ledger, feedback: Feedback) -> bool:
        """Wait for notes and write those there are; False after the last."""
        batch = [self._notes.get()]
        while len(batch) < BATCH and not self._notes.empty():
            batch.append(self._notes.get())
        try:
            if notes := [each for each in batch if callable(each)]:
                with ledger.transaction():
                    feedback.tidy()
                    for note in notes:
                        note(feedback)
                    feedback.learn()
        finally:
            for each in batch:
                if isinstance(each, threading.Event):
                    each.set()
        return None not in batch
