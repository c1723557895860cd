"""Measures how many processor cores other programs use, of the cores that are available to this process."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from slm_lsp.platform.cores import allowed_processors

WINDOW_S = 0.2
"""Minimum seconds between two readings of the processor time, which Linux counts in steps of 0.01 s."""

IDLE = ("idle", "iowait")


@dataclass(frozen=True, slots=True)
class Reading:
    """Processor time since the machine started, in seconds."""

    busy: float
    """Time of all programs on the processors available to this process, including time taken by a hypervisor."""
    own: float
    """Time of this process."""


def read_times() -> Reading:
    """Read how much processor time all programs, and this process, have used so far."""
    rows = psutil.cpu_times(percpu=True)
    busy = 0.0
    for number in allowed_processors():
        if number < len(rows):
            row = rows[number]._asdict()
            # Linux counts the time of virtual machines (guest) as user time too.
            busy += sum(value for name, value in row.items() if name not in IDLE and not name.startswith("guest"))
    return Reading(busy, time.process_time())


def spare_processors(threads: int) -> int:
    """Return how many of the processors available to this process remain if each compute thread uses one."""
    return max(0, len(allowed_processors()) - threads)


class LoadMeter:
    """Measures how many cores the compute threads share with other programs. Used by the decoding thread.

    Args:
        spare: number of processors that other programs can use without slowing a compute thread down; see
            `spare_processors`.
        read: returns the present counters.
        clock: returns seconds since any fixed time.
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
        """Return how many cores the compute threads share with other programs, a mean over the last 0.2 s or more.

        The result is 0 on an idle machine. A new reading takes at most 0.1 ms and is made at most every `WINDOW_S`.
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
        """Wait 0.2 s and return the value of `contended` for this time."""
        self._last, self._at = self._read(), self._clock()
        self._sleep(WINDOW_S)
        return self.contended()
