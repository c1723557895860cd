"""What the engine knows about the load of the machine: how many threads to use, and how slow it is just now."""

import time
from collections.abc import Callable

from slm_lsp.engine.api import LOADED
from slm_lsp.engine.daemon.slowdown import Slowdown
from slm_lsp.engine.daemon.threads import ThreadChoice
from slm_lsp.engine.load import LoadMeter


class Machine:
    """One for all models, since they share the cores. Used by the decoding thread.

    Args:
        threads: compute threads on a quiet machine.
        meter: measures the load; None: nobody else uses the machine.
        clock: seconds, from any start.
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
        """The last value of `contended`; may be read from any thread."""
        self._meter, self._clock, self._adaptive = meter, clock, adaptive
        self._choice = ThreadChoice(threads, clock)

    @property
    def most_threads(self) -> int:
        """Compute threads on a quiet machine."""
        return self._choice.most

    @property
    def contended(self) -> float:
        """Cores that compute threads share with other programs just now."""
        self.last_contended = self._meter.contended() if self._meter is not None else 0.0
        return self.last_contended

    @property
    def quiet(self) -> bool:
        """Whether a measurement would tell how fast the machine can be."""
        return self.contended <= LOADED

    def threads_for(self, prompt: bool) -> int:
        """The number of threads for the next batch; `prompt`: it is a piece of a prompt."""
        contended = self.contended
        return self._choice.choose(prompt, contended) if self._adaptive else self._choice.most

    def note(self, prompt: bool, threads: int, ratio: float, seconds: float) -> None:
        """Learn from a batch.

        Args:
            prompt: as in `threads_for`.
            threads: how many evaluated it.
            ratio: its time / the time measured for it on a quiet machine with all threads.
            seconds: its time.
        """
        # A trial of another number of threads says nothing about the next answer.
        if threads == self._choice.chosen(prompt):
            self.slowdown.note(ratio, seconds, self._clock())
        self._choice.note(prompt, threads, ratio)

    def rates_changed(self) -> None:
        """The times that `note` compares batches with are others now: what was learned so far is not comparable."""
        self._choice.forget()
