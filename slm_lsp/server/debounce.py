"""Debounce requests: start at once while the user types slowly; during a burst of key presses wait until it pauses."""

from collections import deque
from statistics import median

BURST_GAP_S = 0.3
"""Longest interval in seconds between two key presses of one burst."""

INTERVAL_FACTOR = 1.25
"""Debounce, as a multiple of the median interval between key presses.

A user who has not typed again after this time probably waits for a suggestion. A generation that starts earlier is
usually cancelled by the next key press, and until then it takes processor time from the editor.
"""

MAX_DELAY_S = 0.15
"""Longest debounce in seconds."""

INTERVALS = 5
"""Number of the latest intervals that the median is taken of."""


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
