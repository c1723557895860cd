"""`bench load`: seconds from nothing to a loaded model, our engine process beside a bare one."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from slm_lsp.bench.common import PEER, Report, bare_loop, paired_ratio, private_engine
from slm_lsp.config import EngineSettings
from slm_lsp.system import usable_cores


async def run(
    model: Path,
    bindings: Sequence[str],
    runs: int,
    settings: EngineSettings,
    note: Callable[[str], None],
    verbose: bool,
) -> Report:
    """Both in turn, `runs` times after one run that does not count; each time new processes."""
    threads = settings.threads or usable_cores()
    ours: dict[str, float] = {}
    theirs: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for binding in bindings:
        engine_s: list[float] = []
        bare_s: list[float] = []
        for number in range(runs + 1):
            started = time.perf_counter()
            async with private_engine(binding) as engine:
                async for _ in engine.describe(model, asked=True):
                    pass
                first = time.perf_counter() - started
            started = time.perf_counter()
            with bare_loop(binding, model, threads, settings.context_tokens, 1, verbose):
                second = time.perf_counter() - started
            if number > 0:
                engine_s.append(first)
                bare_s.append(second)
                note(f"{binding} {number}/{runs}: ours {first:.2f} s, bare process {second:.2f} s")
        ours[binding], theirs[binding] = median(engine_s), median(bare_s)
        ratios[binding] = paired_ratio(engine_s, bare_s)
    return Report("load", runs, ours, {"name": PEER, **theirs}, max(ratios.values()), "s", ratios)
