"""Has the engine measure the models that may answer, for `slm-lsp doctor`, and says what it knows about their speed."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from slm_lsp.cli.stages import Stages
from slm_lsp.engine.api import LOADED, LoadedStats, ModelInfo, Stats
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.platform import memory
from slm_lsp.routing.policy import Choice, age, best

PATIENCE_S = 60.0
"""Seconds to wait for one model. The engine begins two seconds after the last request and takes some seconds more."""

POLL_S = 0.2

NOT_DONE = "the model process did not do it; its log may say why"
NOT_KEPT = "other programs were busy during the new one. Run this again when the machine is quiet"


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known about the speed of one model."""

    choice: Choice
    info: ModelInfo
    row: LoadedStats | None
    """With the newest figures; None where the model was unloaded meanwhile."""
    missing: str = ""
    """Why the figures are not as new as was asked for; empty where they are."""

    def speed(self, now: float) -> str:
        """The figures, how old they are, and why there are no newer ones; `now` in seconds since the epoch."""
        row = self.row
        if row is None or row.prefill_rate is None:
            return self.missing or "not measured: the model was unloaded"
        figures = f"prefill {row.prefill_rate:.0f} tokens/s, decode {1 / row.batch_s[1]:.1f} tokens/s ({row.backend})"
        if row.measured_at:
            figures += f", measured {age(now - row.measured_at)} ago"
        if row.load > LOADED:
            figures += f" while other programs used {row.load:.1f} cores"
        return f"{figures}; from an earlier measurement: {self.missing}" if self.missing else figures


@dataclass(frozen=True, slots=True)
class Examined:
    """What the engine says of itself and of the models that may answer."""

    stats: Stats
    best: Choice
    """What answers a command."""
    measured: tuple[Measured, ...]


async def examine(choices: Sequence[Choice], measure: bool, shown: Stages) -> Examined:
    """Load the models that may answer and fit the memory, and wait until their speed is known.

    Args:
        choices: models, the fastest first.
        measure: have them measured again, even if their speed is known.
        shown: says what is waited for.

    Raises:
        SlmError: the engine or a model cannot be used.
    """
    async with EngineClient() as client:
        shown.begin("starting the model process")
        loaded = {each.model for each in (await client.stats()).loaded}
        chosen = best(choices, memory.free_memory(), loaded)
        models = [each.model for each in choices]
        usable = choices[: models.index(chosen.model) + 1]
        measured = [await _examined(client, each, measure, shown) for each in usable]
        shown.end()
        return Examined(await client.stats(), chosen, tuple(measured))


async def _examined(client: EngineClient, choice: Choice, measure: bool, shown: Stages) -> Measured:
    shown.begin(f"loading {choice.name}")
    before = _row(await client.stats(), choice)
    asked_at = time.time()
    if measure:
        info = await client.measure(choice.model, on_loading=shown.advance)
    else:
        info = await client.describe(choice.model, explicit=True, on_loading=shown.advance)
    why = NOT_DONE
    row = before
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        stats = await client.stats()
        row = _row(stats, choice)
        if row is None or (row.prefill_rate is not None and not row.measuring):
            outdated = measure and row is not None and row.measured_at is not None and row.measured_at < asked_at
            return Measured(choice, info, row, NOT_KEPT if outdated else "")
        if stats.running + stats.queued > 0:
            why = "other requests were running"
        shown.begin(f"measuring {choice.name}")
        await asyncio.sleep(POLL_S)
    return Measured(choice, info, row, f"not measured within {PATIENCE_S:.0f} s: {why}")


def _row(stats: Stats, choice: Choice) -> LoadedStats | None:
    return next((each for each in stats.loaded if each.model == choice.model), None)
