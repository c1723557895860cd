"""One model in memory: its sessions, its tokens and its measured speed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from slm_lsp.engine.api import Estimate, Estimated, ModelInfo, ModelRef, Segment
from slm_lsp.engine.backend import Backend
from slm_lsp.engine.daemon.healing import Pieces
from slm_lsp.engine.daemon.kv_offload import KvOffload
from slm_lsp.engine.daemon.machine import Machine
from slm_lsp.engine.daemon.prompt import Prompt, build
from slm_lsp.engine.daemon.prompt_lookup import DraftCosts
from slm_lsp.engine.daemon.rates import PROMPT, ROUNDS, STEPS, Rates, measure
from slm_lsp.engine.daemon.session import Sessions

FIRST_PREFILL_RATE = 100.0
"""Tokens of a prompt per second, assumed before the first measurement."""

PREFILL_TOKENS = 4
"""Minimum number of prompt tokens in a batch that updates the prefill rate."""

SMOOTHING = 0.2
"""Weight of the newest observation in a running mean."""

PROMPT_BATCH_S = 0.1
"""Maximum seconds for one batch of a prompt, and so the maximum work that an interruption loses. Bindings whose batches
must be larger (`Backend.worthwhile`) may take longer."""

CACHED_SEGMENTS = 64
"""Number of segments whose tokens are cached. The suffix and the snippets are the same for many keystrokes."""

FASTER = 0.7
"""A batch that takes less than this share of the measured time shows that the machine was busy during the
measurement."""

COMPARED = 2
"""Batches up to this multiple of the largest measured size update the slowdown. For larger batches, which run on GPUs,
there is no measured time to compare with."""

FASTER_TIMES = 4
"""Number of batches faster than `FASTER` after which the rates are corrected, and measured again in the next pause."""

PROBE_WEIGHT_S = 0.3
"""Minimum seconds that `Slowdown.note` counts for a batch of a probe. The two batches of a probe then outweigh all
earlier batches."""


@dataclass(eq=False, slots=True)
class LoadedModel:
    """A model in memory, with the sessions that hold its KV cells."""

    ref: ModelRef
    backend: Backend
    why: str
    used: float
    machine: Machine
    offload: KvOffload | None = None
    """Store for the KV cells of idle documents."""
    sessions: Sessions = field(init=False)
    prefill_rate: float = FIRST_PREFILL_RATE
    """Prompt tokens per second, a running mean over the model's batches."""
    decode_s: float | None = None
    """Seconds of a batch of one token, a running mean over the model's batches; None before the first such batch."""
    batch: int = field(init=False)
    """Maximum number of tokens of a batch. Smaller than the backend's maximum after a batch did not fit."""
    draft_costs: DraftCosts = field(default_factory=DraftCosts)
    rates: Rates | None = None
    """Speed measured in idle time by this engine or an earlier one; None before the first measurement."""
    measure_wanted: bool = False
    """Whether a client requested another measurement."""
    _doubted: bool = False
    """Whether later batches showed that the last measurement is wrong."""
    _faster: list[float] = field(default_factory=list)
    _load: list[float] = field(default_factory=list)
    _to_measure: list[tuple[int, bool]] = field(default_factory=lambda: [*STEPS] * ROUNDS)
    _measured: dict[tuple[int, bool], float] = field(default_factory=dict)
    _tokens: Callable[[Segment], Sequence[int]] = field(init=False)
    _pieces: Pieces | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Create the sessions and the token cache."""
        self.sessions = Sessions(self.backend, self.offload)
        self.batch = self.backend.options.batch
        if self.rates is not None:
            self._use_rates(self.rates)
        tokenize = self.backend.vocabulary.tokenize
        self._tokens = lru_cache(CACHED_SEGMENTS)(lambda each: tuple(tokenize(each.text, special=each.special)))

    def close(self) -> None:
        """Free the memory and the disk space."""
        if self.offload is not None:
            self.offload.close()
        self.backend.close()

    @property
    def info(self) -> ModelInfo:
        """The description of the model for clients."""
        longest = min(self.backend.longest, self.backend.options.cells)
        rate = self.rates.prefill if self.rates else None
        vocabulary = self.backend.vocabulary
        return ModelInfo(self.ref, self.backend.name, longest, vocabulary.fim, rate, vocabulary.chat)

    def prompt(self, segments: Sequence[Segment]) -> Prompt:
        """Return the tokens of a prompt; a line feed for an empty prompt."""
        vocabulary = self.backend.vocabulary
        found = build(segments, vocabulary.start, self._tokens, vocabulary.piece, self.pieces)
        return found if found.tokens else Prompt(tuple(vocabulary.tokenize("\n")))

    def estimate(self, request: Estimate) -> Estimated:
        """Estimate how long a prompt takes, from the measured rates and the present slowdown."""
        missing = self.sessions.missing(self.prompt(request.segments).tokens)
        if self.rates is None:
            seconds = missing / self.prefill_rate if self.decode_s is not None else None
            return Estimated(request.id, True, missing, seconds, self.decode_s)
        # Never estimate less than measured: one fast batch of a model says little about other models.
        slowdown = max(1.0, self.machine.slowdown.value)
        return Estimated(
            request.id,
            loaded=True,
            missing_tokens=missing,
            prefill_s=missing / self.rates.prefill * slowdown,
            token_s=self.rates.decode_s * slowdown,
            age_s=max(0.0, time.time() - self.rates.measured_at),
            load=self.rates.load,
            slowdown=slowdown,
        )

    def tokens(self, text: str) -> Sequence[int]:
        """Return the tokens of a text."""
        return self._tokens(Segment(text))

    def pieces(self) -> Pieces:
        """Return the vocabulary sorted by bytes; it is built on the first call."""
        if self._pieces is None:
            vocabulary = self.backend.vocabulary
            self._pieces = Pieces(vocabulary.size, vocabulary.piece)
        return self._pieces

    @property
    def chunk(self) -> int:
        """Maximum number of tokens of one batch of a prompt."""
        return min(self.batch, max(int(self.prefill_rate * PROMPT_BATCH_S), self.backend.worthwhile))

    def make_room(self) -> bool:
        """Handle a batch that did not fit: empty idle sessions, then use smaller batches.

        ik needs adjacent cells for a batch, so a batch may not fit although enough cells are free.

        Returns:
            False if nothing more can be done.
        """
        if self.sessions.empty_idle():
            return True
        self.batch //= 2
        if self.batch >= 1:
            return True
        self.batch = self.backend.options.batch
        return False

    def stale(self, now: float) -> bool:
        """Return whether to measure the model when the machine is idle; `now` in seconds since the epoch."""
        return self.rates is None or self.measure_wanted or self._doubted or self.rates.loaded or self.rates.old(now)

    def calibrate(self, clock: Callable[[], float], epoch: Callable[[], float] = time.time) -> bool:
        """Measure one more batch. The rates change only when all batches are measured.

        Args:
            clock: returns seconds since any fixed time.
            epoch: returns seconds since the epoch.

        Returns:
            True after the last batch: `rates` is then up to date.

        Raises:
            DecodeFailed: no cells are free for the batch.
            DecodeAborted: the measurement was interrupted.
        """
        step = self._to_measure[-1]
        self.backend.use_threads(self.machine.most_threads)
        spent = measure(self.backend, self.sessions.measuring_sequence, *step, clock)
        self._load.append(self.machine.contended)
        self._to_measure.pop()
        self._measured[step] = min(spent, self._measured.get(step, spent))
        if self._to_measure:
            return False
        batches = {size: seconds for (size, logits), seconds in self._measured.items() if logits}
        load = sum(self._load) / len(self._load)
        found = Rates(batches, self._measured[PROMPT, False], load, epoch())
        self._to_measure, self._measured, self._load = [*STEPS] * ROUNDS, {}, []
        known, self.measure_wanted = self.rates, False
        if known is None or known.loaded or not found.loaded:
            self.rates, self._doubted = found, False
            self._use_rates(found)
            self.machine.rates_changed()
        return True

    def probe(self, clock: Callable[[], float]) -> None:
        """Evaluate two batches to update the slowdown. Raises the same errors as `calibrate`."""
        if self.rates is None:
            return
        threads = self.machine.most_threads
        self.backend.use_threads(threads)
        for tokens, logits in ((PROMPT, False), (1, True)):
            spent = measure(self.backend, self.sessions.measuring_sequence, tokens, logits, clock)
            ratio = spent / self.rates.seconds(tokens, tokens if logits else 1)
            self.machine.threads_for(tokens > 1)  # switches back to all threads if the machine is idle
            self.machine.note(tokens > 1, threads, ratio, max(spent, PROBE_WEIGHT_S))

    def _use_rates(self, rates: Rates) -> None:
        """Reset the running means to measured values."""
        self.prefill_rate, self.decode_s = rates.prefill, rates.decode_s
        for tokens in rates.batch_s:
            self.draft_costs.set(tokens, rates.cost(tokens))

    def note_speed(self, tokens: int, logits: int, seconds: float, threads: int | None = None) -> None:
        """Update speed and slowdown with the time of a batch.

        Args:
            tokens: number of tokens of the batch.
            logits: number of tokens with logits.
            seconds: duration of the batch.
            threads: number of threads that evaluated it; None: all.
        """
        self.batch = self.backend.options.batch if self.sessions.free() == self.sessions.count() else self.batch
        if self.rates is not None and tokens <= COMPARED * PROMPT:
            ratio = seconds / self.rates.seconds(tokens, logits)
            if tokens <= PROMPT:
                self._doubt(self.rates, ratio)
            used = self.machine.most_threads if threads is None else threads
            self.machine.note(is_prompt(tokens, logits), used, ratio, seconds)
        if tokens >= PREFILL_TOKENS and logits <= 1:
            self.prefill_rate += SMOOTHING * (tokens / seconds - self.prefill_rate)
        elif tokens == 1:
            self.decode_s = seconds if self.decode_s is None else self.decode_s + SMOOTHING * (seconds - self.decode_s)
        elif self.decode_s is not None and logits == tokens:
            self.draft_costs.note(tokens, seconds / self.decode_s)

    def _doubt(self, rates: Rates, ratio: float) -> None:
        """If several batches were faster than the rates, correct the rates and schedule another measurement.

        The machine was then busy during the measurement.

        Args:
            rates: the present rates.
            ratio: duration of a batch divided by its duration according to `rates`.
        """
        if ratio < FASTER:
            self._faster.append(ratio)
        if len(self._faster) >= FASTER_TIMES:
            self.rates = rates.scaled(max(self._faster))
            self.machine.rates_changed()
            self._doubted = True
            self._restart_measurement()

    def measure_again(self) -> None:
        """Schedule a measurement for the next pause. Until then the old rates are used."""
        self.measure_wanted = True
        self._restart_measurement()

    def _restart_measurement(self) -> None:
        self._faster = []
        self._to_measure, self._measured, self._load = [*STEPS] * ROUNDS, {}, []


def is_prompt(tokens: int, logits: int) -> bool:
    """Return whether a batch is a piece of a prompt, not tokens of answers."""
    return tokens > 1 and logits <= 1
