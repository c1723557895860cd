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
    """KV cells, shared by all sequences."""
    sequences: int
    threads: int
    batch: int = 64
    """Maximum number of tokens in a batch. On two cores, 64 prefills as fast as 512, can be interrupted sooner, and
    saves 270 MB of buffers for the logits of Qwen2.5's 151,936 tokens."""
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
    """`Backend.interrupt` was called while a batch was evaluated. Its cells must be removed."""


class DecodeFailed(Exception):  # noqa: N818 - named like DecodeAborted
    """The binding rejected a batch. The argument is llama.cpp's error code."""


class Vocabulary(Protocol):
    """The tokens of a model."""

    @property
    def size(self) -> int:
        """Number of tokens."""

    @property
    def fim(self) -> FimTokens | None:
        """Spellings of the fill-in-the-middle tokens; None if the model has none."""

    @property
    def start(self) -> tuple[int, ...]:
        """Tokens at the start of every prompt of this model: its beginning-of-text token, or nothing."""

    @property
    def chat(self) -> ChatFormat:
        """How the model writes conversations."""

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Return the tokens of `text`. With `special`, spellings of control tokens become these tokens."""

    def piece(self, token: int) -> bytes:
        """Return the bytes of a token; empty for control tokens. One character may consist of several tokens."""

    def ends(self, token: int) -> bool:
        """Return whether `token` ends the answer."""


class Backend(Protocol):
    """One model with its KV cells. Used by one thread, except for `interrupt`."""

    @property
    def name(self) -> str:
        """The binding: `llama_cpp` or `ik`."""

    @property
    def options(self) -> BackendOptions:
        """The options it was opened with."""

    @property
    def worthwhile(self) -> int:
        """Minimum useful size of a prompt batch, in tokens. Smaller batches take nearly as long."""

    @property
    def longest(self) -> int:
        """Maximum length of text that the model was trained on, in tokens."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The model's tokens."""

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
        """Let `target` share the cells of `source` from `start` to `end` (exclusive)."""

    def save(self, sequence: int) -> bytearray:
        """Return the cells of a sequence, for `restore` in this process. The cells are not changed."""

    def restore(self, sequence: int, saved: bytearray) -> bool:
        """Fill an empty sequence with saved cells. False if they do not fit; the sequence is then empty."""

    def interrupt(self) -> None:
        """Abort a running `decode` as soon as possible. Can be called from any thread."""

    def resume(self) -> None:
        """Reset the effect of `interrupt`."""

    def close(self) -> None:
        """Free the memory."""
