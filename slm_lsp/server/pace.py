"""How long to wait before a suggestion is begun: not at all for who types slowly, in a burst until it seems to end."""

from collections import deque
from statistics import median

BURST_S = 0.3
"""Keys that come faster than that belong together."""

PART = 1.25
"""Of the usual time between two keys: whoever has not typed again by then is likely to look. What is begun sooner is
given up at the next key, and until then slows down the editor, which wants the same processor."""

LONGEST_S = 0.15

KEYS = 5


class Pace:
    """When keys came, and what follows from it."""

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=KEYS)
        self._last: float | None = None

    def key(self, now: float) -> float:
        """A request has come; seconds to wait before something is done about it."""
        gap = BURST_S if self._last is None else now - self._last
        self._last = now
        if gap >= BURST_S:
            self._gaps.clear()
            return 0.0
        self._gaps.append(gap)
        return min(PART * median(self._gaps), LONGEST_S)
