"""Tracks how much slower the machine is now than when its models were measured.

Other programs slow all models down equally. So the batches of one model also correct the estimates of the others, and
an estimate made on a busy machine is corrected as soon as any model runs on the idle machine.
"""

import math
from dataclasses import dataclass

from slm_lsp.engine.api import NOTICEABLE

MEMORY_S = 0.2
"""Time constant of the running mean, in seconds of computing. A suggestion computes for 0.3 to 2 s, so the first one
after a change already carries most of the new value."""

LEAST, MOST = 0.5, 50.0
"""Observations are clamped to this range. Without it, a process that was suspended during a batch would count."""


@dataclass(slots=True)
class Slowdown:
    """Running mean of (observed time / measured time) over the batches of all models. Used by the decoding thread."""

    value: float = 1.0

    def note(self, ratio: float, seconds: float) -> None:
        """Add a batch.

        Args:
            ratio: its duration divided by the duration measured for such a batch on the idle machine.
            seconds: its duration; longer batches have more weight.
        """
        limited = min(max(ratio, LEAST), MOST)
        weight = 1 - math.exp(-max(seconds, 0.0) / MEMORY_S)
        self.value += weight * (limited - self.value)

    @property
    def noticeable(self) -> bool:
        """Whether other programs noticeably slow the machine down."""
        return self.value >= NOTICEABLE
