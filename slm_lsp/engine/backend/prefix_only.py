"""A program that `bench keystroke` compares the engine with: it reuses cells in the same way as llama-cpp-python.

That is, a prompt reuses only the beginning that it has in common with the previous prompt.

`python -m slm_lsp.engine.backend.prefix_only MODEL THREADS CELLS` loads the model and prints the load time in seconds.
Then, for each line of JSON on standard input, `{"prompt": [{"text": …, "special": …}, …]}`, it evaluates the tokens
whose KV cells it does not hold, chooses the first token, and prints the milliseconds and the number of evaluated
tokens.
"""

import ctypes
import json
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from slm_lsp.engine.backend.llama_cpp import model_parameters

BATCH = 512
"""llama-cpp-python's default."""


class PrefixOnly:
    """A model and the tokens of the last prompt. Their KV cells are kept, so the next prompt can reuse them."""

    def __init__(self, model: str, threads: int, cells: int) -> None:
        import llama_cpp

        self._api: Any = llama_cpp
        self._api.llama_backend_init()
        self._model = self._api.llama_model_load_from_file(model.encode(), model_parameters(self._api))
        self._vocabulary = self._api.llama_model_get_vocab(self._model)
        self._size = self._api.llama_vocab_n_tokens(self._vocabulary)
        parameters = self._api.llama_context_default_params()
        parameters.n_ctx, parameters.n_batch, parameters.n_ubatch = cells, BATCH, BATCH
        parameters.n_threads = parameters.n_threads_batch = threads
        self._context = self._api.llama_init_from_model(self._model, parameters)
        self._memory = self._api.llama_get_memory(self._context)
        self._batch = self._api.llama_batch_init(BATCH, 0, 1)
        self._held: list[int] = []

    def first_token(self, prompt: Sequence[dict[str, Any]]) -> tuple[int, int]:
        """Return the likeliest first token, and the number of evaluated tokens."""
        tokens = [token for segment in prompt for token in self._tokenize(segment["text"], segment["special"])]
        kept = shared(self._held, tokens)
        self._api.llama_memory_seq_rm(self._memory, 0, kept, -1)
        self._held = tokens[:kept]
        for start in range(kept, len(tokens), BATCH):
            piece = tokens[start : start + BATCH]
            self._evaluate(piece, start, start + len(piece) == len(tokens))
            self._held += piece
        logits = self._api.llama_get_logits_ith(self._context, -1)
        address = ctypes.cast(logits, ctypes.POINTER(ctypes.c_float))
        return int(np.ctypeslib.as_array(address, (self._size,)).argmax()), len(tokens) - kept

    def _tokenize(self, text: str, special: bool) -> list[int]:
        raw = text.encode()
        buffer = (ctypes.c_int32 * (len(raw) + 8))()
        return buffer[: self._api.llama_tokenize(self._vocabulary, raw, len(raw), buffer, len(buffer), False, special)]

    def _evaluate(self, tokens: list[int], start: int, last: bool) -> None:
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index], batch.pos[index], batch.n_seq_id[index] = token, start + index, 1
            batch.seq_id[index][0], batch.logits[index] = 0, last and index == len(tokens) - 1
        if self._api.llama_decode(self._context, batch) != 0:
            raise RuntimeError("llama_decode failed")


def shared(held: Sequence[int], wanted: Sequence[int]) -> int:
    """Return the length of the common beginning, at most `len(wanted) - 1`, as the last token must be evaluated."""
    equal = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(held, wanted, strict=False)))
    return min(equal, len(wanted) - 1)


def _messages() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def _answer(message: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the program; see the module."""
    model, threads, cells = sys.argv[1], *map(int, sys.argv[2:4])
    started = time.perf_counter()
    peer = PrefixOnly(model, threads, cells)
    _answer({"seconds": time.perf_counter() - started})
    for message in _messages():
        started = time.perf_counter()
        token, evaluated = peer.first_token(message["prompt"])
        _answer({"ms": (time.perf_counter() - started) * 1e3, "evaluated": evaluated, "token": token})


if __name__ == "__main__":
    main()
