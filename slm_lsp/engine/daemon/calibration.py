"""Decides what is measured while no request runs, so that the estimates of all models stay true.

A model that was never measured, or that somebody wants measured, is measured in the next pause. What was measured while
other programs ran, or long ago, is measured again as soon as the machine is quiet, also for models not in use. After a
busy spell a probe of two batches shows that the machine is quiet again.
"""

import time
from collections.abc import Callable, Collection

from slm_lsp.engine.api import ModelRef
from slm_lsp.engine.backend import DecodeAborted, DecodeFailed
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.machine import Machine
from slm_lsp.engine.daemon.rates import RatesFile

REST_S = 2.0
"""Seconds without a request before something is measured."""

LOOK_S = 2.0
"""Seconds between two looks at the load of a busy machine, and before the second probe. A wrong estimate is to correct
itself within ten quiet seconds."""

REPEAT_S = 30.0
"""Seconds before another attempt at a measurement that failed, or during which other programs ran."""

Clock = Callable[[], float]


class Calibration:
    """Measures one batch at a time, so that a request never waits long for it. Used by the decoding thread.

    Args:
        machine: what is known about the load.
        rates: where measured speeds are kept.
        mark: notes which model is at work, as long as its batch runs.
        epoch: seconds since the epoch.
    """

    def __init__(
        self, machine: Machine, rates: RatesFile, mark: Callable[[ModelRef], None], epoch: Clock = time.time
    ) -> None:
        self._machine, self._rates, self._mark, self._epoch = machine, rates, mark, epoch
        self._not_before = self._probed_at = float("-inf")
        self._probe_pause_s = LOOK_S
        self._measured: LoadedModel | None = None

    def interrupt(self) -> None:
        """End the measurement that is running, if any, since a request has come; from any thread."""
        if (model := self._measured) is not None:
            model.backend.interrupt()

    def due_s(self, models: Collection[LoadedModel], now: float) -> float | None:
        """Seconds until `step` may have something to do; None where everything is known."""
        due = [_last_used(models) + REST_S for model in models if _urgent(model)]
        if self._wants_quiet(models):
            due.append(max(_last_used(models) + REST_S, self._not_before))
        return max(0.0, min(due) - now) if due else None

    def step(self, models: Collection[LoadedModel], clock: Clock) -> None:
        """Measure one batch, or look whether the machine is quiet enough for it."""
        now = clock()
        if now < _last_used(models) + REST_S:
            return
        model = next((each for each in models if _urgent(each)), None)
        if model is None:
            if now < self._not_before:
                return
            if not self._machine.quiet:
                self._not_before = now + LOOK_S
                return
            model = next((each for each in models if each.stale(self._epoch())), None)
        try:
            if model is not None:
                self._measure(model, clock)
            elif (latest := _latest(models)) is not None:
                self._probe(latest, clock)
        except DecodeAborted:
            self._not_before = clock() + REST_S
        except DecodeFailed:
            # The cells of idle documents may be in the way.
            if not sum(each.sessions.empty_idle() for each in models):
                self._not_before = clock() + REPEAT_S
                if model is not None:
                    model.used = clock()
        finally:
            self._measured = None

    def _measure(self, model: LoadedModel, clock: Clock) -> None:
        self._mark(model.ref)
        self._measured = model
        if model.calibrate(clock, self._epoch) and model.rates is not None:
            self._rates.put(model.ref, model.backend, model.rates)
            if model.stale(self._epoch()):
                self._not_before = clock() + REPEAT_S

    def _probe(self, model: LoadedModel, clock: Clock) -> None:
        """See how fast the machine is now. Each probe waits twice as long: the machine may just have become slower."""
        if self._probed_at < model.used:
            self._probe_pause_s = LOOK_S
        self._mark(model.ref)
        self._measured = model
        model.probe(clock)
        self._probed_at = clock()
        self._not_before = self._probed_at + self._probe_pause_s
        self._probe_pause_s *= 2

    def _wants_quiet(self, models: Collection[LoadedModel]) -> bool:
        """Whether there is something that only a quiet machine can tell."""
        slow = self._machine.slowdown.noticeable and _latest(models) is not None
        return slow or any(each.stale(self._epoch()) for each in models)


def _urgent(model: LoadedModel) -> bool:
    """Whether a model is to be measured even while other programs run."""
    return model.rates is None or model.measure_wanted


def _last_used(models: Collection[LoadedModel]) -> float:
    return max((each.used for each in models), default=0.0)


def _latest(models: Collection[LoadedModel]) -> LoadedModel | None:
    """The measured model that was used last."""
    return max((each for each in models if each.rates is not None), key=lambda each: each.used, default=None)
