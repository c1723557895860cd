"""Backend for ik-llama-cpp-python, a fork of llama.cpp that prefills twice as fast on x86-64 processors.

Only its C interface is used, because its Python class copies all logits through Python. Flash attention is disabled:
it misreads the mask of small batches when the cells are not in the order of their positions.
"""

import ctypes
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from slm_lsp.engine.backend.base import BackendOptions, DecodeAborted, OnProgress, Slot
from slm_lsp.engine.backend.native import (
    NativeBackend,
    NativeVocabulary,
    StateFunctions,
    TextTokens,
    bind,
    log_callback,
)

NAME = "ik"

PIECE = 30
"""Number of graph operations between two checks for an interruption. A layer of a Qwen2.5 model has about this number
of operations, and the 0.5B model has 24 layers."""

WHOLE = 4
"""Batches of at most this many tokens are computed without these checks, because they take little time."""

PROBED = 32
"""Without flash attention, the library pads the number of cells in use to a multiple of this."""


class _View(ctypes.Structure):
    """`llama_kv_cache_view` of the library's llama.h: the position and the owners of each cell."""

    _fields_ = (
        ("n_cells", ctypes.c_int32),
        ("n_seq_max", ctypes.c_int32),
        ("token_count", ctypes.c_int32),
        ("used_cells", ctypes.c_int32),
        ("max_contiguous", ctypes.c_int32),
        ("max_contiguous_idx", ctypes.c_int32),
        ("cells", ctypes.POINTER(ctypes.c_int32)),
        ("cells_sequences", ctypes.POINTER(ctypes.c_int32)),
    )


class _Extra:
    """C functions of the library that the binding's Python module does not declare."""

    def __init__(self, library: Any) -> None:
        pointer, number = ctypes.c_void_p, ctypes.c_int32
        self.log_set = bind(library, "llama_log_set", None, pointer, pointer)
        self.remove = bind(library, "llama_kv_cache_seq_rm", ctypes.c_bool, pointer, number, number, number)
        self.copy = bind(library, "llama_kv_cache_seq_cp", None, pointer, number, number, number, number)
        self.view_init = bind(library, "llama_kv_cache_view_init", _View, pointer, number)
        self.view_update = bind(library, "llama_kv_cache_view_update", None, pointer, ctypes.POINTER(_View))
        self.view_free = bind(library, "llama_kv_cache_view_free", None, ctypes.POINTER(_View))
        self.state = _state(library)
        self.set_threads = bind(library, "llama_set_n_threads", None, pointer, ctypes.c_uint32, ctypes.c_uint32)
        self.trained = bind(library, "llama_n_ctx_train", number, pointer)
        self.bos = bind(library, "llama_vocab_bos", number, pointer)
        self.eos = bind(library, "llama_vocab_eos", number, pointer)
        self.add_bos = bind(library, "llama_vocab_get_add_bos", ctypes.c_bool, pointer)
        self.spelling = bind(library, "llama_vocab_get_text", ctypes.c_char_p, pointer, number)
        self.template = bind(library, "llama_model_chat_template", ctypes.c_char_p, pointer, ctypes.c_char_p)


def _state(library: Any) -> StateFunctions:
    """Return the functions that save and restore a sequence.

    They pass flags as the last argument, because some revisions of the library need it. The others ignore it.
    """
    pointer, number, size, flags = ctypes.c_void_p, ctypes.c_int32, ctypes.c_size_t, ctypes.c_uint32
    get_size = bind(library, "llama_state_seq_get_size", size, pointer, number, flags)
    get = bind(library, "llama_state_seq_get_data", size, pointer, pointer, size, number, flags)
    put = bind(library, "llama_state_seq_set_data", size, pointer, pointer, size, number, flags)
    return StateFunctions(
        lambda context, sequence: get_size(context, sequence, 0),
        lambda context, data, length, sequence: get(context, data, length, sequence, 0),
        lambda context, data, length, sequence: put(context, data, length, sequence, 0),
    )


@cache
def _api() -> Any:
    from ik_llama_cpp import _ctypes_api
    from ik_llama_cpp._lib_loader import load_shared_library

    extra = _Extra(load_shared_library())
    callback = log_callback(NAME)
    extra.log_set(ctypes.cast(callback, ctypes.c_void_p), None)
    return _ctypes_api, extra, callback


class IkBackend(NativeBackend):
    """See `Backend`.

    The library's own abort callback can hang. Its threads check the abort flag after a barrier. A thread that checks
    late can already see the flag of the next operation and leave. The other threads then wait for it at the next
    barrier forever. (llama.cpp has since fixed this by numbering the flag.)

    This class uses the evaluation callback instead, which is meant for inspecting tensors. With this callback, the
    library computes a batch in pieces, and between two pieces one thread asks the callback whether to continue.
    """

    name = NAME
    worthwhile = 16

    def __init__(self, path: Path, options: BackendOptions, on_progress: OnProgress) -> None:
        api, self._extra, _ = _api()
        self._in_pieces = self._stopped = False
        self._operations = 0
        super().__init__(api, path, options, on_progress)
        vocabulary = api.llama_model_get_vocab(self._model)
        self.longest = self._extra.trained(self._model)
        size = api.llama_vocab_n_tokens(vocabulary)
        self.vocabulary = NativeVocabulary(api, self._model, size, self._text_tokens(vocabulary))

    def _open_model(self, path: bytes, options: BackendOptions) -> Any:
        parameters = self._api.llama_model_default_params()
        parameters.repack_tensors, parameters.use_mmap = True, False
        parameters.progress_callback = ctypes.cast(self._progress, self._api.llama_progress_callback)
        return self._api.llama_model_load_from_file(path, parameters)

    def _open_context(self, options: BackendOptions) -> Any:
        parameters = self._api.llama_context_default_params()
        self._plug = options.sequences
        parameters.n_ctx, parameters.n_seq_max = options.cells, options.sequences + 1
        parameters.n_batch = parameters.n_ubatch = options.batch
        parameters.n_threads = parameters.n_threads_batch = options.threads
        parameters.flash_attn = False
        self._callback = self._api.ggml_backend_sched_eval_callback(self._on_operation)
        parameters.cb_eval = self._callback
        context = self._api.llama_init_from_model(self._model, parameters)
        if context:
            self._view = self._extra.view_init(context, options.sequences + 1)
        return context

    def _text_tokens(self, vocabulary: Any) -> TextTokens:
        extra = self._extra
        return TextTokens(
            extra.bos(vocabulary),
            extra.eos(vocabulary),
            extra.add_bos(vocabulary),
            extra.template(self._model, None),
            partial(extra.spelling, vocabulary),
        )

    def _free_model(self) -> None:
        self._api.llama_free_model(self._model)

    def decode(self, batch: Sequence[Slot]) -> None:
        """See `Backend`."""
        self._in_pieces = len(batch) > WHOLE
        self._operations, self._stopped = 0, self._flag[0] != b"\0"
        if not self._stopped:
            super().decode(batch)
        if self._stopped:
            raise DecodeAborted

    def _on_operation(self, _: int, before: bool, __: int) -> bool:
        """Answer the library's evaluation callback.

        Called before an operation, return whether a piece ends with this operation. Called after a piece, return
        whether to continue. A short batch is one piece, because each piece costs 0.1 ms. The calls themselves cost
        about 2 % of the time of a single token.
        """
        if before:
            self._operations += 1
            return self._stopped or (self._in_pieces and self._operations % PIECE == 0)
        self._stopped = self._flag[0] != b"\0"
        return not self._stopped

    def _set_threads(self, count: int) -> None:
        self._extra.set_threads(self._context, count, count)

    def _state_functions(self) -> StateFunctions:
        functions: StateFunctions = self._extra.state
        return functions

    def remove(self, sequence: int, start: int, end: int) -> None:
        """See `Backend`. Cells at the positions that `_plugs` returns get a dummy owner, so that they stay in use."""
        plugs, needless = self._plugs(sequence, start, end)
        for position in plugs:
            self._extra.copy(self._context, sequence, self._plug, position, position + 1)
        self._extra.remove(self._context, sequence, start, end)
        if needless:
            self._extra.remove(self._context, self._plug, 0, -1)

    def close(self) -> None:
        """See `Backend`."""
        self._extra.view_free(ctypes.byref(self._view))
        super().close()

    def _plugs(self, sequence: int, start: int, end: int) -> tuple[list[int], bool]:
        """Return the positions whose cells must not become empty, and whether the dummy owner is no longer needed.

        To find the last cell in use, the library checks only every `PROBED`-th cell (`llama_kv_cache_cell_max` in its
        llama.cpp). If that cell is empty, the library misses cells in use right above it, and attention silently
        ignores them. Such a cell therefore gets a dummy owner instead of becoming empty.
        """
        view = self._view
        self._extra.view_update(self._context, ctypes.byref(view))
        positions = np.ctypeslib.as_array(view.cells, (view.n_cells,))
        owners = np.ctypeslib.as_array(view.cells_sequences, (view.n_cells, view.n_seq_max))
        ours = (owners == sequence).any(axis=1) & (positions >= start)
        if end >= 0:
            ours &= positions < end
        alone = (owners >= 0).sum(axis=1) == 1
        plugged = (owners == self._plug).any(axis=1) & alone
        kept = np.flatnonzero((positions >= 0) & ~(ours & alone) & ~plugged)
        top = int(kept[-1]) if len(kept) else -1
        probed = np.arange(PROBED - 1, view.n_cells, PROBED)
        emptied = probed[(ours & alone)[probed] & (probed < top)]
        held = np.flatnonzero(plugged)
        return positions[emptied].tolist(), len(emptied) == 0 and len(held) > 0 and int(held[0]) > top

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """See `Backend`."""
        self._extra.copy(self._context, source, target, start, end)
