"""`bench memory`: what the engine holds beside the model file and the KV cells, and what it does while idle."""

import asyncio
from statistics import median

import psutil

from slm_lsp.bench.common import BindingsReport, Conditions, private_engine
from slm_lsp.engine.api import ModelRef

PEER = "model file + KV cells + 250 MB"
ALLOWANCE_BYTES = 250e6
IDLE_S = 60
FEW_CELLS = 512


async def run(conditions: Conditions) -> BindingsReport:
    """Load the model with few cells and with as many as are set; the difference is what cells cost."""
    ours: dict[str, object] = {}
    theirs: dict[str, object] = {}
    ratios: dict[str, float] = {}
    cells = conditions.settings.engine.context_tokens
    file_bytes = conditions.model.stat().st_size
    for binding in conditions.bindings:
        held: list[float] = []
        allowed: list[float] = []
        idle: list[float] = []
        for number in range(conditions.runs):
            few, _ = await _loaded(conditions, binding, FEW_CELLS, 0)
            many, seconds = await _loaded(conditions, binding, cells, IDLE_S if number == 0 else 0)
            kv = (many - few) / (cells - FEW_CELLS) * cells
            held.append(many)
            allowed.append(file_bytes + kv + ALLOWANCE_BYTES)
            idle += [seconds] if number == 0 else []
            conditions.note(
                f"{binding} {number + 1}/{conditions.runs}: {many / 1e6:.0f} MB, {kv / 1e6:.0f} MB of cells"
            )
        ours[binding] = median(held) / 1e6
        ours[f"{binding}_idle_s"] = median(idle)
        theirs[binding] = median(allowed) / 1e6
        ratios[binding] = median(held) / median(allowed)
    peer = {"name": PEER, **theirs}
    return BindingsReport("memory", conditions.runs, ours, peer, max(ratios.values()), "MB", ratios)


async def _loaded(conditions: Conditions, binding: str, cells: int, idle_s: float) -> tuple[float, float]:
    """Bytes an engine holds with the model loaded, and the processor seconds it uses in `idle_s` without work."""
    async with private_engine(binding, {"SLM_LSP_ENGINE_CONTEXT_TOKENS": str(cells)}) as engine:
        await engine.describe(ModelRef.of(conditions.model), explicit=True)
        stats = await engine.stats()
        process = psutil.Process(stats.pid)
        before = sum(process.cpu_times()[:2])
        await asyncio.sleep(idle_s)
        return float(stats.resident_bytes), sum(process.cpu_times()[:2]) - before
