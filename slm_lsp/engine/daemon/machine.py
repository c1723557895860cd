"""Load and speed of the machine: how many threads to use, and how much slower the machine is than when measured."""

import time
from collections.abc import Callable

from slm_lsp.engine.api import LOADED
from slm_lsp.engine.daemon.slowdown import Slowdown
from slm_lsp.engine.daemon.threads import ThreadChoice
from slm_lsp.engine.load import LoadMeter


class Machine:
    """State shared by all models, since they use the same cores. Used by the decoding thread.

    Args:
        threads: number of compute threads on an idle machine.
        meter: measures the load; None: assume no load.
        clock: returns seconds since any fixed time.
        adaptive: whether the number of threads follows the load.
    """

    def __init__(
        self,
        threads: int,
        meter: LoadMeter | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        adaptive: bool = True,
    ) -> None:
        self.slowdown = Slowdown()
        self.last_contended = 0.0
        """The last value of `contended`; can be read from any thread."""
        self._meter, self._adaptive = meter, adaptive
        self._choice = ThreadChoice(threads, clock)

    @property
    def most_threads(self) -> int:
        """Number of compute threads on an idle machine."""
        return self._choice.most

    @property
    def contended(self) -> float:
        """Number of cores that the compute threads currently share with other programs."""
        self.last_contended = self._meter.contended() if self._meter is not None else 0.0
        return self.last_contended

    @property
    def idle(self) -> bool:
        """Whether the machine is idle enough for a measurement."""
        return self.contended <= LOADED

    def threads_for(self, prompt: bool) -> int:
        """Return the number of threads for the next batch; `prompt`: whether it is a piece of a prompt."""
        contended = self.contended
        return self._choice.choose(prompt, contended) if self._adaptive else self._choice.most

    def note(self, prompt: bool, threads: int, ratio: float, seconds: float) -> None:
        """Update the slowdown and the choice of threads with the duration of a batch.

        Args:
            prompt: whether the batch is a piece of a prompt.
            threads: number of threads that evaluated the batch.
            ratio: duration of the batch divided by the duration measured on an idle machine with all threads.
            seconds: duration of the batch.
        """
        # Trials of another number of threads do not count: the next answer uses the chosen number.
        if threads == self._choice.chosen(prompt):
            self.slowdown.note(ratio, seconds)
        self._choice.note(prompt, threads, ratio)

    def rates_changed(self) -> None:
        """Discard all observed ratios, because the rates they were computed with are no longer valid."""
        self._choice.forget()
