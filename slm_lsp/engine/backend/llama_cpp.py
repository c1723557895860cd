"""Backend for llama-cpp-python, through its low-level interface. The reference binding, for all platforms and GPUs."""

import ctypes
import logging
from functools import cache, partial
from pathlib import Path
from typing import Any

from slm_lsp.engine.api import FimTokens
from slm_lsp.engine.backend.base import BackendOptions, OnProgress
from slm_lsp.engine.backend.native import NativeBackend, NativeVocabulary, StateFunctions, TextTokens, log_callback
from slm_lsp.platform.c_library import c_library

log = logging.getLogger(__name__)

NAME = "llama_cpp"


@cache
def _api() -> Any:
    """Return the binding's module, after redirecting its log."""
    import llama_cpp

    callback = log_callback(NAME)
    llama_cpp.llama_log_set(callback, ctypes.c_void_p(0))
    return llama_cpp, callback


def model_parameters(api: Any) -> Any:
    """Return llama.cpp's defaults for loading a model, without the AMX kernels, which crash.

    If this revision of llama.cpp was compiled on a processor with AMX, it crashes in its first matrix product. It puts
    the tile configuration on a part of the stack that compilers may discard, and its threads do not request permission
    to use tiles (https://github.com/ggml-org/llama.cpp/issues/20824, https://github.com/ggml-org/llama.cpp/pull/26954).
    The only switch that disables AMX also disables all repacked weights, which makes prompts slower. A build without
    AMX, such as the Makefile's, does not need the switch.

    Args:
        api: the module `llama_cpp`.
    """
    parameters = api.llama_model_default_params()
    if b"AMX_INT8 = 1" in api.llama_print_system_info():
        log.warning("this build of llama.cpp uses AMX, which crashes: its fast kernels are disabled")
        parameters.use_extra_bufts = False
    return parameters


class LlamaCppBackend(NativeBackend):
    """See `Backend`."""

    name = NAME
    worthwhile = 64

    def __init__(self, path: Path, options: BackendOptions, on_progress: OnProgress) -> None:
        super().__init__(_api()[0], path, options, on_progress)
        handle = self._api.llama_model_get_vocab(self._model)
        self.longest = self._api.llama_model_n_ctx_train(self._model)
        size = self._api.llama_vocab_n_tokens(handle)
        functions = _TokenFunctions(self._api)
        self.vocabulary = NativeVocabulary(functions, handle, size, self._text_tokens(handle), self._declared(handle))
        self._memory = self._api.llama_get_memory(self._context)

    def _open_model(self, path: bytes, options: BackendOptions) -> Any:
        parameters = model_parameters(self._api)
        parameters.n_gpu_layers = options.gpu_layers
        parameters.progress_callback = self._progress
        return self._api.llama_model_load_from_file(path, parameters)

    def _open_context(self, options: BackendOptions) -> Any:
        parameters = self._api.llama_context_default_params()
        parameters.n_ctx, parameters.n_seq_max = options.cells, options.sequences
        parameters.n_batch = parameters.n_ubatch = options.batch
        parameters.n_threads = parameters.n_threads_batch = options.threads
        parameters.kv_unified = True
        parameters.no_perf = True
        context = self._api.llama_init_from_model(self._model, parameters)
        if context:
            self._install_abort_callback(context)
        return context

    def _free_model(self) -> None:
        self._api.llama_model_free(self._model)

    def _install_abort_callback(self, context: Any) -> None:
        """Install the C library's `strlen` as the abort callback: it returns 1 (true) while `_flag` is not empty.

        llama.cpp calls it before every graph operation, from its compute threads. A Python function would slow
        decoding down by 4 % (20 runs of 32 tokens, Qwen2.5-Coder-0.5B), because each call takes the interpreter's lock.
        """
        self._abort = ctypes.cast(c_library().strlen, self._api.ggml_abort_callback)
        self._api.llama_set_abort_callback(context, self._abort, ctypes.cast(self._flag, ctypes.c_void_p))

    def _set_threads(self, count: int) -> None:
        self._api.llama_set_n_threads(self._context, count, count)

    def _state_functions(self) -> StateFunctions:
        api = self._api
        return StateFunctions(api.llama_state_seq_get_size, api.llama_state_seq_get_data, api.llama_state_seq_set_data)

    def remove(self, sequence: int, start: int, end: int) -> None:
        """See `Backend`."""
        self._api.llama_memory_seq_rm(self._memory, sequence, start, end)

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """See `Backend`."""
        self._api.llama_memory_seq_cp(self._memory, source, target, start, end)

    def _text_tokens(self, handle: Any) -> TextTokens:
        api = self._api
        return TextTokens(
            api.llama_vocab_bos(handle),
            api.llama_vocab_eos(handle),
            api.llama_vocab_get_add_bos(handle),
            api.llama_model_chat_template(self._model, None),
            partial(api.llama_vocab_get_text, handle),
        )

    def _declared(self, handle: Any) -> FimTokens | None:
        """Return the fill-in-the-middle tokens that the model file declares; None if it declares none."""
        api = self._api
        tokens = [get(handle) for get in (api.llama_vocab_fim_pre, api.llama_vocab_fim_suf, api.llama_vocab_fim_mid)]
        if any(token < 0 for token in tokens):
            return None
        extra = [get(handle) for get in (api.llama_vocab_fim_rep, api.llama_vocab_fim_sep)]
        prefix, suffix, middle = (api.llama_vocab_get_text(handle, token).decode() for token in tokens)
        repository, file = (api.llama_vocab_get_text(handle, token).decode() if token >= 0 else None for token in extra)
        return FimTokens(prefix, suffix, middle, repository, file)


class _TokenFunctions:
    """The token functions, under the names that both bindings have."""

    def __init__(self, api: Any) -> None:
        self.llama_tokenize = api.llama_tokenize
        self.llama_token_to_piece = api.llama_token_to_piece
        self.llama_token_is_eog = api.llama_vocab_is_eog
