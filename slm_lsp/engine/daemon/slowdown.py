"""How much slower the machine is right now than when its models were measured.

Other programs slow all models down alike. So the batches of the model in use tell how long the other model would take,
and an estimate made on a busy machine corrects itself as soon as any model runs on the quiet one.
"""

import math
from dataclasses import dataclass

from slm_lsp.engine.api import NOTICEABLE

MEMORY_S = 0.2
"""Seconds of computing after which an observation counts about a third: a suggestion computes for 0.3 to 2 s, so the
first one after a change already carries most of the new value."""

LEAST, MOST = 0.5, 50.0
"""Limits of one observation: a process that was suspended inside a batch tells nothing about the machine."""


@dataclass(slots=True)
class Slowdown:
    """A running mean of observed time / measured time over all batches of all models. Used by the decoding thread."""

    value: float = 1.0
    at: float | None = None
    """When the last batch was observed, by the engine's clock; None before the first one."""

    def note(self, ratio: float, seconds: float, now: float) -> None:
        """Add a batch.

        Args:
            ratio: its time / the time that was measured for such a batch on the quiet machine.
            seconds: how long it took; longer batches count for more.
            now: the engine's clock.
        """
        limited = min(max(ratio, LEAST), MOST)
        weight = 1 - math.exp(-max(seconds, 0.0) / MEMORY_S)
        self.value += weight * (limited - self.value)
        self.at = now

    @property
    def noticeable(self) -> bool:
        """Whether something slows the machine down."""
        return self.value >= NOTICEABLE
