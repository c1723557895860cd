"""Chooses the binding for a model.

`ik` is used if it is installed, the processor supports it, it agrees with the reference binding `llama_cpp`, and it is
not slower. Agreement and speed are measured once for each combination of model, binding versions and processor; the
results are stored.
"""

import contextlib
import importlib.util
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Literal

import msgspec
import numpy as np
import platformdirs

from slm_lsp.engine.api import LOADED
from slm_lsp.engine.backend import ik, llama_cpp
from slm_lsp.engine.backend.base import Backend, BackendOptions, Logits, OnProgress, Slot
from slm_lsp.engine.load import LoadMeter, spare_processors
from slm_lsp.errors import EngineUnavailableError, ModelError
from slm_lsp.platform import cores

log = logging.getLogger(__name__)

Name = Literal["llama_cpp", "ik"]
Preference = Literal["auto", "llama_cpp", "ik"]

_DISTRIBUTIONS: Mapping[Name, str] = MappingProxyType({"llama_cpp": "llama-cpp-python", "ik": "ik-llama-cpp-python"})
_MODULES: Mapping[Name, str] = MappingProxyType({"llama_cpp": "llama_cpp", "ik": "ik_llama_cpp"})
_OPEN: Mapping[Name, Callable[[Path, BackendOptions, OnProgress], Backend]] = MappingProxyType(
    {"llama_cpp": llama_cpp.LlamaCppBackend, "ik": ik.IkBackend}
)

IK_NEEDS = frozenset({"avx2", "fma", "f16c"})
"""Processor features that the wheel of ik-llama-cpp-python needs. Without these, it crashes (illegal instruction)."""

MAX_MEAN_KL = 0.05
"""Maximum mean Kullback-Leibler divergence of the two bindings' next-token distributions, in nats. Both catalogue
models have 0.001 to 0.002."""

SLOWER = 1.1
"""ik counts as slower if it takes more than this multiple of the reference's time. Smaller differences are within the
error of a single measurement."""

TIMED_PROMPT, TIMED_STEPS = 32, 8
"""Number of tokens that are timed in one batch, and number of tokens that are timed one by one."""

USUAL_STEPS = 16
"""Number of answer tokens in a typical request, whose prompt has `TIMED_PROMPT` tokens."""

FIXED_PROMPT = """def mean(values: list[float]) -> float:
    if not values:
        raise ValueError("mean of nothing")
    return sum(values) / len(values)


class Account:
    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.balance = 0
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """A binding and the reason for choosing it."""

    name: Name
    why: str


class Agreement(msgspec.Struct, frozen=True):
    """Comparison of the two bindings on the fixed prompt, for one model."""

    mean_kl: float
    """Mean Kullback-Leibler divergence per position, in nats."""
    same_top: float
    """Share of positions at which both bindings have the same likeliest token."""
    time_ratio: float
    """ik's time for a typical request, divided by the reference's time."""
    load: float = 0.0
    """Cores that other programs used during the measurement, on average."""

    @property
    def good(self) -> bool:
        """Whether ik agrees well enough to replace the reference."""
        return self.mean_kl <= MAX_MEAN_KL

    @property
    def slower(self) -> bool:
        """Whether ik is slower than the reference. Some processors have instructions that only the reference uses."""
        return self.time_ratio > SLOWER


def available() -> Mapping[Name, str]:
    """Return the installed bindings and their versions."""
    return {name: version(_DISTRIBUTIONS[name]) for name in _OPEN if importlib.util.find_spec(_MODULES[name])}


def choose(
    preference: Preference, gpu_layers: int, *, installed: Mapping[Name, str], features: frozenset[str], x86_linux: bool
) -> Choice:
    """Choose a binding without looking at the model. A pure function.

    Args:
        preference: the user's setting.
        gpu_layers: number of layers on the GPU.
        installed: the installed bindings and their versions.
        features: features of the processor.
        x86_linux: whether this is Linux on x86-64, where ik is available.

    Raises:
        EngineUnavailableError: the preferred binding is not installed.
    """
    if preference != "auto":
        if preference not in installed:
            raise EngineUnavailableError(
                f"`engine.backend` is `{preference}`, but {_DISTRIBUTIONS[preference]} is not installed.",
                "Install it, or set `engine.backend` to `auto`.",
            )
        return Choice(preference, "set by `engine.backend`")
    if gpu_layers > 0:
        return Choice("llama_cpp", f"{gpu_layers} layers run on the GPU")
    if "ik" not in installed:
        hint = "; the extra `fast` installs the faster binding ik (`make setup`)" if x86_linux else ""
        return Choice("llama_cpp", f"the only binding installed{hint}")
    if missing := IK_NEEDS - features:
        return Choice("llama_cpp", f"the processor lacks {', '.join(sorted(missing))}, which ik needs")
    return Choice("ik", "usually faster than llama_cpp; both are timed when a model is loaded for the first time")


def open_backend(
    path: Path,
    options: BackendOptions,
    preference: Preference,
    on_progress: OnProgress,
    memory: Path | None = None,
    meter: LoadMeter | None = None,
) -> tuple[Backend, str]:
    """Open a model with the best binding. Return the backend and the reason for the choice.

    Args:
        path: a GGUF file.
        options: see `BackendOptions`.
        preference: the user's setting.
        on_progress: called with the fraction that is loaded.
        memory: file that stores measured agreements; None: the default file in the user's cache.
        meter: measures the load of other programs; None: a new one.

    Raises:
        ModelCorruptError: no binding can load the file.
        EngineUnavailableError: the preferred binding is not installed.
    """
    installed = available()
    choice = choose(
        preference,
        options.gpu_layers,
        installed=installed,
        features=cores.cpu_features(),
        x86_linux=cores.is_x86_64_linux(),
    )
    if choice.name == "ik" and preference == "auto":
        usual = platformdirs.user_cache_path("slm-lsp") / "agreement.json"
        meter = meter or LoadMeter(spare_processors(cores.usable_cores()))
        choice = _checked(path, choice, installed, memory or usual, meter)
    log.info("%s: %s, %s", path.name, choice.name, choice.why)
    return _OPEN[choice.name](path, options, on_progress), choice.why


def _checked(path: Path, choice: Choice, installed: Mapping[Name, str], memory: Path, meter: LoadMeter) -> Choice:
    """Return `choice`, or the reference binding if ik disagrees with the reference on this model or is slower.

    A measurement made while other programs ran is repeated when the model is loaded on an idle machine.
    """
    info = path.stat()
    bindings = f"ik {installed['ik']} llama_cpp {installed['llama_cpp']}"
    key = f"{path.name}:{info.st_size}:{info.st_mtime_ns} {bindings} {cores.cpu_name()}"
    known = _remembered(memory)
    if key not in known or (known[key].load > LOADED and meter.now() <= LOADED):
        try:
            known[key] = measure_agreement(path, meter)
        except ModelError as error:
            return Choice("llama_cpp", f"ik cannot load this model ({error.what})")
        # If the cache cannot be written, the agreement is measured again next time.
        with contextlib.suppress(OSError):
            memory.parent.mkdir(parents=True, exist_ok=True)
            fresh = memory.with_suffix(f".{os.getpid()}")
            fresh.write_bytes(msgspec.json.encode(known))
            fresh.replace(memory)
    found = known[key]
    figures = f"divergence {found.mean_kl:.4f}, same likeliest token at {found.same_top:.0%} of positions"
    if not found.good:
        return Choice("llama_cpp", f"ik disagrees with llama_cpp on this model: {figures}")
    timed = f"takes {found.time_ratio:.2f} of the time of llama_cpp here"
    if found.slower:
        return Choice("llama_cpp", f"faster than ik, which {timed}")
    return Choice("ik", f"{timed}, and agrees with llama_cpp ({figures})")


def _remembered(memory: Path) -> dict[str, Agreement]:
    try:
        return msgspec.json.decode(memory.read_bytes(), type=dict[str, Agreement])
    except (OSError, msgspec.DecodeError):
        return {}


def measure_agreement(path: Path, meter: LoadMeter) -> Agreement:
    """Evaluate the fixed prompt with both bindings, one after the other, and compare them."""
    meter.contended()
    (ours, our_s), (theirs, their_s) = (_measured(name, path) for name in ("ik", "llama_cpp"))
    kl = np.sum(np.exp(theirs) * (theirs - ours), axis=1)
    same_top = float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean())
    return Agreement(float(kl.mean()), same_top, our_s / their_s, meter.contended())


def _measured(name: Name, path: Path) -> tuple[Logits, float]:
    """Return the log-probabilities at every position of the fixed prompt, and the seconds of a typical request."""
    options = BackendOptions(cells=256, sequences=1, threads=cores.usable_cores())
    backend = _OPEN[name](path, options, lambda _: None)
    try:
        tokens = backend.vocabulary.tokenize(FIXED_PROMPT)[: options.batch]
        backend.decode([Slot(token, position, 0, logits=True) for position, token in enumerate(tokens)])
        rows = np.stack([backend.logits(index).astype(np.float32) for index in range(len(tokens))])
        seconds = _usual_request_s(backend, tokens)
    finally:
        backend.close()
    rows -= rows.max(axis=1, keepdims=True)
    normalised: Logits = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    return normalised, seconds


def _usual_request_s(backend: Backend, tokens: Sequence[int]) -> float:
    """Return the seconds of a typical request. The backend must have evaluated a batch, so its weights are in memory.

    The request is a prompt of `TIMED_PROMPT` tokens and an answer of `USUAL_STEPS` tokens.
    """

    def timed(first: int, count: int) -> float:
        start = time.perf_counter()
        backend.decode([Slot(tokens[each % len(tokens)], each, 0, logits=True) for each in range(first, first + count)])
        backend.logits(count - 1)
        return time.perf_counter() - start

    backend.remove(0, 0, -1)
    prompt_s = timed(0, TIMED_PROMPT)
    steps = [timed(TIMED_PROMPT + number, 1) for number in range(TIMED_STEPS)]
    return prompt_s + USUAL_STEPS * median(steps)
