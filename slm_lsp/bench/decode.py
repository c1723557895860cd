"""`bench decode`: tokens per second of the whole engine, compared with a bare loop over the same binding."""

from statistics import median

from slm_lsp.bench.conditions import Conditions
from slm_lsp.bench.report import BindingsReport, Compared, bindings_report, compare_bindings, paired_ratio
from slm_lsp.bench.workers import BARE_LOOP, bare_loop
from slm_lsp.engine.api import Generate, Segment
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import EngineError
from slm_lsp.harness.engine import private_engine, timed_answer

PROMPT = "# The prime numbers in order\nPRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53,"
"""Start of a list that has no end, so that no model ends its answer early."""

TOKENS = 96
"""Number of generated tokens per run."""


async def run(conditions: Conditions) -> BindingsReport:
    """Measure the engine and the bare loop alternately, `runs` times after one warm-up run."""
    found = await compare_bindings(conditions, _compare)
    return bindings_report("decode", conditions, BARE_LOOP, "tokens/s", found)


async def _compare(conditions: Conditions, binding: str) -> Compared:
    ours: list[float] = []
    bare: list[float] = []
    async with private_engine(binding) as engine:
        with bare_loop(binding, TOKENS, conditions) as peer:
            for number in range(conditions.runs + 1):
                speed = await _speed(engine, conditions)
                seconds, tokens = peer.generate(PROMPT)
                if number == 0:
                    continue
                ours.append(speed)
                bare.append((len(tokens) - 1) / seconds)
                figures = f"ours {ours[-1]:.1f}, {BARE_LOOP} {bare[-1]:.1f} tokens/s"
                conditions.note(f"{binding} {number}/{conditions.runs}: {figures}")
    return Compared(median(ours), median(bare), paired_ratio(ours, bare))


async def _speed(engine: EngineClient, conditions: Conditions) -> float:
    """Return the tokens per second after the first token, as measured in the client."""
    answer = await timed_answer(engine, Generate(conditions.ref, (Segment(PROMPT),), TOKENS, explicit=True))
    count = answer.done.generated_tokens
    if count < TOKENS:
        raise EngineError(f"The model ended its answer after {count} tokens.", "Use another model.")
    return 1 / answer.token_s
