"""`bench cancel`: time from cancelling a long prompt to the start of the next request."""

import asyncio
import random
import time
from contextlib import aclosing
from statistics import median

from slm_lsp.bench.conditions import Conditions, random_text
from slm_lsp.bench.report import Report
from slm_lsp.engine.api import Generate, Segment, Started
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.harness.engine import private_engine, timed_answer
from slm_lsp.proportions import percentile

PEER = "evaluating the prompt to its end"
PROMPT_WORDS = 1600
"""Number of words in the cancelled prompt, about 2,000 tokens."""

MILLISECONDS = 1e3


async def run(conditions: Conditions) -> Report:
    """Cancel `runs` prompts, each after a random share of its evaluation time."""
    dice = random.Random(1)  # noqa: S311 - reproducible, no secret
    async with private_engine(conditions.settings.engine.backend) as engine:
        await engine.describe(conditions.ref, explicit=True)
        whole_s = (await timed_answer(engine, _long_request(conditions, dice))).first_token_s
        waits: list[float] = []
        for number in range(conditions.runs):
            waits.append(await _wait_ms(engine, conditions, dice, whole_s))
            conditions.note(f"{number + 1}/{conditions.runs}: {waits[-1]:.1f} ms after the cancellation")
    figures = {"p50_ms": median(waits), "p95_ms": percentile(waits, 95), "max_ms": max(waits)}
    whole_ms = whole_s * MILLISECONDS
    peer = {"name": PEER, "ms": whole_ms}
    return Report("cancel", conditions.runs, figures, peer, figures["p95_ms"] / whole_ms, "ms")


def _request(conditions: Conditions, text: str) -> Generate:
    return Generate(conditions.ref, (Segment(text),), 1, explicit=True)


def _long_request(conditions: Conditions, dice: random.Random) -> Generate:
    return _request(conditions, f"# {dice.random()}\n" + random_text(dice, PROMPT_WORDS))


async def _wait_ms(engine: EngineClient, conditions: Conditions, dice: random.Random, whole_s: float) -> float:
    """Return the milliseconds from cancelling a long prompt to the start of another request's evaluation."""
    async with aclosing(engine.generate(_long_request(conditions, dice))) as events:
        async for event in events:
            if isinstance(event, Started):
                await asyncio.sleep(dice.uniform(0.05, 0.8) * whole_s)
                break
    cancelled = time.perf_counter()
    waited_s = 0.0
    async for event in engine.generate(_request(conditions, f"next {dice.random()}")):
        if isinstance(event, Started):
            waited_s = time.perf_counter() - cancelled
    return waited_s * MILLISECONDS
