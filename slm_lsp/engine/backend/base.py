"""What the engine asks of a binding of llama.cpp, and nothing more: no policy lives behind this interface."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from slm_lsp.engine.api import ChatFormat, FimTokens

Logits = NDArray[np.float32]
"""One number for every token of the vocabulary."""

OnProgress = Callable[[float], None]
"""Called while a model loads, with the fraction done."""


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """How a model is to be opened."""

    cells: int
    """KV cells, shared by all sequences."""
    sequences: int
    threads: int
    batch: int = 64
    """The most tokens evaluated at once. On two cores 64 prefills as fast as 512, is given up sooner, and saves
    270 MB of buffers for the logits of Qwen2.5's 151,936 tokens."""
    gpu_layers: int = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """One token of a batch: where it stands, and whether its logits are wanted."""

    token: int
    position: int
    sequence: int
    logits: bool = False


class DecodeAborted(Exception):  # noqa: N818 - an event, not a mistake
    """`Backend.interrupt` was called while a batch was evaluated; nothing of that batch counts."""


class DecodeFailed(Exception):  # noqa: N818 - the code says what it is
    """The binding refused a batch; the code is llama.cpp's."""


class Vocabulary(Protocol):
    """The tokens of a model."""

    @property
    def size(self) -> int:
        """Number of tokens."""

    @property
    def fim(self) -> FimTokens | None:
        """Fill-in-the-middle spellings, where the model has them."""

    @property
    def start(self) -> tuple[int, ...]:
        """What stands before every prompt of this model: its beginning-of-text token, or nothing."""

    @property
    def chat(self) -> ChatFormat:
        """How the model writes conversations."""

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Tokens of `text`; with `special`, spellings of control tokens become these tokens."""

    def piece(self, token: int) -> bytes:
        """The bytes of a token; empty for control tokens. A character may span tokens."""

    def ends(self, token: int) -> bool:
        """Whether `token` means that the answer is over."""


class Backend(Protocol):
    """One model with its KV cells. Used by one thread, except for `interrupt`."""

    @property
    def name(self) -> str:
        """The binding: `llama_cpp` or `ik`."""

    @property
    def options(self) -> BackendOptions:
        """What it was opened with; `cells` is what the model really got."""

    @property
    def worthwhile(self) -> int:
        """Tokens of a prompt below which a batch is hardly cheaper, so that shorter ones are a waste."""

    @property
    def longest(self) -> int:
        """Tokens of the longest text the model was trained on."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The model's tokens."""

    def use_threads(self, count: int) -> None:
        """Evaluate the next batches with this many threads, at most `options.threads`."""

    def decode(self, batch: Sequence[Slot]) -> None:
        """Evaluate up to `options.batch` tokens.

        Raises:
            DecodeAborted: `interrupt` was called; the caller removes the cells of this batch.
            DecodeFailed: no cells were free, or the batch made no sense.
        """

    def logits(self, index: int) -> Logits:
        """Logits of the `index`-th slot of the last batch: a view that the next `decode` overwrites."""

    def remove(self, sequence: int, start: int, end: int) -> None:
        """Forget positions from `start` to `end` (exclusive; -1: all that follow) of a sequence."""

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Let `target` share the cells of `source` from `start` to `end` (exclusive)."""

    def shift(self, sequence: int, start: int, end: int, delta: int) -> None:
        """Move positions from `start` to `end` (exclusive) of a sequence by `delta`, for all owners of its cells."""

    def save(self, sequence: int) -> bytearray:
        """What `restore` makes the cells of a sequence of again, in this process; they stay as they are."""

    def restore(self, sequence: int, saved: bytearray) -> bool:
        """Fill an empty sequence with saved cells; False, and an empty sequence, where there is no place for them."""

    def interrupt(self) -> None:
        """Make a running `decode` give up within one operation of the graph, where the binding can. From any thread."""

    def resume(self) -> None:
        """Take an `interrupt` back."""

    def close(self) -> None:
        """Free the memory."""
