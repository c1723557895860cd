"""The interface between the engine and a binding of llama.cpp. Backends make no decisions; the daemon does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from slm_lsp.engine.api import ChatFormat, FimTokens

Logits = NDArray[np.float32]
"""One number per token of the vocabulary."""

OnProgress = Callable[[float], None]
"""Called while a model is being loaded, with the fraction that is loaded."""


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """How a model is opened."""

    cells: int
    """Number of KV cells, shared by all sequences."""
    sequences: int
    threads: int
    batch: int = 64
    """Maximum number of tokens in a batch. On two cores, prompts are evaluated as fast with 64 as with 512. A batch of
    64 can be interrupted sooner, and its logits need 270 MB less memory (Qwen2.5 has 151,936 tokens)."""
    gpu_layers: int = 0
    """Number of layers that run on the GPU."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One token of a batch, with its position and whether its logits are needed."""

    token: int
    position: int
    sequence: int
    logits: bool = False


class DecodeAborted(Exception):  # noqa: N818 - an event, not an error
    """`Backend.interrupt` was called while a batch was evaluated. The caller must remove the cells of the batch."""


class DecodeFailed(Exception):  # noqa: N818 - named like DecodeAborted
    """The binding rejected a batch. The argument is llama.cpp's error code."""


class Vocabulary(Protocol):
    """All tokens that a model knows, and how it divides text into them."""

    @property
    def size(self) -> int:
        """Number of tokens in the vocabulary."""

    @property
    def fim(self) -> FimTokens | None:
        """Spellings of the fill-in-the-middle tokens; None if the model has none."""

    @property
    def start(self) -> tuple[int, ...]:
        """Tokens that begin every prompt of this model: its beginning-of-text token, or none."""

    @property
    def chat(self) -> ChatFormat:
        """How the model writes conversations; see `ChatFormat`."""

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Return the tokens of `text`. If `special` is true, spellings of control tokens become control tokens."""

    def piece(self, token: int) -> bytes:
        """Return the bytes of a token; empty for control tokens. One character may consist of several tokens."""

    def ends(self, token: int) -> bool:
        """Return whether `token` ends the answer."""


class Backend(Protocol):
    """One model with its KV cells. Used by one thread, except for `interrupt`."""

    @property
    def name(self) -> str:
        """Name of the binding: `llama_cpp` or `ik`."""

    @property
    def options(self) -> BackendOptions:
        """The options that the model was opened with."""

    @property
    def worthwhile(self) -> int:
        """Minimum useful size of a prompt batch, in tokens. Smaller batches take nearly as long."""

    @property
    def longest(self) -> int:
        """Maximum length of text that the model was trained on, in tokens."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The model's vocabulary."""

    def use_threads(self, count: int) -> None:
        """Set the number of threads for the next batches; at most `options.threads` are used."""

    def decode(self, batch: Sequence[Slot]) -> None:
        """Evaluate up to `options.batch` tokens.

        Raises:
            DecodeAborted: `interrupt` was called. The caller must remove the cells of this batch.
            DecodeFailed: no cells were free, or the batch is invalid.
        """

    def logits(self, index: int) -> Logits:
        """Return the logits of slot `index` of the last batch, as a view that the next `decode` overwrites."""

    def remove(self, sequence: int, start: int, end: int) -> None:
        """Remove positions from `start` to `end` (exclusive; -1: to the end) of a sequence."""

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Let sequence `target` share the cells of sequence `source` from position `start` to `end` (exclusive)."""

    def save(self, sequence: int) -> bytearray:
        """Return a copy of the cells of a sequence, which only `restore` in this process can read."""

    def restore(self, sequence: int, saved: bytearray) -> bool:
        """Fill an empty sequence with saved cells. Return False if they do not fit; the sequence is then empty."""

    def interrupt(self) -> None:
        """Abort a running `decode` as soon as possible. Can be called from any thread."""

    def resume(self) -> None:
        """End the effect of `interrupt`, so that `decode` works again."""

    def close(self) -> None:
        """Free the memory."""
