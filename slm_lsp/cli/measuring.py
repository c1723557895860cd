"""Lets the engine measure the speed of the models, for `slm-lsp doctor`."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from slm_lsp.cli.stages import StageDisplay
from slm_lsp.engine.api import LOADED, LoadedStats, ModelInfo, Stats
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.platform import memory
from slm_lsp.routing.policy import Choice, age, best

MEASURE_TIMEOUT_S = 60.0
"""Seconds to wait for the measurement of one model. The engine starts the measurement two seconds after the last
request. The measurement then takes a few seconds."""

POLL_S = 0.2
"""Seconds between two checks whether the measurement is complete."""

NOT_DONE = "the model process did not measure; its log may say why"
"""Reason when the measurement was not made in time and no other reason is known."""

NOT_KEPT = "it was discarded, because other programs were busy; try again when the machine is quiet"
"""Reason when the engine discarded a new measurement and kept the old one."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The known speed of one model.

    Args:
        choice: the model.
        info: the engine's description of the model.
        stats: the newest measurements; None if the model has been unloaded since.
        missing: why the requested measurement was not made; empty if it was made or none was requested.
    """

    choice: Choice
    info: ModelInfo
    stats: LoadedStats | None
    missing: str = ""

    def speed(self, now: float) -> str:
        """Return a text with the speed, its age, and why it is not newer. `now` is in seconds since the epoch."""
        stats = self.stats
        if stats is None or stats.prefill_rate is None:
            return f"no measurement: {self.missing or 'the model was unloaded'}"
        figures = (
            f"prefill {stats.prefill_rate:.0f} tokens/s, decode {1 / stats.batch_s[1]:.1f} tokens/s ({stats.backend})"
        )
        if stats.measured_at:
            figures += f", measured {age(now - stats.measured_at)} ago"
        if stats.load > LOADED:
            figures += f" while other programs used {stats.load:.1f} cores"
        return f"{figures}; no newer measurement: {self.missing}" if self.missing else figures


@dataclass(frozen=True, slots=True)
class MeasuredModels:
    """The state of the engine and the speed of its models.

    Args:
        stats: the state of the engine.
        best: the model that answers commands.
        measured: the models that fit the memory, the fastest first.
    """

    stats: Stats
    best: Choice
    measured: tuple[Measured, ...]


async def measure_models(choices: Sequence[Choice], measure: bool, display: StageDisplay) -> MeasuredModels:
    """Load the models that may answer and fit the memory, and wait until their speed is known.

    Args:
        choices: the models that may answer, the fastest first.
        measure: measure the models again, even if their speed is known.
        display: shows the current stage.

    Raises:
        SlmError: the engine or a model cannot be used.
    """
    async with EngineClient() as client:
        display.begin("starting the model process")
        loaded = {each.model for each in (await client.stats()).loaded}
        chosen = best(choices, memory.free_memory(), loaded)
        models = [each.model for each in choices]
        usable = choices[: models.index(chosen.model) + 1]
        measured = [await _measured(client, each, measure, display) for each in usable]
        display.end()
        return MeasuredModels(await client.stats(), chosen, tuple(measured))


async def _measured(client: EngineClient, choice: Choice, measure: bool, display: StageDisplay) -> Measured:
    display.begin(f"loading {choice.name}")
    model_stats = _stats_of(choice, await client.stats())
    requested_at = time.time()
    if measure:
        info = await client.measure(choice.model, on_loading=display.advance)
    else:
        info = await client.describe(choice.model, explicit=True, on_loading=display.advance)
    why = NOT_DONE
    deadline = time.monotonic() + MEASURE_TIMEOUT_S
    while time.monotonic() < deadline:
        stats = await client.stats()
        model_stats = _stats_of(choice, stats)
        if model_stats is None or (model_stats.prefill_rate is not None and not model_stats.measuring):
            measured_at = None if model_stats is None else model_stats.measured_at
            outdated = measure and measured_at is not None and measured_at < requested_at
            return Measured(choice, info, model_stats, NOT_KEPT if outdated else "")
        if stats.running + stats.queued > 0:
            why = "other requests were running"
        display.begin(f"measuring {choice.name}")
        await asyncio.sleep(POLL_S)
    return Measured(choice, info, model_stats, f"it was not made within {MEASURE_TIMEOUT_S:.0f} s, because {why}")


def _stats_of(choice: Choice, stats: Stats) -> LoadedStats | None:
    return next((each for each in stats.loaded if each.model == choice.model), None)
