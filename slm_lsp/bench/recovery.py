"""Part of `bench busy`: how soon `auto` uses the strong model again after other programs have ended."""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace

from slm_lsp.bench.conditions import Conditions
from slm_lsp.bench.workers import busy_processes
from slm_lsp.config import Settings
from slm_lsp.context.anchor import at_word
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.window import PromptParts
from slm_lsp.engine.api import ModelRef, Provider
from slm_lsp.features.completion.complete import complete, warm
from slm_lsp.features.completion.request import CompletionRequest, bare_request
from slm_lsp.harness.engine import private_engine, until_measured
from slm_lsp.models.store import Store
from slm_lsp.routing.choose import choose
from slm_lsp.routing.policy import AUTO, Choice

TEXT = '''"""Orders of a shop."""


def total(prices, discount):
    """The sum of the prices less the discount, a number from 0 to 1."""
    return '''

BUSY_S = 20.0
"""Seconds for which other programs use all cores."""

PAUSE_S = 1.0
"""Seconds between two suggestions."""

MOST = 12
"""Maximum number of suggestions that are requested after the busy period."""

TIERS = ("fast", "strong")


@dataclass(frozen=True, slots=True)
class Recovery:
    """Choices of `auto` before, during and after a busy period."""

    before: str | None
    during: tuple[str | None, ...]
    """Tier that made each suggestion during the busy period."""
    suggestions: int | None
    """Number of suggestions by the fast model after the busy period, before the strong model answered again; None if
    the strong model never answered."""
    seconds: float | None
    """Seconds from the end of the busy period to the request that the strong model answered."""

    def __str__(self) -> str:
        during = f"{self.during.count('strong')} of {len(self.during)} suggestions while the machine was busy"
        if self.suggestions is None:
            return f"auto: the strong model made {during}, and none afterwards"
        after = f"{self.suggestions} suggestions ({self.seconds:.1f} s)"
        return f"auto: the strong model made {during}; afterwards it answered again after {after} of the fast model"


async def recovery(conditions: Conditions) -> Recovery | None:
    """Simulate a busy period and return the choices of `auto`; None if a model of one tier is not installed."""
    store = Store(conditions.settings.models_dir)
    models = {each.tier: ModelRef.of(each.path) for each in store.installed() if each.tier in TIERS}
    if len(models) < len(TIERS):
        return None
    settings = replace(conditions.settings, model=AUTO)
    cursor = Cursor("shop", "orders.py", TEXT, len(TEXT))
    async with private_engine("auto") as engine:
        for model in models.values():
            await warm(bare_request(cursor, model, settings.completion), engine)
        await until_measured(engine)
        before = await _suggestion(engine, settings, cursor, 0)
        during: list[str | None] = []
        with ExitStack() as load:
            load.enter_context(busy_processes(2 * conditions.threads))
            until = time.monotonic() + BUSY_S
            while time.monotonic() < until:
                during.append((await _suggestion(engine, settings, cursor, len(during) + 1)).tier)
                await asyncio.sleep(PAUSE_S)
        ended = time.monotonic()
        for number in range(MOST):
            requested = time.monotonic()
            tier = (await _suggestion(engine, settings, cursor, len(during) + number + 1)).tier
            if tier == "strong":
                return Recovery(before.tier, tuple(during), number, requested - ended)
            await asyncio.sleep(PAUSE_S)
    return Recovery(before.tier, tuple(during), None, None)


async def _suggestion(engine: Provider, settings: Settings, cursor: Cursor, number: int) -> Choice:
    """Request a suggestion as an editor does, after its prefix was evaluated, and return which model answered."""
    text = f"{cursor.text}value{number} + "
    there = replace(cursor, text=text, offset=len(text))
    parts = PromptParts(there, at_word(cursor))
    choice = await choose(parts, engine, settings)
    await complete(CompletionRequest(parts, choice.model, settings.completion), engine)
    return choice
