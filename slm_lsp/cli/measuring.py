"""Has the engine measure the models that may answer, for `slm-lsp doctor`, and says what it knows about their speed."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from slm_lsp import system
from slm_lsp.cli.stages import Stages
from slm_lsp.engine.client import EngineClient
from slm_lsp.engine.protocol import LoadedStats, ModelInfo, Stats
from slm_lsp.engine.router import Choice, best
from slm_lsp.errors import EngineLostError

PATIENCE_S = 60.0
"""Seconds to wait for one model. The engine begins two seconds after the last request and takes some seconds more."""

POLL_S = 0.2

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known about the speed of one model."""

    choice: Choice
    info: ModelInfo
    row: LoadedStats | None
    """With the newest figures; None where the model was unloaded meanwhile."""
    fresh: bool
    """Whether the figures are as new as was asked for."""
    busy: bool
    """Whether requests were running during the wait."""

    def speed(self, now: float) -> str:
        """The figures, how old they are, and why there are no newer ones; `now` in seconds since the epoch."""
        why = "other requests were running" if self.busy else "the model process did not do it; its log may say why"
        missing = f"not measured within {PATIENCE_S:.0f} s: {why}"
        if self.row is None or self.row.prefill_rate is None:
            return missing
        decode = 1 / self.row.batch_s[1]
        figures = f"prefill {self.row.prefill_rate:.0f} tokens/s, decode {decode:.1f} tokens/s ({self.row.backend})"
        if self.row.measured_at:
            figures += f", measured {_ago(now - self.row.measured_at)}"
        return figures if self.fresh else f"{figures}; these are old figures, {missing}"


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
        chosen = best(choices, system.free_memory(), loaded)
        names = [each.path for each in choices]
        usable = choices[: names.index(chosen.path) + 1]
        measured = [await _examined(client, each, measure, shown) for each in usable]
        shown.end()
        return Examined(await client.stats(), chosen, tuple(measured))


async def _examined(client: EngineClient, choice: Choice, measure: bool, shown: Stages) -> Measured:
    shown.begin(f"loading {choice.name}")
    before = _row(await client.stats(), choice)
    asked_at = time.time()
    info = None
    async for event in client.describe(choice.path, asked=True, measure=measure):
        if isinstance(event, ModelInfo):
            info = event
        else:
            shown.advance(event.fraction)
    if info is None:
        raise EngineLostError("The engine did not say what the model is.", "Ask again.")
    busy = False
    row = before
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        stats = await client.stats()
        row = _row(stats, choice)
        if row is None or _is_fresh(row, asked_at if measure else 0.0):
            return Measured(choice, info, row, row is not None, busy)
        busy = busy or stats.running + stats.queued > 0
        shown.begin(f"measuring {choice.name}")
        await asyncio.sleep(POLL_S)
    known = row if row is not None and row.prefill_rate is not None else before
    return Measured(choice, info, known, False, busy)


def _row(stats: Stats, choice: Choice) -> LoadedStats | None:
    return next((each for each in stats.loaded if each.model == str(choice.path)), None)


def _is_fresh(row: LoadedStats, since: float) -> bool:
    """Whether figures are there that are newer than `since`; of unknown age they count as new."""
    return row.prefill_rate is not None and (row.measured_at == 0.0 or row.measured_at >= since)


def _ago(seconds: float) -> str:
    for size, name in ((DAY_S, "days"), (HOUR_S, "hours"), (MINUTE_S, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name} ago"
    return "just now" if seconds < MINUTE_S else "a minute ago"
