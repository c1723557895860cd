"""`bench visit`: the speed in a new document after 50 others were visited, beside the speed with one document."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from slm_lsp.bench.common import BindingsReport, Conditions, private_engine, random_text
from slm_lsp.engine.api import Done, Generate, ModelRef, Segment, Started
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import EngineError

PEER = "the same engine with one document"
DOCUMENTS = 50

WORDS = 450
"""About 550 tokens a document: 50 of them are more than three times the cells of the default context."""

TOKENS = 32
"""Generated behind each measured prompt."""

MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second."""

    prefill: float
    decode: float


async def run(conditions: Conditions) -> BindingsReport:
    """Measure the first document `runs` times, visit the others, measure `runs` new documents."""
    ours: dict[str, object] = {}
    theirs: dict[str, object] = {}
    ratios: dict[str, float] = {}
    for binding in conditions.bindings:
        dice = random.Random(3)  # noqa: S311 - reproducible, no secret
        async with private_engine(binding) as engine:
            await engine.describe(ModelRef.of(conditions.model), explicit=True)
            first = _document(dice, 0)
            before = [await _speed(engine, conditions, first, fresh=True) for _ in range(conditions.runs + 1)][1:]
            for number in range(1, DOCUMENTS):
                visited = await _speed(engine, conditions, _document(dice, number), tokens=1)
                conditions.note(f"{binding} document {number + 1}/{DOCUMENTS}: prefill {visited.prefill:.1f} tokens/s")
            others = [_document(dice, DOCUMENTS + number) for number in range(conditions.runs)]
            after = [await _speed(engine, conditions, other) for other in others]
        ours[binding], theirs[binding] = _medians(after), _medians(before)
        ratios[binding] = min(
            median(each.prefill for each in after) / median(each.prefill for each in before),
            median(each.decode for each in after) / median(each.decode for each in before),
        )
    peer = {"name": PEER, **theirs}
    return VisitReport("visit", conditions.runs, ours, peer, min(ratios.values()), "tokens/s", ratios)


class VisitReport(BindingsReport):
    """Speeds of prompts and answers by binding."""

    def lines(self) -> Iterator[str]:
        """A line a binding."""
        for binding, ratio in self.ratios.items():
            now, once = self.ours[binding], self.peer[binding]
            if isinstance(now, Mapping) and isinstance(once, Mapping):
                figures = ", ".join(f"{kind} {now[kind]:.1f} (with one: {once[kind]:.1f})" for kind in now)
                yield f"  {binding:10s} {figures} {self.unit}   ratio {ratio:.3f}"


def _document(dice: random.Random, number: int) -> str:
    return f"# {number}\n" + random_text(dice, WORDS)


def _medians(speeds: list[Speed]) -> dict[str, float]:
    return {"prefill": median(each.prefill for each in speeds), "decode": median(each.decode for each in speeds)}


async def _speed(
    engine: EngineClient, conditions: Conditions, text: str, *, tokens: int = TOKENS, fresh: bool = False
) -> Speed:
    """Evaluate a document, generate tokens after it, and return both speeds."""
    request = Generate(ModelRef.of(conditions.model), (Segment(text),), tokens, explicit=True, fresh=fresh)
    evaluated = 0
    async for event in engine.generate(request):
        if isinstance(event, Started):
            evaluated = event.prompt_tokens - event.reused_tokens
        elif isinstance(event, Done):
            prefill = evaluated / event.prefill_ms * MILLISECONDS
            behind_first = event.generated_tokens - 1
            return Speed(prefill, behind_first / event.decode_ms * MILLISECONDS if behind_first > 0 else 0.0)
    raise EngineError("The engine ended a request without an answer.")
