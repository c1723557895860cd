"""`bench load`: seconds from nothing to a loaded model, our engine process beside a bare one."""

import time
from statistics import median

from slm_lsp.bench.common import PEER, BindingsReport, Conditions, bare_loop, paired_ratio, private_engine
from slm_lsp.engine.api import ModelRef


async def run(conditions: Conditions) -> BindingsReport:
    """Both in turn, `runs` times after one run that does not count; each time new processes."""
    runs = conditions.runs
    ours: dict[str, float] = {}
    theirs: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for binding in conditions.bindings:
        engine_s: list[float] = []
        bare_s: list[float] = []
        for number in range(runs + 1):
            started = time.perf_counter()
            async with private_engine(binding) as engine:
                await engine.describe(ModelRef.of(conditions.model), explicit=True)
                first = time.perf_counter() - started
            started = time.perf_counter()
            with bare_loop(binding, 1, conditions):
                second = time.perf_counter() - started
            if number > 0:
                engine_s.append(first)
                bare_s.append(second)
                conditions.note(f"{binding} {number}/{runs}: ours {first:.2f} s, bare process {second:.2f} s")
        ours[binding], theirs[binding] = median(engine_s), median(bare_s)
        ratios[binding] = paired_ratio(engine_s, bare_s)
    return BindingsReport("load", runs, ours, {"name": PEER, **theirs}, max(ratios.values()), "s", ratios)
