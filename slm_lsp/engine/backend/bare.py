"""The program that `bench decode` and `bench load` compare the engine with: a simple loop over a binding's C functions.

`python -m slm_lsp.engine.backend.bare BINDING MODEL THREADS CELLS TOKENS` loads the model and prints the load time in
seconds. Then, for each prompt on standard input (one JSON string per line), it generates TOKENS tokens greedily and
prints them with the seconds from the first token to the last.
"""

import ctypes
import json
import sys
import time
from typing import Any

import numpy as np

from slm_lsp.engine.backend.llama_cpp import model_parameters

BATCH = 512


def _load(binding: str, path: bytes, threads: int, cells: int) -> tuple[Any, Any, Any, int, Any]:
    """Return the API, a context, the handle for tokenizing, the vocabulary's size, and a function that clears cells."""
    if binding == "ik":
        from ik_llama_cpp import _ctypes_api as api
        from ik_llama_cpp._lib_loader import load_shared_library

        parameters = api.llama_model_default_params()
        parameters.repack_tensors, parameters.use_mmap = True, False
    else:
        import llama_cpp as api

        parameters = model_parameters(api)
    api.llama_backend_init()
    model = api.llama_model_load_from_file(path, parameters)
    vocabulary = api.llama_model_get_vocab(model)
    context_parameters = api.llama_context_default_params()
    context_parameters.n_ctx = cells
    context_parameters.n_threads = context_parameters.n_threads_batch = threads
    context = api.llama_init_from_model(model, context_parameters)
    if binding == "ik":
        clear = load_shared_library().llama_kv_cache_clear
        clear.argtypes = [ctypes.c_void_p]
        return api, context, model, api.llama_vocab_n_tokens(vocabulary), lambda: clear(context)
    memory = api.llama_get_memory(context)
    size = api.llama_vocab_n_tokens(vocabulary)
    return api, context, vocabulary, size, lambda: api.llama_memory_clear(memory, False)


def _evaluate(api: Any, context: Any, batch: Any, tokens: list[int], start: int, size: int) -> int:
    """Evaluate tokens and return the most likely next one."""
    batch.n_tokens = len(tokens)
    for index, token in enumerate(tokens):
        batch.token[index], batch.pos[index], batch.n_seq_id[index] = token, start + index, 1
        batch.seq_id[index][0], batch.logits[index] = 0, index == len(tokens) - 1
    if api.llama_decode(context, batch) != 0:
        raise RuntimeError("llama_decode failed")
    address = ctypes.cast(api.llama_get_logits_ith(context, len(tokens) - 1), ctypes.POINTER(ctypes.c_float))
    return int(np.ctypeslib.as_array(address, (size,)).argmax())


def main() -> None:
    """Run the program; see the module."""
    binding, path, threads, cells, count = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    started = time.perf_counter()
    api, context, vocabulary, size, forget = _load(binding, path.encode(), threads, cells)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started}) + "\n")
    sys.stdout.flush()
    batch = api.llama_batch_init(BATCH, 0, 1)
    for line in sys.stdin:
        raw = json.loads(line).encode()
        buffer = (ctypes.c_int32 * (len(raw) + 8))()
        prompt = buffer[: api.llama_tokenize(vocabulary, raw, len(raw), buffer, len(buffer), False, True)]
        forget()
        tokens = [_evaluate(api, context, batch, prompt, 0, size)]
        first = time.perf_counter()
        while len(tokens) < count:
            tokens.append(_evaluate(api, context, batch, tokens[-1:], len(prompt) + len(tokens) - 1, size))
        sys.stdout.write(json.dumps({"seconds": time.perf_counter() - first, "tokens": tokens}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
