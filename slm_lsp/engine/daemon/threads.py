"""How many threads evaluate a batch.

The threads of llama.cpp wait for each other hundreds of times in a batch. When another program takes one of the cores,
all threads wait for the one on that core, and a batch is faster with one thread less. The choice goes by the load that
other programs make and by the measured times of batches with different numbers of threads.
"""

from collections.abc import Callable
from dataclasses import dataclass

CHANGED = 0.65
"""Cores by which the load has to differ from the last level before it counts as changed."""

TRIALS = 3
"""Batches with a number of threads before its time is trusted: schedulers give time in slices of some milliseconds."""

RETRY_S = 4.0
"""Seconds after which a number of threads that is not in use is tried again while the load lasts."""

BETTER = 0.9
"""Another number of threads is taken when its batches take less than this share of the time."""

SMOOTHING = 0.4
"""Weight of the newest batch in the running mean of a number of threads."""


@dataclass(slots=True)
class _Seen:
    """What is known about one number of threads under the present load."""

    slowdown: float
    count: int
    at: float


class ThreadChoice:
    """Chooses a number of threads for each batch. Used by the decoding thread.

    Prompts and answers are decided apart: prompts need arithmetic, which every thread adds to; answers need memory
    bandwidth, which few threads use up.

    Args:
        most: threads on a quiet machine.
        clock: seconds, from any start.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self.most = most
        self._clock = clock
        self._level = 0
        self._seen: dict[tuple[bool, int], _Seen] = {}
        self._current: dict[bool, int] = {}

    def choose(self, prompt: bool, contended: float) -> int:
        """The number of threads for the next batch.

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
        """A batch with a number of threads took this multiple of the time measured on the quiet machine."""
        known = self._seen.get((prompt, threads))
        now = self._clock()
        if known is None:
            self._seen[prompt, threads] = _Seen(slowdown, 1, now)
        else:
            known.slowdown += SMOOTHING * (slowdown - known.slowdown)
            known.count, known.at = known.count + 1, now

    def forget(self) -> None:
        """Start anew: all numbers of threads are tried again."""
        self._seen.clear()
        self._current.clear()

    def chosen(self, prompt: bool) -> int:
        """The number of threads that is in use, apart from trials of others."""
        if self._level == 0:
            return self.most
        return self._current.get(prompt, self._candidates()[0])

    def _candidates(self) -> list[int]:
        """What to choose from, the most promising first: one thread for each free core, one less, and all."""
        free = max(1, self.most - self._level)
        return list(dict.fromkeys((free, max(1, free - 1), self.most)))
