"""Each installed binding implements the backend interface, on the tiny model."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from slm_lsp.engine.api import ChatFormat
from slm_lsp.engine.backend import Backend, BackendOptions, DecodeAborted, Slot, available, open_backend
from slm_lsp.engine.backend.llama_cpp import model_parameters
from slm_lsp.errors import ModelCorruptError
from tests.tiny import write_tiny_model

OPTIONS = BackendOptions(cells=512, sequences=4, threads=1)


@pytest.fixture(params=sorted(available()))
def backend(request: pytest.FixtureRequest, tiny_model: Path) -> Iterator[Backend]:
    found, _ = open_backend(tiny_model, OPTIONS, request.param, lambda _: None)
    yield found
    found.close()


@pytest.mark.parametrize(("info", "fast_kernels"), [(b"AVX512 = 1 | AMX_INT8 = 1 | ", False), (b"AVX512 = 1 | ", True)])
def test_amx_kernels_are_disabled_because_they_crash(info: bytes, fast_kernels: bool) -> None:
    api = SimpleNamespace(
        llama_print_system_info=lambda: info,
        llama_model_default_params=lambda: SimpleNamespace(use_extra_bufts=True),
    )
    assert model_parameters(api).use_extra_bufts is fast_kernels


def test_binding_has_the_option_that_disables_amx_kernels() -> None:
    import llama_cpp

    assert llama_cpp.llama_model_default_params().use_extra_bufts
    assert b"SSE3 = " in llama_cpp.llama_print_system_info() or b"NEON = " in llama_cpp.llama_print_system_info()


def evaluate(backend: Backend, text: str, sequence: int = 0) -> np.ndarray:
    tokens = backend.vocabulary.tokenize(text)
    backend.decode([Slot(t, i, sequence, i == len(tokens) - 1) for i, t in enumerate(tokens)])
    return backend.logits(len(tokens) - 1).copy()


def test_tokens_decode_to_the_original_text(backend: Backend) -> None:
    text = "def f(self):\n    return 'é🎉\r\n\t'"
    tokens = backend.vocabulary.tokenize(text)
    assert b"".join(backend.vocabulary.piece(token) for token in tokens).decode() == text
    assert len(tokens) < len(text.encode())


def test_control_tokens_come_only_from_special_text(backend: Backend) -> None:
    vocabulary = backend.vocabulary
    spelled = vocabulary.tokenize("<|fim_prefix|>")
    assert len(spelled) > 1
    assert not any(vocabulary.ends(token) for token in spelled)
    (token,) = vocabulary.tokenize("<|fim_prefix|>", special=True)
    assert vocabulary.ends(token)
    assert vocabulary.piece(token) == b""


def test_lone_surrogate_is_tokenized_as_a_question_mark(backend: Backend) -> None:
    assert backend.vocabulary.tokenize("a\ud800b") == backend.vocabulary.tokenize("a?b")


def test_fim_tokens_are_found_by_their_spelling(backend: Backend) -> None:
    fim = backend.vocabulary.fim
    assert fim is not None
    assert (fim.prefix, fim.suffix, fim.middle) == ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
    assert (fim.repository, fim.file) == ("<|repo_name|>", "<|file_sep|>")


def test_a_model_without_chat_metadata_has_only_the_end_token(backend: Backend) -> None:
    """The tiny model names no beginning-of-text token; llama.cpp then returns token 11, which is a letter."""
    assert backend.vocabulary.chat == ChatFormat(None, "", "<|endoftext|>", adds_bos=False)
    assert backend.vocabulary.start == ()


@pytest.mark.parametrize("binding", sorted(available()))
def test_chat_metadata_are_read_from_the_file(binding: str, tmp_path: Path) -> None:
    template = "{{ messages[0].content }} é" * 1000
    model = write_tiny_model(tmp_path / "chat.gguf", chat_template=template)
    backend, _ = open_backend(model, OPTIONS, binding, lambda _: None)
    assert backend.vocabulary.chat == ChatFormat(template, "<|im_start|>", "<|endoftext|>", adds_bos=True)
    assert backend.vocabulary.start == tuple(backend.vocabulary.tokenize("<|im_start|>", special=True))
    backend.close()


def test_copied_cells_give_the_same_logits(backend: Backend) -> None:
    whole = evaluate(backend, "def f(x): return x", sequence=0)
    tokens = backend.vocabulary.tokenize("def f(x): return x")
    backend.copy(0, 1, 0, len(tokens) - 1)
    backend.decode([Slot(tokens[-1], len(tokens) - 1, 1, logits=True)])
    assert np.allclose(backend.logits(0), whole, atol=1e-3)


def test_sequences_in_one_batch_are_independent(backend: Backend) -> None:
    alone = [evaluate(backend, text, sequence) for sequence, text in enumerate(("abc", "xyz"))]
    for sequence in range(2):
        backend.remove(sequence, 0, -1)
    slots = []
    for sequence, text in enumerate(("abc", "xyz")):
        tokens = backend.vocabulary.tokenize(text)
        slots += [Slot(t, i, sequence, i == len(tokens) - 1) for i, t in enumerate(tokens)]
    backend.decode(slots)
    assert np.allclose(backend.logits(2), alone[0], atol=1e-3)
    assert np.allclose(backend.logits(5), alone[1], atol=1e-3)


def test_interrupted_batch_does_not_change_earlier_cells(backend: Backend) -> None:
    before = evaluate(backend, "def f(x):")
    count = len(backend.vocabulary.tokenize("def f(x):"))
    backend.interrupt()
    with pytest.raises(DecodeAborted):
        backend.decode([Slot(1, count, 0, logits=True)])
    backend.resume()
    backend.remove(0, count - 1, -1)
    last = backend.vocabulary.tokenize("def f(x):")[-1]
    backend.decode([Slot(last, count - 1, 0, logits=True)])
    assert np.allclose(backend.logits(0), before, atol=1e-3)


@pytest.mark.parametrize("pattern", [(1, 1, 20), (6, 4, 4), (2, 1, 8), (31, 1, 6)])
def test_cells_after_freed_cells_are_still_read(backend: Backend, pattern: tuple[int, int, int]) -> None:
    """Regression: ik finds the last cell in use by checking every 32nd cell. If one was free, it missed later cells."""
    freed, kept, times = pattern
    tokens = np.random.default_rng(3).integers(0, 250, kept * times + 12).tolist()

    def evaluate_run(start: int, end: int, sequence: int) -> np.ndarray:
        part = tokens[start:end]
        backend.decode([Slot(t, start + i, sequence, i == len(part) - 1) for i, t in enumerate(part)])
        return backend.logits(len(part) - 1).copy()

    end = kept * times
    for number in range(times):
        backend.decode([Slot(7, number * freed + i, 1, i == freed - 1) for i in range(freed)])
        evaluate_run(number * kept, (number + 1) * kept, 0)
    backend.remove(1, 0, -1)
    after = evaluate_run(end, end + 12, 0)
    for at in range(0, end + 12, 32):
        alone = evaluate_run(at, min(at + 32, end + 12), 2)
    assert np.allclose(after, alone, atol=0.1)


def decode_again_and_again(backend: Backend, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        backend.decode([Slot(1, position, 0, position == 0) for position in range(OPTIONS.batch)])
        backend.remove(0, 0, -1)


def test_another_thread_can_interrupt_a_running_batch(backend: Backend) -> None:
    """Batches run without a pause, so the interruption may arrive at any moment of a batch."""
    threading.Timer(0.05, backend.interrupt).start()
    with pytest.raises(DecodeAborted):
        decode_again_and_again(backend, seconds=20)


@pytest.mark.parametrize("binding", sorted(available()))
def test_fim_is_none_for_a_model_without_fim_tokens(binding: str, tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "plain.gguf", special=False)
    found, _ = open_backend(path, OPTIONS, binding, lambda _: None)  # type: ignore[arg-type]
    assert found.vocabulary.fim is None
    found.close()


@pytest.mark.parametrize("binding", sorted(available()))
def test_invalid_model_file_is_rejected(binding: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(ModelCorruptError, match=r"broken\.gguf cannot be loaded"):
        open_backend(path, OPTIONS, binding, lambda _: None)  # type: ignore[arg-type]


def test_loading_reports_its_progress(tiny_model: Path) -> None:
    fractions: list[float] = []
    found, _ = open_backend(tiny_model, OPTIONS, "llama_cpp", fractions.append)
    found.close()
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)


def test_saved_cells_can_be_restored_into_another_sequence(backend: Backend) -> None:
    whole = evaluate(backend, "def f(x): return x", sequence=0)
    tokens = backend.vocabulary.tokenize("def f(x): return x")
    saved = backend.save(0)
    backend.remove(0, 0, -1)
    evaluate(backend, "class A: pass", sequence=1)
    assert backend.restore(2, saved)
    backend.remove(2, len(tokens) - 1, -1)
    backend.decode([Slot(tokens[-1], len(tokens) - 1, 2, logits=True)])
    assert np.allclose(backend.logits(0), whole, atol=1e-3)


def test_restoring_fails_if_the_cells_do_not_fit(backend: Backend) -> None:
    text = "a1 " * 80
    while len(backend.vocabulary.tokenize(text)) < backend.options.cells // 2:
        text += text[: len(text) // 4]
    tokens = backend.vocabulary.tokenize(text)[: backend.options.cells * 2 // 3]
    size = backend.options.batch
    for at in range(0, len(tokens), size):
        part = tokens[at : at + size]
        backend.decode([Slot(token, at + i, 0, logits=False) for i, token in enumerate(part)])
    saved = backend.save(0)
    assert not backend.restore(1, saved)
    backend.remove(0, 0, -1)
    assert backend.restore(1, saved)
