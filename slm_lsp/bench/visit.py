"""`bench visit`: speed in a new document after 50 other documents were visited, compared with a single document."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from slm_lsp.bench.conditions import Conditions, random_text
from slm_lsp.bench.report import BindingsReport, Compared, bindings_report, compare_bindings
from slm_lsp.engine.api import Generate, Segment
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.harness.engine import private_engine, timed_answer

PEER = "the same engine with one document"
DOCUMENTS = 50

WORDS = 450
"""Words per document, about 550 tokens. 50 documents have more than three times the tokens of the default context."""

TOKENS = 32
"""Number of tokens generated after each measured prompt."""

MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second, of the prompt (`prefill`) and of the answer (`decode`)."""

    prefill: float
    decode: float


class VisitReport(BindingsReport):
    """Speeds of prompts and answers by binding."""

    def lines(self) -> Iterator[str]:
        """Yield one line per binding."""
        for binding, ratio in self.ratios.items():
            now, once = self.ours[binding], self.peer[binding]
            if isinstance(now, Mapping) and isinstance(once, Mapping):
                figures = ", ".join(f"{kind} {now[kind]:.1f} (with one: {once[kind]:.1f})" for kind in now)
                yield f"  {binding:10s} {figures} {self.unit}   ratio {ratio:.3f}"


async def run(conditions: Conditions) -> VisitReport:
    """Measure the first document `runs` times, visit the others, then measure `runs` new documents."""
    found = await compare_bindings(conditions, _compare)
    made = bindings_report("visit", conditions, PEER, "tokens/s", found)
    return VisitReport(made.name, made.runs, made.ours, made.peer, made.ratio, made.unit, made.ratios)


async def _compare(conditions: Conditions, binding: str) -> Compared:
    dice = random.Random(3)  # noqa: S311 - reproducible, no secret
    async with private_engine(binding) as engine:
        await engine.describe(conditions.ref, explicit=True)
        first = _document(dice, 0)
        before = [await _speed(engine, conditions, first, fresh=True) for _ in range(conditions.runs + 1)][1:]
        for number in range(1, DOCUMENTS):
            visited = await _speed(engine, conditions, _document(dice, number), tokens=1)
            conditions.note(f"{binding} document {number + 1}/{DOCUMENTS}: prefill {visited.prefill:.1f} tokens/s")
        others = [_document(dice, DOCUMENTS + number) for number in range(conditions.runs)]
        after = [await _speed(engine, conditions, other) for other in others]
    now, once = _medians(after), _medians(before)
    return Compared(now, once, min(now[kind] / once[kind] for kind in now))


def _document(dice: random.Random, number: int) -> str:
    return f"# {number}\n" + random_text(dice, WORDS)


def _medians(speeds: list[Speed]) -> dict[str, float]:
    return {"prefill": median(each.prefill for each in speeds), "decode": median(each.decode for each in speeds)}


async def _speed(
    engine: EngineClient, conditions: Conditions, text: str, *, tokens: int = TOKENS, fresh: bool = False
) -> Speed:
    """Evaluate a document, generate tokens after it, and return both speeds as the engine measured them."""
    request = Generate(conditions.ref, (Segment(text),), tokens, explicit=True, fresh=fresh)
    answer = await timed_answer(engine, request)
    evaluated = answer.started.prompt_tokens - answer.started.reused_tokens
    later = answer.done.generated_tokens - 1
    decode = later / answer.done.decode_ms * MILLISECONDS if later > 0 else 0.0
    return Speed(evaluated / answer.done.prefill_ms * MILLISECONDS, decode)
