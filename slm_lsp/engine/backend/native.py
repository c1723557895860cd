"""Base class of both backends: batches, logits, tokenizing and interruption through llama.cpp's C functions.

Subclasses of `NativeBackend` add what differs between the bindings: opening a model and the functions for KV cells.
"""

import ctypes
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from slm_lsp.engine.api import ChatFormat, FimTokens
from slm_lsp.engine.backend.base import BackendOptions, DecodeAborted, DecodeFailed, Logits, OnProgress, Slot
from slm_lsp.engine.backend.vocabulary import find_ends, find_fim
from slm_lsp.errors import ModelCorruptError

log = logging.getLogger(__name__)

PIECE_BYTES = 512
"""Maximum length of one token's text, in bytes."""
_ERROR = 4
"""llama.cpp's log level for errors. At lower levels, it logs about a page each time a model is loaded."""


@dataclass(frozen=True, slots=True)
class TextTokens:
    """The beginning-of-text token, the end-of-text token and the chat template, as a binding returns them."""

    bos: int
    """The beginning-of-text token; negative if the model has none. May be any token if the file declares none."""
    eos: int
    """The end-of-text token; see `bos`."""
    adds_bos: bool
    """Whether every prompt begins with `bos`."""
    template: bytes | None
    """The chat template in the file's metadata."""
    spelling: Callable[[int], bytes | None]
    """Returns the text of a token."""


class NativeVocabulary:
    """Tokens of a loaded model.

    Args:
        api: the binding's low-level module.
        handle: the argument of the binding's token functions: the vocabulary, or in older APIs the model.
        size: number of tokens.
        declared: fill-in-the-middle tokens that the model file declares; None if it declares none.
        text: the beginning-of-text and end-of-text tokens, and the chat template.
    """

    def __init__(self, api: Any, handle: Any, size: int, text: TextTokens, declared: FimTokens | None = None) -> None:
        self._api, self._handle = api, handle
        self.size = size
        self.fim = declared or find_fim(self._single)
        self._ends = find_ends(self._single)
        self._buffer = ctypes.create_string_buffer(PIECE_BYTES)
        self.piece = lru_cache(maxsize=None)(self._piece)
        adds_bos = text.adds_bos and text.bos >= 0
        self.start = (text.bos,) if adds_bos else ()
        template = None if text.template is None else text.template.decode(errors="replace")
        self.chat = ChatFormat(template, self._control(text, text.bos), self._control(text, text.eos), adds_bos)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """See `Vocabulary`. Lone surrogates, which UTF-8 cannot encode, become question marks."""
        raw = text.encode(errors="replace")
        out = (ctypes.c_int32 * (len(raw) + 8))()
        count = self._api.llama_tokenize(self._handle, raw, len(raw), out, len(out), False, special)
        return out[:count]

    def ends(self, token: int) -> bool:
        """See `Vocabulary`."""
        return token in self._ends or bool(self._api.llama_token_is_eog(self._handle, token))

    def _piece(self, token: int) -> bytes:
        count = self._api.llama_token_to_piece(self._handle, token, self._buffer, PIECE_BYTES, 0, False)
        return self._buffer.raw[:count] if count > 0 else b""

    def _control(self, text: TextTokens, token: int) -> str:
        """Return the spelling of a control token; empty for other tokens."""
        if token < 0 or self.piece(token):
            return ""
        return (text.spelling(token) or b"").decode(errors="replace")

    def _single(self, spelling: str) -> int | None:
        tokens = self.tokenize(spelling, special=True)
        return tokens[0] if len(tokens) == 1 else None


@dataclass(frozen=True, slots=True)
class StateFunctions:
    """`llama_state_seq_get_size`, `llama_state_seq_get_data` and `llama_state_seq_set_data` of a binding."""

    size: Callable[[Any, int], int]
    get: Callable[[Any, Any, int, int], int]
    set: Callable[[Any, Any, int, int], int]


class NativeBackend(ABC):
    """A loaded model and its context, which holds the KV cells. Only `interrupt` and `resume` are thread-safe."""

    name: str
    longest: int
    worthwhile: int
    vocabulary: NativeVocabulary

    def __init__(self, api: Any, path: Path, options: BackendOptions, on_progress: OnProgress) -> None:
        self._api = api
        api.llama_backend_init()
        self._progress = self._progress_callback(on_progress)
        self._model = self._open_model(str(path).encode(), options)
        if not self._model:
            raise ModelCorruptError(
                f"{path} cannot be loaded by {self.name}.", "See the engine's log, or run `slm-lsp models verify`."
            )
        self.options = options
        self._flag = ctypes.create_string_buffer(2)
        self._context = self._open_context(options)
        if not self._context:
            self._free_model()
            raise MemoryError(f"not enough memory for {options.cells} KV cells of {path}")
        self._batch = api.llama_batch_init(options.batch, 0, 1)
        self._threads = options.threads

    @abstractmethod
    def _open_model(self, path: bytes, options: BackendOptions) -> Any:
        """Return the model's handle, or null."""

    @abstractmethod
    def _open_context(self, options: BackendOptions) -> Any:
        """Return the handle of a context that aborts batches when `_flag` is set, or null."""

    @abstractmethod
    def _free_model(self) -> None:
        """Free the model."""

    @abstractmethod
    def remove(self, sequence: int, start: int, end: int) -> None:
        """See `Backend`."""

    @abstractmethod
    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """See `Backend`."""

    @abstractmethod
    def _set_threads(self, count: int) -> None:
        """Set the context's number of threads."""

    @abstractmethod
    def _state_functions(self) -> StateFunctions:
        """Return the C functions that save and restore a sequence."""

    def save(self, sequence: int) -> bytearray:
        """See `Backend`."""
        functions = self._state_functions()
        saved = bytearray(functions.size(self._context, sequence))
        written = functions.get(self._context, _bytes_of(saved), len(saved), sequence)
        del saved[written:]
        return saved

    def restore(self, sequence: int, saved: bytearray) -> bool:
        """See `Backend`."""
        if self._state_functions().set(self._context, _bytes_of(saved), len(saved), sequence):
            return True
        self.remove(sequence, 0, -1)
        return False

    def use_threads(self, count: int) -> None:
        """See `Backend`."""
        count = min(max(count, 1), self.options.threads)
        if count != self._threads:
            self._threads = count
            self._set_threads(count)

    def decode(self, batch: Sequence[Slot]) -> None:
        """See `Backend`."""
        raw = self._batch
        raw.n_tokens = len(batch)
        for index, slot in enumerate(batch):
            raw.token[index], raw.pos[index], raw.n_seq_id[index] = slot.token, slot.position, 1
            raw.seq_id[index][0], raw.logits[index] = slot.sequence, slot.logits
        code = self._api.llama_decode(self._context, raw)
        if code == 0:
            return
        if self._flag.raw[:1] != b"\0":
            raise DecodeAborted
        raise DecodeFailed(code)

    def logits(self, index: int) -> Logits:
        """See `Backend`."""
        address = self._api.llama_get_logits_ith(self._context, index)
        if not address:
            raise DecodeFailed(f"slot {index} has no logits")
        pointer = ctypes.cast(address, ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(pointer, (self.vocabulary.size,))

    def interrupt(self) -> None:
        """See `Backend`."""
        self._flag[0] = b"\1"

    def resume(self) -> None:
        """See `Backend`."""
        self._flag[0] = b"\0"

    def close(self) -> None:
        """See `Backend`."""
        self._api.llama_batch_free(self._batch)
        self._api.llama_free(self._context)
        self._free_model()

    @staticmethod
    def _progress_callback(on_progress: OnProgress) -> Any:
        def report(fraction: float, _: object) -> bool:
            on_progress(fraction)
            return True

        return ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_float, ctypes.c_void_p)(report)


def _bytes_of(buffer: bytearray) -> Any:
    """Return a C pointer to the bytes, without copying them."""
    return ctypes.cast((ctypes.c_uint8 * len(buffer)).from_buffer(buffer), ctypes.POINTER(ctypes.c_uint8))


def log_callback(binding: str) -> Any:
    """Return a C function that forwards a binding's log messages to ours. The caller must keep a reference to it."""

    def forward(level: int, text: bytes, _: object) -> None:
        line = text.decode(errors="replace").rstrip()
        if line.strip("."):
            # llama.cpp logs an interrupted batch as an error. Interruptions are normal here, so errors become INFO.
            log.log(logging.INFO if level == _ERROR else logging.DEBUG, "%s: %s", binding, line)

    return ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(forward)


def bind(library: Any, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """Return a C function that the binding's Python module does not declare."""
    function = getattr(library, name)
    function.restype, function.argtypes = result, list(arguments)
    return function  # type: ignore[no-any-return]
