"""Debounces requests: starts at once while the user types slowly, and waits for a pause while the user types fast."""

from collections import deque
from statistics import median

BURST_GAP_S = 0.3
"""Maximum seconds between two key presses for the user to count as typing fast."""

INTERVAL_FACTOR = 1.25
"""Debounce, as a multiple of the median interval between key presses.

A user who has not typed again after this time probably waits for a suggestion. A generation that starts earlier is
usually cancelled by the next key press, and until then it takes processor time from the editor.
"""

MAX_DELAY_S = 0.15
"""Maximum debounce in seconds."""

INTERVALS = 5
"""The debounce depends on the median of this many latest intervals between key presses."""


class Debounce:
    """Measures the intervals between the requests of one document."""

    def __init__(self) -> None:
        self._intervals: deque[float] = deque(maxlen=INTERVALS)
        self._last: float | None = None

    def delay(self, now: float) -> float:
        """Record a request at this time, in seconds. Return the seconds to wait before a generation starts."""
        interval = BURST_GAP_S if self._last is None else now - self._last
        self._last = now
        if interval >= BURST_GAP_S:
            self._intervals.clear()
            return 0.0
        self._intervals.append(interval)
        return min(INTERVAL_FACTOR * median(self._intervals), MAX_DELAY_S)
