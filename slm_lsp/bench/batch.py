"""`bench batch`: tokens per second of 1, 2, 4 and 8 simultaneous requests, compared with one request after another."""

import asyncio
from statistics import median

from slm_lsp.bench.conditions import Conditions
from slm_lsp.bench.report import BindingsReport, Compared, bindings_report, compare_bindings, paired_ratio
from slm_lsp.engine.api import Generate, Segment
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.harness.engine import TimedAnswer, private_engine, timed_answer

PEER = "one request after another"
SIZES = (1, 2, 4, 8)
"""Numbers of simultaneous requests."""

COMPARED = 4
"""Number of simultaneous requests at which the reported ratio is computed."""

TOKENS = 64
PROMPT = "# Multiples of {0}\nMULTIPLES = [{0}, {1}, {2}, {3}, {4}, {5},"
"""A list that the model continues without end. Each request gets a different list."""


async def run(conditions: Conditions) -> BindingsReport:
    """Measure each number of simultaneous requests in turn, `runs` times after one warm-up run."""
    return bindings_report("batch", conditions, PEER, "tokens/s", await compare_bindings(conditions, _compare))


async def _compare(conditions: Conditions, binding: str) -> Compared:
    speeds: dict[int, list[float]] = {size: [] for size in SIZES}
    async with private_engine(binding) as engine:
        for number in range(conditions.runs + 1):
            for size in SIZES:
                speed = await _together(engine, conditions, size)
                if number > 0:
                    speeds[size].append(speed)
            shown = ", ".join(f"{size}: {each[-1]:.0f}" for size, each in speeds.items() if each)
            conditions.note(f"{binding} {number}/{conditions.runs}: tokens/s {shown}")
    together, alone = speeds[COMPARED], speeds[1]
    by_size = {str(size): median(each) for size, each in speeds.items()}
    return Compared(median(together), median(alone), paired_ratio(together, alone), {"by_size": by_size})


async def _together(engine: EngineClient, conditions: Conditions, size: int) -> float:
    """Return the tokens per second of `size` simultaneous requests, counted after each has its first token."""
    answers = await asyncio.gather(*(_answer(engine, conditions, number) for number in range(size)))
    start, end = max(each.first_token_at for each in answers), max(each.ended_at for each in answers)
    return sum(each.done.generated_tokens for each in answers) * (1 - 1 / TOKENS) / (end - start)


async def _answer(engine: EngineClient, conditions: Conditions, number: int) -> TimedAnswer:
    factor = 7 + number
    text = PROMPT.format(*(factor * each for each in range(1, 7)))
    return await timed_answer(engine, Generate(conditions.ref, (Segment(text),), TOKENS, explicit=True))
