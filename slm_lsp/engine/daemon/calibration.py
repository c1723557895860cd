"""Decides what to measure while no request runs, so that the estimates of all models stay correct.

A model is measured in the next pause if it has no measurement, or if a client requested one. A measurement is repeated
as soon as the machine is idle if it is old, or if other programs ran during it; this applies to all loaded models.
After the machine was busy, a probe of two batches detects that it is idle again.
"""

import time
from collections.abc import Callable, Collection

from slm_lsp.engine.api import ModelRef
from slm_lsp.engine.backend import DecodeAborted, DecodeFailed
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.machine import Machine
from slm_lsp.engine.daemon.rates import RatesFile

REST_S = 2.0
"""Seconds without a request before a measurement."""

LOOK_S = 2.0
"""Seconds between two checks of the load of a busy machine, and between the first two probes. This is short enough to
correct a wrong estimate within ten idle seconds."""

REPEAT_S = 30.0
"""Seconds before a measurement is repeated, if it failed or other programs ran during it."""

Clock = Callable[[], float]


class Calibration:
    """Measures one batch at a time, so that a request never waits long for it. Used by the decoding thread.

    Args:
        machine: load and speed of the machine.
        rates: file of measured speeds.
        mark: records which model is in use, for crash counts.
        epoch: returns seconds since the epoch.
    """

    def __init__(
        self, machine: Machine, rates: RatesFile, mark: Callable[[ModelRef], None], epoch: Clock = time.time
    ) -> None:
        self._machine, self._rates, self._mark, self._epoch = machine, rates, mark, epoch
        self._not_before = self._probed_at = float("-inf")
        self._probe_pause_s = LOOK_S
        self._measured: LoadedModel | None = None

    def interrupt(self) -> None:
        """Interrupt a running measurement because a request arrived; callable from any thread."""
        if (model := self._measured) is not None:
            model.backend.interrupt()

    def due_s(self, models: Collection[LoadedModel], now: float) -> float | None:
        """Return the seconds until `step` may have something to do; None if nothing is to be measured."""
        due = [_last_used(models) + REST_S for model in models if _urgent(model)]
        if self._wants_quiet(models):
            due.append(max(_last_used(models) + REST_S, self._not_before))
        return max(0.0, min(due) - now) if due else None

    def step(self, models: Collection[LoadedModel], clock: Clock) -> None:
        """Measure one batch, or check whether the machine is idle enough for a measurement."""
        now = clock()
        if now < _last_used(models) + REST_S:
            return
        model = next((each for each in models if _urgent(each)), None)
        if model is None:
            if now < self._not_before:
                return
            if not self._machine.idle:
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
            # The cells of idle documents may leave no room for the batch, so empty them and try again.
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
        """Update the slowdown. Each probe doubles the pause before the next, in case the machine stays slow."""
        if self._probed_at < model.used:
            self._probe_pause_s = LOOK_S
        self._mark(model.ref)
        self._measured = model
        model.probe(clock)
        self._probed_at = clock()
        self._not_before = self._probed_at + self._probe_pause_s
        self._probe_pause_s *= 2

    def _wants_quiet(self, models: Collection[LoadedModel]) -> bool:
        """Return whether there is something to measure on an idle machine."""
        slow = self._machine.slowdown.noticeable and _latest(models) is not None
        return slow or any(each.stale(self._epoch()) for each in models)


def _urgent(model: LoadedModel) -> bool:
    """Return whether to measure a model even while other programs run."""
    return model.rates is None or model.measure_wanted


def _last_used(models: Collection[LoadedModel]) -> float:
    return max((each.used for each in models), default=0.0)


def _latest(models: Collection[LoadedModel]) -> LoadedModel | None:
    """Return the measured model that was used last; None if no model was measured."""
    return max((each for each in models if each.rates is not None), key=lambda each: each.used, default=None)
