"""The models in memory: loaded when asked for, unloaded when idle, refused when they took the engine down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from slm_lsp.engine.backend import Backend, BackendOptions, DecodeAborted, DecodeFailed, open_backend
from slm_lsp.engine.backend.base import OnProgress
from slm_lsp.engine.crashes import CrashRecord
from slm_lsp.engine.healing import Pieces
from slm_lsp.engine.lookup import DraftCosts
from slm_lsp.engine.prompt import Prompt, build
from slm_lsp.engine.protocol import Estimate, Estimated, LoadedStats, ModelInfo, Segment
from slm_lsp.engine.rates import PROMPT, ROUNDS, STEPS, Rates, RatesFile, measure
from slm_lsp.engine.session import Sessions
from slm_lsp.errors import ModelMissingError, ModelRefusedError

SEQUENCES = 9
"""Eight documents and parallel answers of one model at a time, and the scratch."""

FIRST_PREFILL_RATE = 100.0
"""Tokens a second, before anything was measured."""

PREFILL_TOKENS = 8
"""A batch of so many tokens shows how fast prompts are evaluated."""

SMOOTHING = 0.2
"""Weight of the newest observation in a running mean."""

PATIENCE_S = 0.03
"""How long a batch may take that cannot be interrupted."""

MIN_CHUNK = 6
"""Smaller batches cost more a token: behind 1,000 tokens ik evaluates 153 a second in batches of 4, 174 in batches of
6 (34 ms each), 175 of 8 (45 ms) and 198 of 64 (2 cores, Qwen2.5-Coder-0.5B)."""

CACHED_SEGMENTS = 64
"""Segments whose tokens are kept: the suffix and the head stay the same from one keystroke to the next."""

CRASHES_TO_REFUSE = 2

REST_S = 2.0
"""A model that nobody has used for so long is measured, where it never was."""

Open = Callable[[Path, OnProgress], tuple[Backend, str]]


@dataclass(eq=False, slots=True)
class LoadedModel:
    """A model in memory with its sessions."""

    path: Path
    backend: Backend
    why: str
    used: float
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
    _to_measure: list[tuple[int, bool]] = field(default_factory=lambda: [*STEPS] * ROUNDS)
    _measured: dict[tuple[int, bool], float] = field(default_factory=dict)
    _tokens: Callable[[Segment], Sequence[int]] = field(init=False)
    _pieces: Pieces | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Set up what belongs to the backend."""
        self.sessions = Sessions(self.backend)
        self.batch = self.backend.options.batch
        if self.rates is not None:
            self._take(self.rates)
        tokenize = self.backend.vocabulary.tokenize
        self._tokens = lru_cache(CACHED_SEGMENTS)(lambda each: tuple(tokenize(each.text, special=each.special)))

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

    def estimate(self, number: int, segments: Sequence[Segment], seam_s: float) -> Estimated:
        """How long a prompt would take here. Arguments as in `Estimate` and `runner.start`."""
        missing = self.sessions.missing(self.prompt(segments), self.seam_tokens(seam_s))
        known = self.rates is not None or self.decode_s is not None
        return Estimated(number, True, missing, missing / self.prefill_rate if known else None, self.decode_s)

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
        """The most tokens of one batch: so few that one which cannot be interrupted does not keep others waiting."""
        if self.backend.interruptible:
            return self.batch
        return min(self.batch, max(MIN_CHUNK, int(self.prefill_rate * PATIENCE_S)))

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

    def note_speed(self, tokens: int, seconds: float) -> None:
        """A batch of so many tokens took so long."""
        self.batch = self.backend.options.batch if self.sessions.free() == self.sessions.count() else self.batch
        if tokens >= PREFILL_TOKENS:
            self.prefill_rate += SMOOTHING * (tokens / seconds - self.prefill_rate)
        elif tokens == 1:
            self.decode_s = seconds if self.decode_s is None else self.decode_s + SMOOTHING * (seconds - self.decode_s)
        elif self.decode_s is not None:
            self.draft_costs.note(tokens, seconds / self.decode_s)


class Models:
    """Every model in memory. Used by the decoding thread; `stats` from any."""

    def __init__(self, open_model: Open, crashes: CrashRecord, idle_s: float, rates: RatesFile | None = None) -> None:
        self._open = open_model
        self._rates = rates
        self._crashes = crashes
        self._idle_s = idle_s
        self._loaded: dict[Path, LoadedModel] = {}
        self._busy: Path | None = None

    def get(self, path: Path, asked: bool, on_progress: OnProgress, clock: Callable[[], float]) -> LoadedModel:
        """The model at `path`, loaded if need be.

        Args:
            path: a GGUF file.
            asked: a person asked for it; its crashes are forgiven.
            on_progress: called with the fraction loaded.
            clock: tells when it was last used.

        Raises:
            ModelRefusedError: it took the engine down twice, and nobody asked for it on purpose since.
            ModelMissingError: there is no such file.
            ModelCorruptError: no binding can load it.
        """
        if (model := self._loaded.get(path)) is not None:
            model.used = clock()
            return model
        if not path.is_file():
            raise ModelMissingError(f"{path} is not there.", "Run `slm-lsp models pull fast`.")
        if asked:
            self._crashes.forgive(path)
        if (count := self._crashes.count(path)) >= CRASHES_TO_REFUSE:
            raise ModelRefusedError(
                f"{path.name} took the engine down {count} times, so it is not loaded of its own accord.",
                "Run `slm-lsp models verify`, then ask for a completion by hand to try again.",
            )
        self._mark(path)
        backend, why = self._open(path, on_progress)
        known = self._rates.get(path, backend) if self._rates else None
        model = self._loaded[path] = LoadedModel(path, backend, why, clock(), rates=known)
        return model

    def estimate(self, request: Estimate, seam_s: float) -> Estimated:
        """How long a prompt would take; a model that is not in memory stays where it is."""
        model = self._loaded.get(Path(request.model))
        return model.estimate(request.id, request.segments, seam_s) if model else Estimated(request.id, loaded=False)

    def set_busy(self, model: LoadedModel | None) -> None:
        """Note which model is at work, so that the next engine knows which one took this one down."""
        self._mark(model.path if model else None)

    def went_well(self, path: Path) -> None:
        """A request was served: earlier crashes do not count any more."""
        self._crashes.forgive(path)

    def unload_idle(self, now: float) -> int:
        """Free the models that nobody has used for long; how many there were."""
        idle = [path for path, model in self._loaded.items() if now - model.used >= self._idle_s]
        for path in idle:
            self._loaded.pop(path).backend.close()
        return len(idle)

    def next_unload(self, now: float) -> float | None:
        """Seconds until a model will have been idle too long; None without models."""
        due = [model.used + self._idle_s - now for model in self._loaded.values()]
        return max(0.0, min(due)) if due else None

    def next_calibration(self, now: float) -> float | None:
        """Seconds until a model has been idle long enough to be measured; None where all have been."""
        due = [model.used + REST_S - now for model in self._unmeasured()]
        return max(0.0, min(due)) if due else None

    def calibrate(self, clock: Callable[[], float]) -> None:
        """Measure one batch of a model that was not measured yet."""
        for model in self._unmeasured():
            self._mark(model.path)
            try:
                done = model.calibrate(clock)
            except (DecodeFailed, DecodeAborted):
                model.used = clock()
                return
            if done and self._rates is not None and model.rates is not None:
                self._rates.put(model.path, model.backend, model.rates)
            return

    def _unmeasured(self) -> list[LoadedModel]:
        return [model for model in self._loaded.values() if model.rates is None] if self._rates else []

    def stats(self, now: float) -> tuple[LoadedStats, ...]:
        """One row a model."""
        models = list(self._loaded.values())
        return tuple(
            LoadedStats(
                str(each.path), each.backend.name, each.why, now - each.used, each.rates.batch_s if each.rates else {}
            )
            for each in models
        )

    def close(self) -> None:
        """Free everything."""
        self.unload_idle(float("inf"))
        self._mark(None)

    def _mark(self, path: Path | None) -> None:
        if path != self._busy:
            self._busy = path
            self._crashes.mark(path)


def opener(options: BackendOptions, preference: str) -> Open:
    """How to open a model with these options."""

    def open_model(path: Path, on_progress: OnProgress) -> tuple[Backend, str]:
        return open_backend(path, options, preference, on_progress)  # type: ignore[arg-type]

    return open_model
