"""`bench decode`: tokens a second of our whole engine, over its socket, beside a bare loop on the same binding."""

import time
from pathlib import Path
from statistics import median

from slm_lsp.bench.common import PEER, BindingsReport, Conditions, bare_loop, paired_ratio, private_engine
from slm_lsp.engine.api import Done, Generate, ModelRef, Segment, Token
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import EngineError

PROMPT = "# The prime numbers in order\nPRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53,"
"""A list without an end: no model stops here of its own accord."""

TOKENS = 96


async def run(conditions: Conditions) -> BindingsReport:
    """Both in turn, `runs` times after one run that does not count."""
    runs = conditions.runs
    ours: dict[str, float] = {}
    theirs: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for binding in conditions.bindings:
        fast: list[float] = []
        bare: list[float] = []
        async with private_engine(binding) as engine:
            with bare_loop(binding, TOKENS, conditions) as peer:
                for number in range(runs + 1):
                    speed = await _ours(engine, conditions.model)
                    seconds, tokens = peer.generate(PROMPT)
                    if number == 0:
                        continue
                    fast.append(speed)
                    bare.append((len(tokens) - 1) / seconds)
                    conditions.note(f"{binding} {number}/{runs}: ours {fast[-1]:.1f}, {PEER} {bare[-1]:.1f} tokens/s")
        ours[binding], theirs[binding] = median(fast), median(bare)
        ratios[binding] = paired_ratio(fast, bare)
    return BindingsReport("decode", runs, ours, {"name": PEER, **theirs}, min(ratios.values()), "tokens/s", ratios)


async def _ours(engine: EngineClient, model: Path) -> float:
    """Tokens a second behind the first, as the client sees them."""
    request = Generate(ModelRef.of(model), (Segment(PROMPT),), TOKENS, explicit=True)
    first = 0.0
    async for event in engine.generate(request):
        if isinstance(event, Token):
            first = first or time.perf_counter()
        elif isinstance(event, Done):
            if event.generated_tokens < TOKENS:
                raise EngineError(f"The model stopped after {event.generated_tokens} tokens.", "Take another model.")
            return (event.generated_tokens - 1) / (time.perf_counter() - first)
    raise EngineError("The engine ended a request without an answer.")
