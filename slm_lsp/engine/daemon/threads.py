"""Chooses the number of threads for each batch.

The threads of llama.cpp wait for each other hundreds of times in a batch. When another program uses one of the cores,
all threads wait for the thread on that core, and a batch is faster with one thread fewer. The choice depends on the
load of other programs and on the measured times of batches with different numbers of threads.
"""

from collections.abc import Callable
from dataclasses import dataclass

CHANGED = 0.65
"""The load level is the load of other programs, rounded to whole cores. It is set again when the load differs from it
by more than this number of cores."""

TRIALS = 3
"""Number of batches that are evaluated with a number of threads before it is compared with others. Operating systems
schedule in slices of some milliseconds, so the times of single batches vary."""

RETRY_S = 4.0
"""While the load lasts, try other numbers of threads again after this many seconds."""

BETTER = 0.9
"""Switch to another number of threads if batches with it take less than this share of the present time."""

SMOOTHING = 0.4
"""Weight of the newest batch in the running mean of a number of threads."""


@dataclass(slots=True)
class _Seen:
    """Observations of one number of threads under the present load."""

    slowdown: float
    count: int
    at: float


class ThreadChoice:
    """Chooses a number of threads for each batch. Used by the decoding thread.

    Prompts and answers have separate choices. The speed of prompts is limited by arithmetic, so every further thread
    helps. The speed of answers is limited by memory bandwidth, and a few threads use all of it.

    Args:
        most: number of threads on an idle machine.
        clock: returns seconds since any fixed time.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self.most = most
        self._clock = clock
        self._level = 0
        self._seen: dict[tuple[bool, int], _Seen] = {}
        self._current: dict[bool, int] = {}

    def choose(self, prompt: bool, contended: float) -> int:
        """Return the number of threads for the next batch.

        Args:
            prompt: whether the batch is a piece of a prompt.
            contended: cores that other programs use; see `LoadMeter.contended`.
        """
        if abs(contended - self._level) > CHANGED:
            self._level = round(contended)
            self.forget()
        if self._level == 0 or self.most == 1:
            return self.most
        now = self._clock()
        candidates = self._candidates()
        current = self.chosen(prompt)
        for threads in candidates:
            known = self._seen.get((prompt, threads))
            if known is None or known.count < TRIALS:
                return threads
            if threads != current and now - known.at > RETRY_S:
                return threads
        best = min(candidates, key=lambda each: self._seen[prompt, each].slowdown)
        if self._seen[prompt, best].slowdown < BETTER * self._seen[prompt, current].slowdown:
            current = best
        self._current[prompt] = current
        return current

    def note(self, prompt: bool, threads: int, slowdown: float) -> None:
        """Record a batch: `slowdown` is its time divided by the time measured on the idle machine."""
        known = self._seen.get((prompt, threads))
        now = self._clock()
        if known is None:
            self._seen[prompt, threads] = _Seen(slowdown, 1, now)
        else:
            known.slowdown += SMOOTHING * (slowdown - known.slowdown)
            known.count, known.at = known.count + 1, now

    def forget(self) -> None:
        """Discard all observations, so that all numbers of threads are tried again."""
        self._seen.clear()
        self._current.clear()

    def chosen(self, prompt: bool) -> int:
        """Return the number of threads in use, ignoring trials of other numbers."""
        if self._level == 0:
            return self.most
        return self._current.get(prompt, self._candidates()[0])

    def _candidates(self) -> list[int]:
        """Return the numbers of threads to try, the most promising first: one per free core, one fewer, and all."""
        free = max(1, self.most - self._level)
        return list(dict.fromkeys((free, max(1, free - 1), self.most)))
