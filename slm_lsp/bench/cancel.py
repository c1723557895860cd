"""`bench cancel`: from giving up a long prompt to the start of the next request, beside evaluating it to its end."""

import asyncio
import random
import time
from contextlib import aclosing
from statistics import median

from slm_lsp.bench.common import Conditions, Report, private_engine, random_text
from slm_lsp.engine.api import Generate, ModelRef, Segment, Started, Token
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import EngineError
from slm_lsp.proportions import percentile

PEER = "evaluating the prompt to its end"
PROMPT_WORDS = 1600
"""About 2,000 tokens."""


async def run(conditions: Conditions) -> Report:
    """Cancel so many prompts as there are runs, each at another moment of its evaluation."""
    rng = random.Random(1)  # noqa: S311 - reproducible, no secret
    async with private_engine(conditions.settings.engine.backend) as engine:
        whole = await _whole(engine, conditions, rng)
        waits = []
        for number in range(conditions.runs):
            waits.append(await _cancelled(engine, conditions, rng, whole))
            conditions.note(f"{number + 1}/{conditions.runs}: {waits[-1]:.1f} ms after the cancel")
    figures = {"p50_ms": median(waits), "p95_ms": percentile(waits, 95), "max_ms": max(waits)}
    return Report(
        "cancel",
        conditions.runs,
        figures,
        {"name": PEER, "ms": whole * 1e3},
        figures["p95_ms"] / (whole * 1e3),
        "ms",
    )


def _request(conditions: Conditions, text: str) -> Generate:
    return Generate(ModelRef.of(conditions.model), (Segment(text),), 1, explicit=True)


def _prompt(rng: random.Random) -> str:
    return f"# {rng.random()}\n" + random_text(rng, PROMPT_WORDS)


async def _whole(engine: EngineClient, conditions: Conditions, rng: random.Random) -> float:
    """Seconds to the first token of a prompt that nobody cancels; the model is loaded before."""
    await engine.describe(ModelRef.of(conditions.model), explicit=True)
    started = time.perf_counter()
    async for event in engine.generate(_request(conditions, _prompt(rng))):
        if isinstance(event, Token):
            return time.perf_counter() - started
    raise EngineError("The engine ended a request without an answer.")


async def _cancelled(engine: EngineClient, conditions: Conditions, rng: random.Random, whole: float) -> float:
    """Milliseconds from the cancel to the start of another request's evaluation."""
    async with aclosing(engine.generate(_request(conditions, _prompt(rng)))) as events:
        async for event in events:
            if isinstance(event, Started):
                await asyncio.sleep(rng.uniform(0.05, 0.8) * whole)
                break
    cancelled = time.perf_counter()
    async for event in engine.generate(_request(conditions, f"next {rng.random()}")):
        if isinstance(event, Started):
            elapsed = (time.perf_counter() - cancelled) * 1e3
    return elapsed
