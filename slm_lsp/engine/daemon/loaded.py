"""One model in memory: its sessions, its tokens, and how fast it is here."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from slm_lsp.engine.api import Estimate, Estimated, ModelInfo, ModelRef, Segment
from slm_lsp.engine.backend import Backend
from slm_lsp.engine.daemon.healing import Pieces
from slm_lsp.engine.daemon.kv_offload import Parking
from slm_lsp.engine.daemon.machine import Machine
from slm_lsp.engine.daemon.prompt import Prompt, build
from slm_lsp.engine.daemon.prompt_lookup import DraftCosts
from slm_lsp.engine.daemon.rates import PROMPT, ROUNDS, STEPS, Rates, measure
from slm_lsp.engine.daemon.session import Sessions

FIRST_PREFILL_RATE = 100.0
"""Tokens a second, before anything was measured."""

PREFILL_TOKENS = 4
"""A batch of so many tokens of a prompt shows how fast prompts are evaluated."""

SMOOTHING = 0.2
"""Weight of the newest observation in a running mean."""

PATIENCE_S = 0.1
"""How long a batch of a prompt may take, unless the binding wants longer ones: what an interruption loses at most."""

CACHED_SEGMENTS = 64
"""Segments whose tokens are kept: the suffix and the head stay the same from one keystroke to the next."""

FASTER = 0.7
"""Batches that take less than this share of the measured time show that the machine was busy when it was measured."""

COMPARED = 2
"""Batches up to this multiple of the largest measured one tell how slow the machine is. Of larger ones, as graphics
processors take them, nobody knows what they should take."""

FASTER_TIMES = 4
"""After this many of them the rates are corrected, and measured again in the next pause."""


PROBE_WEIGHT_S = 0.3
"""A batch of a probe counts as one that took at least this long: two of them outweigh what was seen before."""


@dataclass(eq=False, slots=True)
class LoadedModel:
    """A model in memory with its sessions."""

    ref: ModelRef
    backend: Backend
    why: str
    used: float
    machine: Machine
    parking: Parking | None = None
    """Where the cells of idle documents are."""
    sessions: Sessions = field(init=False)
    prefill_rate: float = FIRST_PREFILL_RATE
    """Tokens a second, a running mean of what was seen."""
    decode_s: float | None = None
    """Seconds of one single decode, a running mean of what was seen."""
    batch: int = field(init=False)
    """The most tokens evaluated at once: fewer than the backend takes after it found no place for so many."""
    draft_costs: DraftCosts = field(default_factory=DraftCosts)
    rates: Rates | None = None
    """What was measured in idle time, now or by an earlier engine; None before."""
    measure_wanted: bool = False
    """Somebody asked for another measurement."""
    _doubted: bool = False
    """The last measurement turned out to be wrong."""
    _faster: list[float] = field(default_factory=list)
    _load: list[float] = field(default_factory=list)
    _to_measure: list[tuple[int, bool]] = field(default_factory=lambda: [*STEPS] * ROUNDS)
    _measured: dict[tuple[int, bool], float] = field(default_factory=dict)
    _tokens: Callable[[Segment], Sequence[int]] = field(init=False)
    _pieces: Pieces | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Set up what belongs to the backend."""
        self.sessions = Sessions(self.backend, self.parking)
        self.batch = self.backend.options.batch
        if self.rates is not None:
            self._take(self.rates)
        tokenize = self.backend.vocabulary.tokenize
        self._tokens = lru_cache(CACHED_SEGMENTS)(lambda each: tuple(tokenize(each.text, special=each.special)))

    def close(self) -> None:
        """Free the memory, and what is on disk."""
        if self.parking is not None:
            self.parking.close()
        self.backend.close()

    @property
    def info(self) -> ModelInfo:
        """What a client needs to know of it."""
        longest = min(self.backend.longest, self.backend.options.cells)
        rate = self.rates.prefill if self.rates else None
        vocabulary = self.backend.vocabulary
        return ModelInfo(self.ref, self.backend.name, longest, vocabulary.fim, rate, vocabulary.chat)

    def prompt(self, segments: Sequence[Segment]) -> Prompt:
        """A whole prompt in tokens; never empty."""
        vocabulary = self.backend.vocabulary
        found = build(segments, vocabulary.start, self._tokens, vocabulary.fim, vocabulary.piece, self.pieces)
        return found if found.tokens else Prompt(tuple(vocabulary.tokenize("\n")))

    def estimate(self, request: Estimate, seam_s: float) -> Estimated:
        """How long a prompt would take here; `seam_s` as in `runner.start`."""
        missing = self.sessions.missing(self.prompt(request.segments), request.reuse, self.seam_tokens(seam_s))
        if self.rates is None:
            seconds = missing / self.prefill_rate if self.decode_s is not None else None
            return Estimated(request.id, True, missing, seconds, self.decode_s)
        # At most as fast as measured: what a lucky batch of one model shows need not hold for another model.
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

    def seam_tokens(self, seam_s: float) -> int:
        """Suffix tokens that are evaluated again at the seam of a splice, in so many seconds."""
        return max(1, int(seam_s * self.prefill_rate))

    def tokens(self, text: str) -> Sequence[int]:
        """Tokens of a text."""
        return self._tokens(Segment(text))

    def pieces(self) -> Pieces:
        """The vocabulary by bytes; made when first needed."""
        if self._pieces is None:
            vocabulary = self.backend.vocabulary
            self._pieces = Pieces(vocabulary.size, vocabulary.piece)
        return self._pieces

    @property
    def chunk(self) -> int:
        """The most tokens of one batch of a prompt."""
        return min(self.batch, max(int(self.prefill_rate * PATIENCE_S), self.backend.worthwhile))

    def make_room(self) -> bool:
        """After a batch found no place: give up idle sessions, then take smaller batches. False at the end of that.

        ik wants the cells of a batch side by side, so that enough free ones may still be no place.
        """
        if self.sessions.empty_idle():
            return True
        self.batch //= 2
        if self.batch >= 1:
            return True
        self.batch = self.backend.options.batch
        return False

    def stale(self, now: float) -> bool:
        """Whether it is to be measured when the machine is quiet; `now` in seconds since the epoch."""
        return self.rates is None or self.measure_wanted or self._doubted or self.rates.loaded or self.rates.old(now)

    def calibrate(self, clock: Callable[[], float], epoch: Callable[[], float] = time.time) -> bool:
        """Measure one batch more. The rates stay as they are until all batches are measured.

        Args:
            clock: seconds, from any start.
            epoch: seconds since the epoch.

        Returns:
            Whether that was the last one: `rates` are new then.

        Raises:
            DecodeFailed: there is no place for it just now.
            DecodeAborted: something else is to be done.
        """
        step = self._to_measure[-1]
        self.backend.use_threads(self.machine.most_threads)
        spent = measure(self.backend, self.sessions.scratch, *step, clock)
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
            self._take(found)
            self.machine.rates_changed()
        return True

    def probe(self, clock: Callable[[], float]) -> None:
        """Evaluate two batches to see how fast the machine is now. Errors as in `calibrate`."""
        if self.rates is None:
            return
        threads = self.machine.most_threads
        self.backend.use_threads(threads)
        for tokens, logits in ((PROMPT, False), (1, True)):
            spent = measure(self.backend, self.sessions.scratch, tokens, logits, clock)
            ratio = spent / self.rates.seconds(tokens, tokens if logits else 1)
            self.machine.threads_for(tokens > 1)  # so that all threads are in use again where the machine is quiet
            self.machine.note(tokens > 1, threads, ratio, max(spent, PROBE_WEIGHT_S))

    def _take(self, rates: Rates) -> None:
        """Go by what was measured, until running means say otherwise."""
        self.prefill_rate, self.decode_s = rates.prefill, rates.decode_s
        for tokens in rates.batch_s:
            self.draft_costs.set(tokens, rates.cost(tokens))

    def note_speed(self, tokens: int, logits: int, seconds: float, threads: int | None = None) -> None:
        """Learn from a batch.

        Args:
            tokens: of the batch.
            logits: how many of them had logits.
            seconds: how long it took.
            threads: how many evaluated it; None: all.
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
        """Correct rates that were measured while something else ran, and have them measured again.

        Args:
            rates: the present ones.
            ratio: the time of a batch / the time that the rates say.
        """
        if ratio < FASTER:
            self._faster.append(ratio)
        if len(self._faster) >= FASTER_TIMES:
            self.rates = rates.scaled(max(self._faster))
            self.machine.rates_changed()
            self._doubted = True
            self._restart_measurement()

    def measure_again(self) -> None:
        """Have it measured in the next pause. Until then the old rates count."""
        self.measure_wanted = True
        self._restart_measurement()

    def _restart_measurement(self) -> None:
        self._faster = []
        self._to_measure, self._measured, self._load = [*STEPS] * ROUNDS, {}, []


def is_prompt(tokens: int, logits: int) -> bool:
    """Whether a batch is a piece of a prompt, rather than tokens of answers."""
    return tokens > 1 and logits <= 1
