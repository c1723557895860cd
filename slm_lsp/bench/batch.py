"""`bench batch`: tokens a second of 1, 2, 4 and 8 requests decoded together, beside one after another."""

import asyncio
import time
from statistics import median

from slm_lsp.bench.common import BindingsReport, Conditions, paired_ratio, private_engine
from slm_lsp.engine.api import Done, Generate, ModelRef, Segment, Token
from slm_lsp.engine.client.connection import EngineClient

PEER = "one after another"
SIZES = (1, 2, 4, 8)
COMPARED = 4
TOKENS = 64
PROMPT = "# Multiples of {0}\nMULTIPLES = [{0}, {1}, {2}, {3}, {4}, {5},"
"""Lists without an end, another one for each request."""


async def run(conditions: Conditions) -> BindingsReport:
    """Every size in turn, `runs` times after one that does not count."""
    ours: dict[str, object] = {}
    theirs: dict[str, object] = {}
    ratios: dict[str, float] = {}
    for binding in conditions.bindings:
        speeds: dict[int, list[float]] = {size: [] for size in SIZES}
        async with private_engine(binding) as engine:
            for number in range(conditions.runs + 1):
                for size in SIZES:
                    speed = await _together(engine, conditions, size)
                    if number > 0:
                        speeds[size].append(speed)
                shown = ", ".join(f"{size}: {each[-1]:.0f}" for size, each in speeds.items() if each)
                conditions.note(f"{binding} {number}/{conditions.runs}: tokens/s {shown}")
        ours[binding] = median(speeds[COMPARED])
        ours[f"{binding}_by_size"] = {str(size): median(each) for size, each in speeds.items()}
        theirs[binding] = median(speeds[1])
        ratios[binding] = paired_ratio(speeds[COMPARED], speeds[1])
    peer = {"name": PEER, **theirs}
    return BindingsReport("batch", conditions.runs, ours, peer, min(ratios.values()), "tokens/s", ratios)


async def _together(engine: EngineClient, conditions: Conditions, size: int) -> float:
    """Tokens a second of so many requests, behind the first token of the last of them."""
    ends = await asyncio.gather(*(_one(engine, conditions, number) for number in range(size)))
    start, end = max(first for first, _, _ in ends), max(last for _, last, _ in ends)
    return sum(count for _, _, count in ends) * (1 - 1 / TOKENS) / (end - start)


async def _one(engine: EngineClient, conditions: Conditions, number: int) -> tuple[float, float, int]:
    """When the first and the last token came, and how many there were."""
    factor = 7 + number
    text = PROMPT.format(*(factor * each for each in range(1, 7)))
    first, count = 0.0, 0
    request = Generate(ModelRef.of(conditions.model), (Segment(text),), TOKENS, explicit=True)
    async for event in engine.generate(request):
        if isinstance(event, Token):
            first = first or time.perf_counter()
        elif isinstance(event, Done):
            count = event.generated_tokens
    return first, time.perf_counter(), count
