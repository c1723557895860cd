"""One model in memory: its sessions, its tokens, and how fast it is here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from slm_lsp.engine.backend import Backend
from slm_lsp.engine.healing import Pieces
from slm_lsp.engine.lookup import DraftCosts
from slm_lsp.engine.parking import Parking
from slm_lsp.engine.prompt import Prompt, build
from slm_lsp.engine.protocol import Estimate, Estimated, ModelInfo, Segment
from slm_lsp.engine.rates import PROMPT, ROUNDS, STEPS, Rates, measure
from slm_lsp.engine.session import Sessions

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
"""Of the time measured: single decodes that take less show that the machine was busy with something else then."""

FASTER_TIMES = 8
"""So many of them in all make us measure again."""


@dataclass(eq=False, slots=True)
class LoadedModel:
    """A model in memory with its sessions."""

    path: Path
    backend: Backend
    why: str
    used: float
    parking: Parking | None = None
    """Where cells wait that have to make room."""
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
    _faster: int = 0
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
        return ModelInfo(str(self.path), self.backend.name, longest, self.backend.vocabulary.fim, rate)

    def prompt(self, segments: Sequence[Segment]) -> Prompt:
        """A whole prompt in tokens; never empty."""
        vocabulary = self.backend.vocabulary
        found = build(segments, vocabulary.start, self._tokens, vocabulary.fim, vocabulary.piece, self.pieces)
        return found if found.tokens else Prompt(tuple(vocabulary.tokenize("\n")))

    def estimate(self, request: Estimate, seam_s: float) -> Estimated:
        """How long a prompt would take here; `seam_s` as in `runner.start`."""
        missing = self.sessions.missing(self.prompt(request.segments), request.reuse, self.seam_tokens(seam_s))
        known = self.rates is not None or self.decode_s is not None
        return Estimated(request.id, True, missing, missing / self.prefill_rate if known else None, self.decode_s)

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

    def calibrate(self, clock: Callable[[], float]) -> bool:
        """Measure one batch more; True when that was the last one, and `rates` are there.

        Raises:
            DecodeFailed: there is no place for it just now.
            DecodeAborted: something else is to be done.
        """
        step = self._to_measure[-1]
        spent = measure(self.backend, self.sessions.scratch, *step, clock)
        self._to_measure.pop()
        self._measured[step] = min(spent, self._measured.get(step, spent))
        if self._to_measure:
            return False
        batches = {size: seconds for (size, logits), seconds in self._measured.items() if logits}
        self.rates = Rates(batches, self._measured[PROMPT, False])
        self._take(self.rates)
        return True

    def _take(self, rates: Rates) -> None:
        """Go by what was measured, until running means say otherwise."""
        self.prefill_rate, self.decode_s = rates.prefill, rates.decode_s
        for tokens in rates.batch_s:
            self.draft_costs.set(tokens, rates.cost(tokens))

    def note_speed(self, tokens: int, logits: int, seconds: float) -> None:
        """A batch of so many tokens, so many of them with logits, took so long."""
        self.batch = self.backend.options.batch if self.sessions.free() == self.sessions.count() else self.batch
        if tokens >= PREFILL_TOKENS and logits <= 1:
            self.prefill_rate += SMOOTHING * (tokens / seconds - self.prefill_rate)
        elif tokens == 1:
            self._doubt(seconds)
            self.decode_s = seconds if self.decode_s is None else self.decode_s + SMOOTHING * (seconds - self.decode_s)
        elif self.decode_s is not None and logits == tokens:
            self.draft_costs.note(tokens, seconds / self.decode_s)

    def _doubt(self, seconds: float) -> None:
        """Rates that were measured while something else ran are measured again in the next pause."""
        if self.rates is not None and seconds < FASTER * self.rates.decode_s:
            self._faster += 1
            if self._faster >= FASTER_TIMES:
                self.measure_again()

    def measure_again(self) -> None:
        """Forget what was measured, so that the next pause is used to do it anew."""
        self.rates, self._faster = None, 0
        self._to_measure, self._measured = [*STEPS] * ROUNDS, {}
