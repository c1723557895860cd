"""The decoding thread: picks requests by priority and evaluates their tokens together, batch by batch.

One thread decodes for all models, so that two models never compete for the cores. Each batch holds tokens of the most
urgent requests. A more urgent request or a cancellation interrupts the running batch.
"""

import logging
import threading
import time
from collections.abc import Callable

from slm_lsp.engine.api import Describe, Described, Estimate, Event, Failed, LoadedStats, Loading, Priority, Warm
from slm_lsp.engine.backend import Backend, DecodeAborted, DecodeFailed, Slot
from slm_lsp.engine.daemon import runner
from slm_lsp.engine.daemon.job import Job
from slm_lsp.engine.daemon.loaded import LoadedModel, is_prompt
from slm_lsp.engine.daemon.machine import Machine
from slm_lsp.engine.daemon.models import Models
from slm_lsp.errors import EngineError, RequestCancelledError, SlmError

log = logging.getLogger(__name__)

Clock = Callable[[], float]
LOADING_STEP = 0.05
"""Minimum difference between the fractions of two consecutive `Loading` events."""


class Scheduler:
    """Runs requests. `run` is the decoding thread; the other methods can be called from any thread.

    Args:
        models: the models in memory.
        clock: returns seconds since any fixed time.
    """

    def __init__(self, models: Models, clock: Clock = time.monotonic) -> None:
        self._models = models
        self._clock = clock
        self._changed = threading.Condition()
        self._queued: list[Job] = []
        self._running: list[Job] = []
        self._batch: list[Job] = []
        self._backend: Backend | None = None
        self._stopping = False
        self._on_unload: Callable[[], None] = lambda: None
        self.served = 0

    def submit(self, job: Job) -> None:
        """Queue a request. The decoding thread passes its events to `job.emit`."""
        job.arrived = self._clock()
        with self._changed:
            self._queued.append(job)
            self._interrupt_if(lambda each: each.priority > job.priority)
            self._models.interrupt_calibration()
            self._changed.notify()

    def cancel(self, job: Job) -> None:
        """Cancel a request. It ends with `Failed`, unless it has already ended."""
        with self._changed:
            for each in job.siblings or [job]:
                each.cancelled = True
            self._interrupt_if(lambda each: each.cancelled)
            self._changed.notify()

    def stop(self) -> None:
        """Make `run` return. Queued and running requests end with `Failed`."""
        with self._changed:
            self._stopping = True
            self._interrupt_if(lambda _: True)
            self._changed.notify()

    def counts(self) -> tuple[int, int]:
        """Return the number of running and of queued requests."""
        with self._changed:
            return len(self._running), len(self._queued)

    def loaded(self) -> tuple[LoadedStats, ...]:
        """Return one entry for each model in memory."""
        return self._models.stats(self._clock())

    @property
    def machine(self) -> Machine:
        """The load and speed of the machine."""
        return self._models.machine

    def run(self, on_unload: Callable[[], None] = lambda: None) -> None:
        """Process requests until `stop` is called. Call `on_unload` after idle models were unloaded."""
        self._on_unload = on_unload
        try:
            while self._wait():
                try:
                    self._step()
                except Exception as error:
                    log.exception("the decoding thread failed; all running requests are ended")
                    for job in self._running.copy():
                        runner.undo(job)
                        self._fail(job, error)
        finally:
            stopping = EngineError("The engine is stopping.", "Repeat the request; it starts a new engine.")
            for job in self._jobs():
                self._fail(job, stopping)
            self._models.close()

    def _interrupt_if(self, condition: Callable[[Job], bool]) -> None:
        """Interrupt the running batch if `condition` is true for all of its requests. The caller holds the lock."""
        if self._backend is not None and self._batch and all(condition(job) for job in self._batch):
            self._backend.interrupt()

    def _wait(self) -> bool:
        """Wait for a request or a due measurement, and unload idle models meanwhile. Return False after `stop`."""
        with self._changed:
            while not self._stopping and not self._queued and not self._running:
                self._models.set_busy(None)
                now = self._clock()
                if self._models.unload_idle(now):
                    self._on_unload()
                spare = self._models.next_calibration(now)
                if spare == 0:
                    return True
                due = [each for each in (self._models.next_unload(now), spare) if each is not None]
                self._changed.wait(min(due, default=None))
            return not self._stopping

    def _step(self) -> None:
        """Start queued requests and evaluate one batch; measure a batch if there is no request."""
        if not self._jobs():
            self._models.calibrate(self._clock)
            return
        for job in self._jobs():
            if job.cancelled:
                self._fail(job, RequestCancelledError("The request was cancelled."))
        self._admit()
        chosen = self._choose()
        model = chosen[0].model if chosen else None
        if model is None:
            return
        slots, parts = runner.fill(chosen, model.chunk, model.batch)
        if self._evaluate(model, slots, list(parts)):
            for job, part in parts.items():
                self._advance(job, part)

    def _jobs(self) -> list[Job]:
        with self._changed:
            return self._running + self._queued

    def _admit(self) -> None:
        """Start queued requests, the most urgent first, as long as sessions and cells are free."""
        with self._changed:
            waiting = sorted(self._queued, key=lambda job: job.priority)
            urgent = min((job.priority for job in self._running), default=Priority.WARM)
        for job in waiting:
            if job.priority > urgent:
                break
            try:
                started = self._start(job)
            except (SlmError, OSError, MemoryError) as error:
                self._fail(job, error)
                continue
            if started:
                urgent = min(urgent, job.priority)

    def _start(self, job: Job) -> bool:
        """Load the model and open a session for a request. Return False if no session is free yet.

        Answer `Estimate` and `Describe` at once, without a session.
        """
        request = job.request
        if isinstance(request, Estimate):
            self._finish(job, self._models.estimate(request))
            return True
        explicit = not isinstance(request, Warm) and request.explicit
        model = self._models.get(request.model, explicit, self._loading(job), self._clock)
        if job.cancelled:
            return False
        if isinstance(request, Describe):
            if request.measure:
                model.measure_again()
            self._finish(job, Described(request.id, model.info))
            return True
        if not runner.start(job, model, self._clock()):
            return False
        with self._changed:
            self._queued.remove(job)
            self._running.append(job)
        return True

    def _loading(self, job: Job) -> Callable[[float], None]:
        reported = 0.0

        def report(fraction: float) -> None:
            nonlocal reported
            if fraction >= reported + LOADING_STEP:
                reported = fraction
                job.emit(Loading(job.request.id, fraction))

        return report

    def _choose(self) -> list[Job]:
        """Return the running requests to evaluate together: the most urgent ones, all of one model."""
        if not self._running:
            return []
        first = min(self._running, key=lambda job: (job.priority, job.arrived))
        return [job for job in self._running if job.priority == first.priority and job.model is first.model]

    def _evaluate(self, model: LoadedModel, slots: list[Slot], jobs: list[Job]) -> bool:
        """Evaluate a batch. Return False if it was interrupted or failed; the cells are then as before."""
        with self._changed:
            model.backend.resume()
            self._backend, self._batch = model.backend, jobs
            if all(job.cancelled for job in jobs):
                model.backend.interrupt()
        self._models.set_busy(model)
        logits = sum(slot.logits for slot in slots)
        threads = self._models.machine.threads_for(is_prompt(len(slots), logits))
        model.backend.use_threads(threads)
        started = self._clock()
        try:
            model.backend.decode(slots)
        except DecodeAborted:
            for job in jobs:
                runner.undo(job)
            return False
        except DecodeFailed as error:
            for job in jobs:
                runner.undo(job)
            if not model.make_room():
                for job in jobs:
                    what = f"The model could not evaluate the prompt: {error}."
                    self._fail(job, EngineError(what, "Repeat the request."))
            return False
        finally:
            with self._changed:
                self._backend, self._batch = None, []
            model.used = self._clock()
        model.note_speed(len(slots), logits, model.used - started, threads)
        return True

    def _advance(self, job: Job, part: runner.Part) -> None:
        try:
            going_on = runner.advance(job, part, self._clock())
        except SlmError as error:
            self._fail(job, error)
            return
        with self._changed:
            # Also add candidates that are already complete: the loop below ends them.
            self._running += [each for each in job.siblings if each.session is not None and each not in self._running]
        for each in job.siblings or [job]:
            if each.finish is not None and each in self._running:
                self._end(each)
        if job.decoder is None and going_on is None:
            self._end(job)

    def _end(self, job: Job) -> None:
        """End a candidate; answer the request when all of its candidates have ended."""
        with self._changed:
            if job in self._running:
                self._running.remove(job)
        runner.release(job)
        family = job.siblings or [job]
        if all(each.session is None for each in family):
            self._models.note_success(job.request.model)
            self._finish(family[0], runner.done(family, self._clock()))

    def _fail(self, job: Job, error: Exception) -> None:
        if isinstance(error, SlmError):
            event = Failed(job.request.id, error.kind, error.what, error.cure)
        else:
            log.error("request failed: %s", error, exc_info=error)
            event = Failed(
                job.request.id, EngineError.__name__, f"The engine failed: {error}.", "See the engine's log."
            )
        self._finish(job, event)

    def _finish(self, job: Job, event: Event) -> None:
        """Send the last event of a request and end all of its candidates."""
        with self._changed:
            family = job.siblings or [job]
            known = [each for each in family if each in self._running or each in self._queued]
            self._queued = [each for each in self._queued if each not in family]
            self._running = [each for each in self._running if each not in family]
        for each in known:
            runner.release(each)
        if not family[0].answered:
            family[0].answered = True
            self.served += 1
            job.emit(event)
