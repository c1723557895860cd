"""How many processor cores other programs use, out of those that this process may use."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from slm_lsp.platform.cores import allowed_processors

WINDOW_S = 0.2
"""Seconds between two readings: Linux counts processor time in steps of 0.01 s."""

IDLE = ("idle", "iowait")


@dataclass(frozen=True, slots=True)
class Reading:
    """Processor time since the machine started, in seconds."""

    busy: float
    """Of all programs, on the processors that this process may use. Includes time taken by a hypervisor."""
    own: float
    """Of this process."""


def read_times() -> Reading:
    """The present counters."""
    rows = psutil.cpu_times(percpu=True)
    busy = 0.0
    for number in allowed_processors():
        if number < len(rows):
            row = rows[number]._asdict()
            # Linux counts the time of virtual machines (guest) as user time too.
            busy += sum(value for name, value in row.items() if name not in IDLE and not name.startswith("guest"))
    return Reading(busy, time.process_time())


def spare_processors(threads: int) -> int:
    """Processors that this process may use beyond one for each of its compute threads."""
    return max(0, len(allowed_processors()) - threads)


class LoadMeter:
    """Measures the contention for the compute threads. Used by the decoding thread.

    Args:
        spare: processors that other programs can use without disturbing a compute thread; see `spare_processors`.
        read: gives the present counters.
        clock: seconds, from any start.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        spare: int = 0,
        read: Callable[[], Reading] = read_times,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spare, self._read, self._clock, self._sleep = spare, read, clock, sleep
        self._last = read()
        self._at = clock()
        self._value = 0.0

    def contended(self) -> float:
        """Cores that compute threads have to share with other programs, a mean of the last 0.2 s or more.

        0 on a quiet machine. Costs a tenth of a millisecond at most every `WINDOW_S`, and nothing otherwise.
        """
        now = self._clock()
        if (elapsed := now - self._at) < WINDOW_S:
            return self._value
        reading = self._read()
        others = (reading.busy - self._last.busy) - (reading.own - self._last.own)
        self._value = max(0.0, others / elapsed - self._spare)
        self._last, self._at = reading, now
        return self._value

    def now(self) -> float:
        """The same over the next 0.2 s; waits for them."""
        self._last, self._at = self._read(), self._clock()
        self._sleep(WINDOW_S)
        return self.contended()
