"""`bench switch`: coming back to a document whose cells had to make room for others, beside evaluating it again."""

import random
import time
from statistics import median

from slm_lsp.bench.common import BindingsReport, Conditions, private_engine, random_text
from slm_lsp.engine.api import Generate, ModelRef, Segment, Token
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import EngineError
from slm_lsp.proportions import percentile

PEER = "evaluating it again"
DOCUMENTS = 10
"""Two more than an engine has sequences for."""

WORDS = 900
"""Some 1,100 tokens a document: ten do not fit the cells that an engine has by default."""


async def run(conditions: Conditions) -> BindingsReport:
    """Open every document, then go round all of them so many times as there are runs."""
    ours: dict[str, object] = {}
    theirs: dict[str, object] = {}
    ratios: dict[str, float] = {}
    for binding in conditions.bindings:
        dice = random.Random(2)  # noqa: S311 - reproducible, no secret
        documents = [f"# {number}\n" + random_text(dice, WORDS) for number in range(DOCUMENTS)]
        async with private_engine(binding) as engine:
            await engine.describe(ModelRef.of(conditions.model), explicit=True)
            first = [await _first_token_ms(engine, conditions, text) for text in documents]
            again = []
            for number in range(conditions.runs):
                again += [await _first_token_ms(engine, conditions, text) for text in documents]
                conditions.note(f"{binding} {number + 1}/{conditions.runs}: {median(again[-DOCUMENTS:]):.0f} ms")
        ours[binding], theirs[binding] = median(again), median(first)
        ours[f"{binding}_p95_ms"] = percentile(again, 95)
        ratios[binding] = median(again) / median(first)
    peer = {"name": PEER, **theirs}
    return BindingsReport("switch", conditions.runs, ours, peer, max(ratios.values()), "ms", ratios)


async def _first_token_ms(engine: EngineClient, conditions: Conditions, text: str) -> float:
    started = time.perf_counter()
    request = Generate(ModelRef.of(conditions.model), (Segment(text),), 1, explicit=True)
    elapsed = None
    async for event in engine.generate(request):
        if isinstance(event, Token):
            elapsed = (time.perf_counter() - started) * 1e3
    if elapsed is None:
        raise EngineError("The engine ended a request without an answer.")
    return elapsed
