"""How fast a model is on this machine, batch by batch: measured once in idle time, kept, and used from then on."""

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
"""Tokens of the batches that are measured: those that drafts make. None takes so long that who comes meanwhile would
feel it."""

PROMPT = 32
"""Tokens of the batch that stands for prompts: only its last token has logits, which makes it a good deal cheaper on
small models with large vocabularies, a quarter of whose weights are the output's."""

STEPS = (*((size, True) for size in SIZES), (PROMPT, False))
"""What is measured: tokens of a batch, and whether all of them have logits."""

ROUNDS = 3
"""The fastest counts: whatever else runs on the machine can only slow a batch down."""


OLD_S = 24 * 3600.0
"""Seconds after which a measurement is repeated: power supply, temperature and virtual machines change."""


class Rates(msgspec.Struct, frozen=True):
    """Seconds of a batch, by its number of tokens, all with logits; and of one of `PROMPT` tokens of a prompt."""

    batch_s: dict[int, float]
    prompt_s: float
    load: float = 0.0
    """Cores that other programs used meanwhile, on average."""
    measured_at: float = 0.0
    """Seconds since the epoch."""

    @property
    def decode_s(self) -> float:
        """Seconds of a single decode."""
        return self.batch_s[1]

    @property
    def prefill(self) -> float:
        """Tokens of a prompt evaluated a second."""
        return PROMPT / self.prompt_s

    @property
    def loaded(self) -> bool:
        """Whether other programs ran during the measurement."""
        return self.load > LOADED

    def old(self, now: float) -> bool:
        """Whether it was measured long ago; `now` in seconds since the epoch."""
        return not 0 <= now - self.measured_at < OLD_S

    def cost(self, tokens: int) -> float:
        """What a batch costs in single decodes."""
        return self.batch_s[tokens] / self.decode_s

    def seconds(self, tokens: int, logits: int) -> float:
        """What a batch takes on the machine as it was measured: interpolated, and in proportion beyond `PROMPT`.

        Args:
            tokens: of the batch.
            logits: how many of them have logits; up to 1 it is a piece of a prompt.
        """
        sizes = sorted(self.batch_s)
        full = float(np.interp(tokens, sizes, [self.batch_s[size] for size in sizes]))
        if tokens > PROMPT:
            full *= tokens / PROMPT
        if logits > 1 or tokens == 1:
            return full
        # The fewer tokens, the less is saved by computing the logits of one only.
        saved = 1 - self.prompt_s / self.batch_s[PROMPT]
        return full * (1 - saved * min(tokens - 1, PROMPT - 1) / (PROMPT - 1))

    def scaled(self, factor: float) -> "Rates":
        """The same with all times multiplied."""
        batches = {tokens: seconds * factor for tokens, seconds in self.batch_s.items()}
        return msgspec.structs.replace(self, batch_s=batches, prompt_s=self.prompt_s * factor)


def measure(backend: Backend, sequence: int, size: int, logits: bool, clock: Callable[[], float]) -> float:
    """Seconds of one batch in an empty sequence, which is empty again afterwards.

    Raises:
        DecodeFailed: there was no place for it.
        DecodeAborted: it was interrupted.
    """
    token = backend.vocabulary.tokenize("a")[0]
    slots = [Slot(token, position, sequence, logits or position == size - 1) for position in range(size)]
    # A request that was cancelled in its last batch leaves the backend interrupted.
    backend.resume()
    start = clock()
    try:
        backend.decode(slots)
        return clock() - start
    finally:
        backend.remove(sequence, 0, -1)


class RatesFile:
    """What was measured on this machine so far, for all models.

    Args:
        file: JSON; made when something is kept. A file that cannot be read counts as none.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self, model: ModelRef, backend: Backend) -> Rates | None:
        """What is known of a model with a binding. Nothing, where an earlier version did not note when and how."""
        found = self._load().get(self._key(model, backend))
        return found if found is not None and found.measured_at > 0 else None

    def put(self, model: ModelRef, backend: Backend, rates: Rates) -> None:
        """Keep what was measured; a disk that cannot be written costs another measurement next time."""
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
