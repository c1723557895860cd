"""How fast a model runs on this machine: measured once, kept in the cache by model, binding and threads."""

import random
from pathlib import Path

import msgspec

from slm_lsp.engine.client import EngineClient
from slm_lsp.engine.protocol import Done, Generate, Priority, Segment, Started
from slm_lsp.errors import EngineLostError

PREFILL_WORDS = 160
"""Gives a prompt of 250 to 400 tokens."""

DECODED_TOKENS = 24
ROUNDS = 3
_WORDS = ("alpha", "return", "value", "index", "(self)", "=", "+", "import", "for", "total", "None", "list")


class Calibration(msgspec.Struct, frozen=True):
    """Rates in tokens a second."""

    backend: str
    prefill: float
    decode: float | None
    """None where the model ended at once."""


def load(file: Path) -> dict[str, Calibration]:
    """Everything measured so far, by `key`."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Calibration])
    except (OSError, msgspec.DecodeError):
        return {}


def save(file: Path, known: dict[str, Calibration]) -> None:
    """Keep what was measured."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(known))
    fresh.replace(file)


def key(model: Path, backend: str, threads: int, processor: str) -> str:
    """What a measurement holds for."""
    return f"{model.name} {model.stat().st_size} {backend} {threads} threads {processor}"


async def measure(engine: EngineClient, model: Path, seed: int) -> Calibration:
    """The best of `ROUNDS`: whatever else runs on the machine can only slow it down. Arguments as in `_measure`."""
    rounds = [await _measure(engine, model, seed + number) for number in range(ROUNDS)]
    decode = max((each.decode for each in rounds if each.decode is not None), default=None)
    return Calibration(rounds[0].backend, max(each.prefill for each in rounds), decode)


async def _measure(engine: EngineClient, model: Path, seed: int) -> Calibration:
    """Evaluate a prompt that no cells hold yet, and generate behind it.

    Args:
        engine: the way to the engine.
        model: path of a GGUF file; loaded if need be, which does not count.
        seed: another one gives another prompt.

    Raises:
        SlmError: the engine could not.
    """
    words = random.Random(seed).choices(_WORDS, k=PREFILL_WORDS)  # noqa: S311 - no secret
    text = f"# {seed}\n" + " ".join(words)
    request = Generate(0, str(model), (Segment(text),), DECODED_TOKENS, priority=Priority.BULK, asked=True)
    evaluated, backend = 0, ""
    async for event in engine.generate(request):
        if isinstance(event, Started):
            evaluated, backend = event.prompt_tokens - event.reused_tokens, event.backend
        elif isinstance(event, Done):
            decode = (event.generated_tokens - 1) / event.decode_ms * 1e3 if event.decode_ms else None
            return Calibration(backend, evaluated / event.prefill_ms * 1e3, decode)
    raise EngineLostError("The engine ended a request without an answer.", "Ask again.")
