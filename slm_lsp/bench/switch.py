"""`bench switch`: time to the first token in a document whose KV cells were offloaded.

The benchmark compares this with the time when the whole document is evaluated again.
"""

import random
from statistics import median

from slm_lsp.bench.conditions import Conditions, random_text
from slm_lsp.bench.report import BindingsReport, Compared, bindings_report, compare_bindings
from slm_lsp.engine.api import Generate, Segment
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.harness.engine import private_engine, timed_answer
from slm_lsp.proportions import percentile

PEER = "evaluating the document again"
DOCUMENTS = 10
"""Number of documents: two more than the engine has sessions."""

WORDS = 900
"""Words per document, about 1,100 tokens. Ten documents do not fit in the default context."""

MILLISECONDS = 1e3


async def run(conditions: Conditions) -> BindingsReport:
    """Open each document once, then visit all of them `runs` times."""
    return bindings_report("switch", conditions, PEER, "ms", await compare_bindings(conditions, _compare))


async def _compare(conditions: Conditions, binding: str) -> Compared:
    dice = random.Random(2)  # noqa: S311 - reproducible, no secret
    documents = [f"# {number}\n" + random_text(dice, WORDS) for number in range(DOCUMENTS)]
    async with private_engine(binding) as engine:
        await engine.describe(conditions.ref, explicit=True)
        first = [await _first_token_ms(engine, conditions, text) for text in documents]
        again: list[float] = []
        for number in range(conditions.runs):
            again += [await _first_token_ms(engine, conditions, text) for text in documents]
            conditions.note(f"{binding} {number + 1}/{conditions.runs}: {median(again[-DOCUMENTS:]):.0f} ms")
    more = {"p95_ms": percentile(again, 95)}
    return Compared(median(again), median(first), median(again) / median(first), more)


async def _first_token_ms(engine: EngineClient, conditions: Conditions, text: str) -> float:
    answer = await timed_answer(engine, Generate(conditions.ref, (Segment(text),), 1, explicit=True))
    return answer.first_token_s * MILLISECONDS
