"""Tracks how much slower the machine is now than when its models were measured.

Other programs slow all models down equally. So the batches of one model also correct the estimates of the others, and
an estimate made on a busy machine is corrected as soon as any model runs on the idle machine.
"""

import math
from dataclasses import dataclass

from slm_lsp.engine.api import NOTICEABLE

MEMORY_S = 0.2
"""Time constant of the running mean, in seconds of computing. One suggestion takes 0.3 to 2 s of computing. So after
the load has changed, the first suggestion moves the mean most of the way to the new value."""

LEAST, MOST = 0.5, 50.0
"""Range to which observed ratios are clamped. The ratio is far too high if, for example, the process was suspended
during a batch."""


@dataclass(slots=True)
class Slowdown:
    """Running mean of (observed time / measured time) over the batches of all models. Used by the decoding thread."""

    value: float = 1.0

    def note(self, ratio: float, seconds: float) -> None:
        """Add a batch to the mean.

        Args:
            ratio: duration of the batch divided by the duration measured for such a batch on the idle machine.
            seconds: duration of the batch; longer batches have more weight.
        """
        limited = min(max(ratio, LEAST), MOST)
        weight = 1 - math.exp(-max(seconds, 0.0) / MEMORY_S)
        self.value += weight * (limited - self.value)

    @property
    def noticeable(self) -> bool:
        """Whether other programs noticeably slow the machine down."""
        return self.value >= NOTICEABLE
