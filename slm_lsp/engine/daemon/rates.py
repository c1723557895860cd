"""Measures and stores the duration of a model's batches on this machine."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from slm_lsp.engine.api import LOADED, ModelRef
from slm_lsp.engine.backend import Backend, Slot
from slm_lsp.platform import cores

SIZES = (1, 4, 8, 16, 24, 32)
"""Sizes, in tokens, of the measured batches in which every token has logits: the sizes of batches with drafts. All are
short enough that a request that arrives during a measurement is not noticeably delayed."""

PROMPT = 32
"""Size, in tokens, of the measured batch of a prompt. Only its last token has logits. This makes the batch much cheaper
on small models with large vocabularies, where a quarter of the weights belong to the output."""

STEPS = (*((size, True) for size in SIZES), (PROMPT, False))
"""The batches to measure: number of tokens, and whether all of them have logits."""

ROUNDS = 3
"""Number of measurements of each batch. The fastest one counts, because other programs only make batches slower."""

OLD_S = 24 * 3600.0
"""Age in seconds at which a measurement is repeated, because power supply, temperature and virtual machines change."""


class Rates(msgspec.Struct, frozen=True):
    """Measured durations of a model's batches."""

    batch_s: dict[int, float]
    """Seconds of a batch in which all tokens have logits, by its number of tokens."""
    prompt_s: float
    """Seconds of a batch of `PROMPT` tokens of which only the last has logits."""
    load: float = 0.0
    """Cores that other programs used during the measurement, on average."""
    measured_at: float = 0.0
    """Time of the measurement, in seconds since the epoch."""

    @property
    def decode_s(self) -> float:
        """Seconds of a batch of one token."""
        return self.batch_s[1]

    @property
    def prefill(self) -> float:
        """Prompt tokens evaluated per second."""
        return PROMPT / self.prompt_s

    @property
    def loaded(self) -> bool:
        """Whether other programs used a noticeable share of the machine during the measurement."""
        return self.load > LOADED

    def old(self, now: float) -> bool:
        """Return whether the measurement is older than `OLD_S`; `now` in seconds since the epoch."""
        return not 0 <= now - self.measured_at < OLD_S

    def cost(self, tokens: int) -> float:
        """Return the duration of a batch of `tokens` tokens as a multiple of the duration of a one-token batch."""
        return self.batch_s[tokens] / self.decode_s

    def seconds(self, tokens: int, logits: int) -> float:
        """Return the expected duration of a batch on the idle machine.

        Durations of sizes between measured ones are interpolated. Above `PROMPT` tokens, the duration is proportional
        to the size.

        Args:
            tokens: number of tokens of the batch.
            logits: number of tokens with logits; if 0 or 1, the batch is a piece of a prompt.
        """
        sizes = sorted(self.batch_s)
        full = float(np.interp(tokens, sizes, [self.batch_s[size] for size in sizes]))
        if tokens > PROMPT:
            full *= tokens / PROMPT
        if logits > 1 or tokens == 1:
            return full
        # The fewer tokens a batch has, the less is saved by computing the logits of only one token.
        saved = 1 - self.prompt_s / self.batch_s[PROMPT]
        return full * (1 - saved * min(tokens - 1, PROMPT - 1) / (PROMPT - 1))

    def scaled(self, factor: float) -> "Rates":
        """Return the rates with all durations multiplied by `factor`."""
        batches = {tokens: seconds * factor for tokens, seconds in self.batch_s.items()}
        return msgspec.structs.replace(self, batch_s=batches, prompt_s=self.prompt_s * factor)


def measure(backend: Backend, sequence: int, size: int, logits: bool, clock: Callable[[], float]) -> float:
    """Evaluate one batch in an empty sequence, empty the sequence again, and return the seconds that the batch took.

    Args:
        backend: the model.
        sequence: an empty sequence.
        size: number of tokens of the batch.
        logits: whether all tokens have logits, not only the last.
        clock: returns seconds since any fixed time.

    Raises:
        DecodeFailed: no cells are free for the batch.
        DecodeAborted: the batch was interrupted.
    """
    token = backend.vocabulary.tokenize("a")[0]
    slots = [Slot(token, position, sequence, logits or position == size - 1) for position in range(size)]
    # If the last request was cancelled in its last batch, the backend is still interrupted.
    backend.resume()
    start = clock()
    try:
        backend.decode(slots)
        return clock() - start
    finally:
        backend.remove(sequence, 0, -1)


class RatesFile:
    """The stored measurements of all models.

    Args:
        file: a JSON file. It is created when needed; an unreadable file is ignored.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self, model: ModelRef, backend: Backend) -> Rates | None:
        """Return the stored rates of a model and binding.

        Return None if no rates are stored, or if an old version of slm-lsp stored them without their time.
        """
        found = self._load().get(self._key(model, backend))
        return found if found is not None and found.measured_at > 0 else None

    def put(self, model: ModelRef, backend: Backend, rates: Rates) -> None:
        """Store rates. If the file cannot be written, the next engine measures again."""
        known = self._load() | {self._key(model, backend): rates}
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._file.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(msgspec.json.encode(known))
            fresh.replace(self._file)

    def _load(self) -> dict[str, Rates]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Rates])
        except (OSError, msgspec.MsgspecError):
            return {}

    def _key(self, model: ModelRef, backend: Backend) -> str:
        options = backend.options
        name = model.file.name + model.key.removeprefix(model.path)
        size = model.file.stat().st_size
        where = f"{options.threads} threads {options.gpu_layers} layers {cores.cpu_name()}"
        return f"{name} {size} {backend.name} {where}"
