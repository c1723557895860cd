"""`bench load`: seconds from the start of the engine until a model is loaded, compared with a bare process."""

import time
from statistics import median

from slm_lsp.bench.conditions import Conditions
from slm_lsp.bench.report import BindingsReport, Compared, bindings_report, compare_bindings, paired_ratio
from slm_lsp.bench.workers import BARE_LOOP, bare_loop
from slm_lsp.harness.engine import private_engine


async def run(conditions: Conditions) -> BindingsReport:
    """Start both processes alternately, `runs` times after one warm-up run."""
    return bindings_report("load", conditions, BARE_LOOP, "s", await compare_bindings(conditions, _compare))


async def _compare(conditions: Conditions, binding: str) -> Compared:
    ours: list[float] = []
    bare: list[float] = []
    for number in range(conditions.runs + 1):
        started = time.perf_counter()
        async with private_engine(binding) as engine:
            await engine.describe(conditions.ref, explicit=True)
            engine_s = time.perf_counter() - started
        started = time.perf_counter()
        with bare_loop(binding, 1, conditions):
            bare_s = time.perf_counter() - started
        if number > 0:
            ours.append(engine_s)
            bare.append(bare_s)
            conditions.note(f"{binding} {number}/{conditions.runs}: ours {engine_s:.2f} s, bare process {bare_s:.2f} s")
    return Compared(median(ours), median(bare), paired_ratio(ours, bare))
