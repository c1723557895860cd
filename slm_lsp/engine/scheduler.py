"""The decoding thread: takes requests by priority and evaluates their tokens together, batch by batch.

One thread decodes for all models, so that two never fight for the cores. At every batch the most urgent requests go;
a more urgent newcomer, or a cancel, interrupts the batch that is running.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from slm_lsp.engine.backend import Backend, DecodeAborted, Slot
from slm_lsp.engine.decode import Decoder, Step
from slm_lsp.engine.models import LoadedModel, Models
from slm_lsp.engine.protocol import (
    Describe,
    Described,
    Done,
    Event,
    Failed,
    Generate,
    LoadedStats,
    Loading,
    Priority,
    Started,
    Token,
)
from slm_lsp.engine.session import Session
from slm_lsp.errors import EngineError, PromptTooLongError, RequestCancelledError, SlmError

log = logging.getLogger(__name__)

Clock = Callable[[], float]
Emit = Callable[[Event], None]
MILLISECONDS = 1e3
LOADING_STEP = 0.05
"""Fraction of a load between two `Loading` events."""


@dataclass(eq=False, slots=True)
class Job:
    """A request on its way. Only the decoding thread changes it, except for `cancelled`."""

    request: Generate | Describe
    emit: Emit
    arrived: float = 0.0
    cancelled: bool = False
    model: LoadedModel | None = None
    session: Session | None = None
    pending: list[int] = field(default_factory=list)
    """Tokens to evaluate next."""
    decoder: Decoder | None = None
    started: float = 0.0
    first_token: float | None = None

    @property
    def priority(self) -> Priority:
        """How urgent it is."""
        return self.request.priority if isinstance(self.request, Generate) else Priority.INTERACTIVE


class Scheduler:
    """Runs requests. `submit`, `cancel`, `stop` and the counters may be used from any thread, `run` is one thread."""

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
        """Queue a request; its `emit` gets the events, on the decoding thread."""
        job.arrived = self._clock()
        with self._changed:
            self._queued.append(job)
            self._interrupt_if(lambda each: each.priority > job.priority)
            self._changed.notify()

    def cancel(self, job: Job) -> None:
        """End a request now. Its answer is a failure, unless it was done before."""
        with self._changed:
            job.cancelled = True
            self._interrupt_if(lambda each: each.cancelled)
            self._changed.notify()

    def stop(self) -> None:
        """Make `run` return; what is queued or running fails."""
        with self._changed:
            self._stopping = True
            self._interrupt_if(lambda _: True)
            self._changed.notify()

    def counts(self) -> tuple[int, int]:
        """Requests running and queued."""
        with self._changed:
            return len(self._running), len(self._queued)

    def loaded(self) -> tuple[LoadedStats, ...]:
        """The models in memory."""
        return self._models.stats(self._clock())

    def run(self, on_unload: Callable[[], None] = lambda: None) -> None:
        """Work until stopped; `on_unload` is called after models were unloaded for being idle."""
        self._on_unload = on_unload
        try:
            while self._wait():
                self._step()
        finally:
            self._fail_everything(EngineError("The engine is stopping.", "Ask again; a new one will start."))
            self._models.close()

    def _interrupt_if(self, lost: Callable[[Job], bool]) -> None:
        """Interrupt the running batch where all of it is `lost` to something more urgent. Needs the lock."""
        if self._backend is not None and self._batch and all(lost(job) for job in self._batch):
            self._backend.interrupt()

    def _wait(self) -> bool:
        """Sleep until there is work; unload what has been idle too long. False when it is time to stop."""
        with self._changed:
            while not self._stopping and not self._queued and not self._running:
                self._models.set_busy(None)
                now = self._clock()
                if self._models.unload_idle(now):
                    self._on_unload()
                self._changed.wait(self._models.next_unload(now))
            return not self._stopping

    def _step(self) -> None:
        """Admit what can be, then evaluate one batch."""
        for job in [job for job in self._jobs() if job.cancelled]:
            self._fail(job, RequestCancelledError("The request was cancelled."))
        self._admit()
        chosen = self._choose()
        if not chosen:
            return
        model = chosen[0].model
        if model is None:  # pragma: no cover - running jobs have a model
            raise RuntimeError("a running job without a model")
        slots, parts = _fill(chosen, model.backend.options.batch)
        if self._evaluate(model, slots, list(parts)):
            for job, (count, last) in parts.items():
                self._advance(job, model, count, last)

    def _jobs(self) -> list[Job]:
        with self._changed:
            return self._running + self._queued

    def _admit(self) -> None:
        """Start queued requests, the most urgent first, as far as models load and cells suffice."""
        with self._changed:
            waiting = sorted(self._queued, key=lambda job: job.priority)
            urgent = min((job.priority for job in self._running), default=Priority.WARM)
        for job in waiting:
            if job.priority > urgent:
                break
            try:
                if not self._start(job):
                    continue
            except (SlmError, OSError, MemoryError) as error:
                self._fail(job, error)
                continue
            urgent = min(urgent, job.priority)

    def _start(self, job: Job) -> bool:
        """Load the model and find a session; False where none is free yet."""
        request = job.request
        model = self._models.get(Path(request.model), request.asked, self._loading(job), self._clock)
        if job.cancelled:
            return False
        if isinstance(request, Describe):
            self._finish(job, Described(request.id, model.info))
            return True
        wanted = model.prompt(request.segments)
        longest = model.info.context_tokens
        if len(wanted) + request.max_tokens > longest:
            raise PromptTooLongError(
                f"The prompt has {len(wanted)} tokens; with {request.max_tokens} to generate, over {longest} in all.",
                "Raise `engine.context_tokens`, or ask about less text.",
            )
        session = model.sessions.open(wanted, request.max_tokens)
        if session is None:
            return False
        job.model, job.session, job.started = model, session, self._clock()
        reused = len(session.tokens)
        job.pending = wanted[reused:]
        job.decoder = Decoder(model.backend.vocabulary, request.stop, request.max_tokens)
        with self._changed:
            self._queued.remove(job)
            self._running.append(job)
        queue_ms = (job.started - job.arrived) * MILLISECONDS
        job.emit(Started(request.id, queue_ms, len(wanted), reused, model.info.backend))
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
        """The running requests to evaluate together: the most urgent ones, of one model."""
        if not self._running:
            return []
        first = min(self._running, key=lambda job: (job.priority, job.arrived))
        return [job for job in self._running if job.priority == first.priority and job.model is first.model]

    def _evaluate(self, model: LoadedModel, slots: list[Slot], jobs: list[Job]) -> bool:
        """Decode a batch; False when it was interrupted, its cells removed and nothing lost but its time."""
        with self._changed:
            model.backend.resume()
            self._backend, self._batch = model.backend, jobs
            if all(job.cancelled for job in jobs):
                model.backend.interrupt()
        self._models.set_busy(model)
        try:
            model.backend.decode(slots)
        except DecodeAborted:
            for job in jobs:
                if job.session is not None:
                    model.sessions.cut(job.session, len(job.session.tokens))
            return False
        finally:
            with self._changed:
                self._backend, self._batch = None, []
            model.used = self._clock()
        return True

    def _advance(self, job: Job, model: LoadedModel, count: int, last: int | None) -> None:
        """Take note of `count` evaluated tokens; where the last one was among them, choose the next."""
        if job.session is None or job.decoder is None:  # pragma: no cover - running jobs have both
            raise RuntimeError("a running job without a session")
        job.session.tokens += job.pending[:count]
        del job.pending[:count]
        if last is None:
            return
        step = job.decoder.accept(model.backend.logits(last))
        if job.first_token is None:
            job.first_token = self._clock()
        if step.text or step.token is not None or step.finish == "length":
            job.emit(Token(job.request.id, step.text, step.logprob))
        if step.token is not None:
            job.pending = [step.token]
            return
        self._done(job, job.decoder.generated, job.first_token, step)

    def _done(self, job: Job, generated: int, first: float, step: Step) -> None:
        now = self._clock()
        prefill_ms, decode_ms = (first - job.started) * MILLISECONDS, (now - first) * MILLISECONDS
        self._models.went_well(Path(job.request.model))
        self._finish(job, Done(job.request.id, step.finish or "end", generated, prefill_ms, decode_ms))

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
        with self._changed:
            for jobs in (self._queued, self._running):
                if job in jobs:
                    jobs.remove(job)
            self.served += 1
        if job.model is not None and job.session is not None:
            job.model.sessions.close(job.session)
        job.emit(event)

    def _fail_everything(self, error: Exception) -> None:
        for job in self._jobs():
            self._fail(job, error)


def _fill(jobs: list[Job], limit: int) -> tuple[list[Slot], dict[Job, tuple[int, int | None]]]:
    """One batch for several requests: generation first, a token each, then prompts in order of arrival.

    Returns:
        The slots, and for each request in them how many of its tokens they hold and the slot of its last one.
    """
    slots: list[Slot] = []
    parts: dict[Job, tuple[int, int | None]] = {}
    for job in sorted(jobs, key=lambda each: (len(each.pending) > 1, each.arrived)):
        count = min(len(job.pending), limit - len(slots))
        if count == 0 or job.session is None:
            continue
        whole = count == len(job.pending)
        slots += _slots(job.session, job.pending[:count], whole)
        parts[job] = (count, len(slots) - 1 if whole else None)
    return slots, parts


def _slots(session: Session, tokens: list[int], whole: bool) -> Iterator[Slot]:
    start = len(session.tokens)
    for index, token in enumerate(tokens):
        yield Slot(token, start + index, session.sequence, whole and index == len(tokens) - 1)
