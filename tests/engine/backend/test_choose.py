"""Which binding runs a model, and why."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from slm_lsp.engine.backend import BackendOptions, available, choose, open_backend
from slm_lsp.engine.backend.choose import IK_NEEDS, Agreement, measure_agreement
from slm_lsp.errors import EngineUnavailableError

BOTH = {"llama_cpp": "1", "ik": "1"}
USUAL: dict[str, Any] = {"gpu_layers": 0, "installed": BOTH, "features": IK_NEEDS, "x86_linux": True}

needs_ik = pytest.mark.skipif("ik" not in available(), reason="needs the extra `fast`, which is for x86-64 Linux")


@pytest.mark.parametrize(
    ("preference", "changes", "name", "why"),
    [
        ("auto", {}, "ik", "faster"),
        ("auto", {"installed": {"llama_cpp": "1"}}, "llama_cpp", "slm-lsp\\[fast\\]"),
        ("auto", {"installed": {"llama_cpp": "1"}, "x86_linux": False}, "llama_cpp", "only binding installed$"),
        ("auto", {"gpu_layers": 20}, "llama_cpp", "graphics processor"),
        ("auto", {"features": frozenset({"fma", "f16c"})}, "llama_cpp", "lacks avx2"),
        ("llama_cpp", {}, "llama_cpp", "set by"),
        ("ik", {"features": frozenset()}, "ik", "set by"),
    ],
)
def test_the_choice_and_its_reason(preference: Any, changes: dict[str, Any], name: str, why: str) -> None:
    found = choose(preference, **{**USUAL, **changes})
    assert found.name == name
    assert re.search(why, found.why)


def test_a_binding_that_is_set_but_missing_is_an_error() -> None:
    with pytest.raises(EngineUnavailableError, match="ik-llama-cpp-python is not installed"):
        choose("ik", **{**USUAL, "installed": {"llama_cpp": "1"}})


@needs_ik
def test_the_bindings_agree_on_the_tiny_model(tiny_model: Path) -> None:
    found = measure_agreement(tiny_model)
    assert found.good
    assert found.same_top == 1.0


@needs_ik
def test_agreement_is_measured_once_and_remembered(tiny_model: Path, tmp_path: Path) -> None:
    memory = tmp_path / "cache" / "agreement.json"
    options = BackendOptions(256, 1, 1)
    backend, why = open_backend(tiny_model, options, "auto", lambda _: None, memory)
    backend.close()
    assert backend.name == "ik"
    assert "agrees with llama_cpp" in why
    (key,) = msgspec.json.decode(memory.read_bytes(), type=dict[str, Agreement])
    memory.write_bytes(msgspec.json.encode({key: Agreement(mean_kl=9.0, same_top=0.1)}))
    backend, why = open_backend(tiny_model, options, "auto", lambda _: None, memory)
    backend.close()
    assert backend.name == "llama_cpp"
    assert "disagrees" in why
