"""The choice of the binding and its reason."""

import re
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from slm_lsp.engine.backend import BackendOptions, available, choose, open_backend
from slm_lsp.engine.backend.choose import IK_NEEDS, Agreement, measure_agreement
from slm_lsp.engine.load import LoadMeter, Reading
from slm_lsp.errors import EngineUnavailableError

BOTH = {"llama_cpp": "1", "ik": "1"}
USUAL: dict[str, Any] = {"gpu_layers": 0, "installed": BOTH, "features": IK_NEEDS, "x86_linux": True}

needs_ik = pytest.mark.skipif("ik" not in available(), reason="needs the extra `fast`, which is for x86-64 Linux")


@pytest.mark.parametrize(
    ("preference", "changes", "name", "why"),
    [
        ("auto", {}, "ik", "faster"),
        ("auto", {"installed": {"llama_cpp": "1"}}, "llama_cpp", "the extra `fast` installs the faster binding ik"),
        ("auto", {"installed": {"llama_cpp": "1"}, "x86_linux": False}, "llama_cpp", "only binding installed$"),
        ("auto", {"gpu_layers": 20}, "llama_cpp", "run on the GPU"),
        ("auto", {"features": frozenset({"fma", "f16c"})}, "llama_cpp", "lacks avx2"),
        ("llama_cpp", {}, "llama_cpp", "set by"),
        ("ik", {"features": frozenset()}, "ik", "set by"),
    ],
)
def test_binding_and_reason_follow_settings_installation_and_processor(
    preference: Any, changes: dict[str, Any], name: str, why: str
) -> None:
    found = choose(preference, **{**USUAL, **changes})
    assert found.name == name
    assert re.search(why, found.why)


def test_preferred_binding_that_is_not_installed_is_an_error() -> None:
    with pytest.raises(EngineUnavailableError, match="ik-llama-cpp-python is not installed"):
        choose("ik", **{**USUAL, "installed": {"llama_cpp": "1"}})


@needs_ik
def test_bindings_agree_on_the_tiny_model(tiny_model: Path) -> None:
    found = measure_agreement(tiny_model, meter(0.0))
    assert found.good
    assert found.same_top == 1.0
    assert 0 < found.time_ratio < 100


@needs_ik
def test_agreement_is_measured_once_and_stored(tiny_model: Path, tmp_path: Path) -> None:
    memory = tmp_path / "cache" / "agreement.json"
    open_tiny(tiny_model, memory)
    (measured,) = remembered(memory).values()
    written = memory.stat()
    open_tiny(tiny_model, memory)
    assert remembered(memory) == {key(memory): measured}
    assert memory.stat().st_mtime_ns == written.st_mtime_ns


@needs_ik
@pytest.mark.parametrize(
    ("measured", "name", "why"),
    [
        (Agreement(mean_kl=0.001, same_top=1.0, time_ratio=0.7), "ik", "agrees with llama_cpp"),
        (Agreement(mean_kl=0.001, same_top=1.0, time_ratio=1.05), "ik", "1.05 of the time"),
        (Agreement(mean_kl=0.001, same_top=1.0, time_ratio=1.5), "llama_cpp", "faster than ik, which takes 1.50"),
        (Agreement(mean_kl=9.0, same_top=0.1, time_ratio=0.7), "llama_cpp", "disagrees"),
    ],
)
def test_binding_and_reason_follow_measured_agreement_and_speed(
    tiny_model: Path, tmp_path: Path, measured: Agreement, name: str, why: str
) -> None:
    memory = tmp_path / "agreement.json"
    open_tiny(tiny_model, memory)
    memory.write_bytes(msgspec.json.encode({key(memory): measured}))
    found = open_tiny(tiny_model, memory)
    assert found[0] == name
    assert why in found[1]


@needs_ik
def test_bindings_timed_on_a_busy_machine_are_timed_again_on_an_idle_one(tiny_model: Path, tmp_path: Path) -> None:
    memory = tmp_path / "agreement.json"
    open_tiny(tiny_model, memory, taken=1.0)
    (first,) = remembered(memory).values()
    assert first.load == pytest.approx(1.0)
    open_tiny(tiny_model, memory, taken=1.0)
    assert list(remembered(memory).values()) == [first], "must not be measured again while the machine is busy"
    open_tiny(tiny_model, memory, taken=0.0)
    (second,) = remembered(memory).values()
    assert second.load == 0.0


@needs_ik
def test_model_loads_even_if_the_cache_cannot_be_written(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    assert open_tiny(tiny_model, tmp_path / "cache" / "agreement.json")[0] in available()


def meter(taken: float) -> LoadMeter:
    """Return a meter for a machine on which other programs use `taken` cores. Each reading takes one second."""
    now = count()
    seconds = count()
    return LoadMeter(0, lambda: Reading(taken * next(now), 0.0), lambda: float(next(seconds)), lambda _: None)


def open_tiny(model: Path, memory: Path, taken: float = 0.0) -> tuple[str, str]:
    """Return the name of the chosen binding and the reason."""
    backend, why = open_backend(model, BackendOptions(256, 1, 1), "auto", lambda _: None, memory, meter(taken))
    backend.close()
    return backend.name, why


def remembered(memory: Path) -> dict[str, Agreement]:
    return msgspec.json.decode(memory.read_bytes(), type=dict[str, Agreement])


def key(memory: Path) -> str:
    (found,) = remembered(memory)
    return found
