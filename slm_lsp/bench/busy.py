"""`bench busy`: the engine's speed while other programs run, compared with an engine with a fixed number of threads.

The other programs are processes at normal priority that compute without end. The engine's fair share is what is left if
each of these processes gets one core, or half of a core if all cores are busy. So if one of two cores is busy,
everything may take twice as long.
"""

import asyncio
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from slm_lsp.bench.conditions import Conditions, random_text
from slm_lsp.bench.recovery import Recovery, recovery
from slm_lsp.bench.report import Report
from slm_lsp.bench.workers import busy_processes
from slm_lsp.engine.api import Generate, Segment
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.harness.engine import private_engine, timed_answer, until_measured

PEER = "always one thread per core"

WORDS = 220
"""Number of words in a prompt. They make about 270 tokens, a typical prompt in a new file."""

TOKENS = 32

SETTLE_S = 1.0
"""Seconds for which the other programs run before the first measurement."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds until the first token of a request, and mean seconds for each further token."""

    first_token: float
    token: float


@dataclass(frozen=True, slots=True)
class BusyReport(Report):
    """The report, with figures for each number of busy cores. `ratio` is the ratio with one busy core."""

    by_cores: Mapping[int, Mapping[str, float]]
    recovery: Recovery | None
    """Choices of `auto` before, during and after the load; None if only one tier is installed."""

    def lines(self) -> Iterator[str]:
        """Yield one line per number of busy cores."""
        for cores, row in self.by_cores.items():
            yield (
                f"  {cores} cores busy: first token {row['first_token_s']:.2f} s "
                f"(fixed {row['fixed_first_token_s']:.2f}), "
                f"{row['tokens_per_second']:.1f} tokens/s (fixed {row['fixed_tokens_per_second']:.1f}), "
                f"fair share {row['share']:.1f}: ratio {row['ratio']:.2f} (fixed {row['fixed_ratio']:.2f})"
            )
        if self.recovery is not None:
            yield f"  {self.recovery}"


async def run(conditions: Conditions) -> BusyReport:
    """Measure both engines alternately, while other programs keep 0, 1 and all cores busy."""
    fixed = {"SLM_LSP_ENGINE_THREADS": str(conditions.threads)}
    rows: dict[int, dict[str, float]] = {}
    async with private_engine("auto") as ours, private_engine("auto", fixed) as theirs:
        for engine in (ours, theirs):
            await _prepare(engine, conditions)
        idle = None
        for busy in sorted({0, 1, conditions.threads}):
            with busy_processes(busy):
                await asyncio.sleep(SETTLE_S)
                sides = await _both(ours, theirs, conditions, busy)
            idle = idle or sides
            rows[busy] = _row(sides, idle, fair_share(conditions.threads, busy))
    found = await recovery(conditions)
    first = rows[min(1, conditions.threads)]
    return BusyReport(
        name="busy",
        runs=conditions.runs,
        ours={"first_token_s": first["first_token_s"], "tokens_per_second": first["tokens_per_second"]},
        peer={"name": PEER, "first_token_s": first["fixed_first_token_s"], "ratio": first["fixed_ratio"]},
        ratio=first["ratio"],
        unit="of a fair share's time",
        by_cores=rows,
        recovery=found,
    )


def fair_share(cores: int, busy: int) -> float:
    """Return by which factor everything may take longer than on the idle machine, if the engine gets its fair share.

    Args:
        cores: number of cores.
        busy: number of cores that other programs keep busy.
    """
    if busy == 0:
        return 1.0
    return cores / (cores - busy) if busy < cores else 2.0


async def _prepare(engine: EngineClient, conditions: Conditions) -> None:
    """Load the model and wait until its speed is measured, as in an engine that has run for a while."""
    await engine.describe(conditions.ref, explicit=True)
    await _times(engine, conditions, random.Random("ready"))  # noqa: S311 - reproducible, no secret
    await until_measured(engine)


async def _both(ours: EngineClient, theirs: EngineClient, conditions: Conditions, busy: int) -> tuple[Times, Times]:
    dice = random.Random(f"{busy} taken")  # noqa: S311 - reproducible, no secret
    found: tuple[list[Times], list[Times]] = ([], [])
    for number in range(conditions.runs):
        for engine, times in zip((ours, theirs), found, strict=True):
            times.append(await _times(engine, conditions, dice))
        mine, fixed = found[0][-1], found[1][-1]
        conditions.note(
            f"{busy} cores busy, {number + 1}/{conditions.runs}: first token {mine.first_token:.2f} s "
            f"(fixed {fixed.first_token:.2f}), a token {mine.token * 1e3:.0f} ms (fixed {fixed.token * 1e3:.0f})"
        )
    mine, fixed = (
        Times(median(each.first_token for each in times), median(each.token for each in times)) for times in found
    )
    return mine, fixed


def _row(sides: tuple[Times, Times], idle: tuple[Times, Times], share: float) -> dict[str, float]:
    """Return the figures under one load. Each ratio is the worse one of first token and further tokens."""
    ours, fixed = sides

    def ratio(times: Times) -> float:
        best = idle[0]
        return max(times.first_token / (best.first_token * share), times.token / (best.token * share))

    return {
        "share": share,
        "first_token_s": ours.first_token,
        "tokens_per_second": 1 / ours.token,
        "ratio": ratio(ours),
        "first_token_ratio": ours.first_token / (idle[0].first_token * share),
        "token_ratio": ours.token / (idle[0].token * share),
        "fixed_first_token_s": fixed.first_token,
        "fixed_tokens_per_second": 1 / fixed.token,
        "fixed_ratio": ratio(fixed),
    }


async def _times(engine: EngineClient, conditions: Conditions, dice: random.Random) -> Times:
    """Return the times of a request with a new prompt."""
    text = f"# {dice.random()}\n" + random_text(dice, WORDS)
    answer = await timed_answer(engine, Generate(conditions.ref, (Segment(text),), TOKENS, explicit=True))
    return Times(answer.first_token_s, answer.token_s)
