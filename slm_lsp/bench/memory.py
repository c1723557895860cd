"""`bench memory`: the engine's memory and its processor time when idle.

The memory is compared with the size of the model file plus the KV cells plus 250 MB.
"""

import asyncio
from statistics import median

import psutil

from slm_lsp.bench.conditions import Conditions
from slm_lsp.bench.report import BindingsReport, Compared, bindings_report, compare_bindings
from slm_lsp.harness.engine import private_engine

PEER = "model file + KV cells + 250 MB"
ALLOWANCE_BYTES = 250e6
IDLE_S = 60
"""Seconds for which the processor time of the idle engine is measured."""

FEW_CELLS = 512
"""Number of cells of the small context, from which the memory per cell is computed."""

MEGABYTE = 1e6


async def run(conditions: Conditions) -> BindingsReport:
    """Load the model with few cells and with the configured number of cells. The difference gives the cells' memory."""
    return bindings_report("memory", conditions, PEER, "MB", await compare_bindings(conditions, _compare))


async def _compare(conditions: Conditions, binding: str) -> Compared:
    cells = conditions.settings.engine.context_tokens
    file_bytes = conditions.model.stat().st_size
    held: list[float] = []
    allowed: list[float] = []
    idle_s = 0.0
    for number in range(conditions.runs):
        few, _ = await _loaded(conditions, binding, FEW_CELLS, 0)
        many, used_s = await _loaded(conditions, binding, cells, IDLE_S if number == 0 else 0)
        kv = (many - few) / (cells - FEW_CELLS) * cells
        held.append(many)
        allowed.append(file_bytes + kv + ALLOWANCE_BYTES)
        idle_s = used_s if number == 0 else idle_s
        figures = f"{many / MEGABYTE:.0f} MB, {kv / MEGABYTE:.0f} MB of cells"
        conditions.note(f"{binding} {number + 1}/{conditions.runs}: {figures}")
    ours, peer = median(held), median(allowed)
    return Compared(ours / MEGABYTE, peer / MEGABYTE, ours / peer, {"idle_s": idle_s})


async def _loaded(conditions: Conditions, binding: str, cells: int, idle_s: float) -> tuple[float, float]:
    """Load the model. Return the engine's memory in bytes, and its processor time during `idle_s` idle seconds."""
    async with private_engine(binding, {"SLM_LSP_ENGINE_CONTEXT_TOKENS": str(cells)}) as engine:
        await engine.describe(conditions.ref, explicit=True)
        stats = await engine.stats()
        process = psutil.Process(stats.pid)
        before = sum(process.cpu_times()[:2])
        await asyncio.sleep(idle_s)
        return float(stats.resident_bytes), sum(process.cpu_times()[:2]) - before
