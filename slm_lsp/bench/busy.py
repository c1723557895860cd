"""`bench busy`: first token and tokens a second beside other programs, against a fixed number of threads.

Other programs are processes at normal priority that compute without end. A fair share of the machine is what it would
leave us if it gave each of them half of a core, or the whole core where another one is free: with one core of two taken
everything may take twice as long.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from slm_lsp.bench.common import Conditions, Report, measured, private_engine, processes, random_text
from slm_lsp.bench.recovery import Recovery, recovery
from slm_lsp.engine.api import Done, Generate, ModelRef, Segment, Token
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import EngineError

PEER = "one thread for each core, always"

WORDS = 220
"""About 270 tokens: a usual prompt of a file that was not read before."""

TOKENS = 32

SETTLE_S = 1.0
"""Seconds of load before the first measurement under it."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one request."""

    first_token: float
    token: float


@dataclass(frozen=True, slots=True)
class BusyReport(Report):
    """Figures by the number of cores taken; `ratio` is that with one core taken."""

    by_cores: Mapping[int, Mapping[str, float]]
    recovery: Recovery | None
    """What becomes of `auto` after the load; None where only one tier is installed."""

    def lines(self) -> Iterator[str]:
        """A line for each number of taken cores."""
        for cores, row in self.by_cores.items():
            yield (
                f"  {cores} cores taken: first token {row['first_token_s']:.2f} s "
                f"(fixed {row['fixed_first_token_s']:.2f}), "
                f"{row['tokens_per_second']:.1f} tokens/s (fixed {row['fixed_tokens_per_second']:.1f}), "
                f"fair share {row['share']:.1f}: ratio {row['ratio']:.2f} (fixed {row['fixed_ratio']:.2f})"
            )
        if self.recovery is not None:
            yield f"  {self.recovery}"


async def run(conditions: Conditions) -> BusyReport:
    """Measure both arms in turn with 0, 1 and all cores taken."""
    fixed = {"SLM_LSP_ENGINE_THREADS": str(conditions.threads)}
    rows: dict[int, dict[str, float]] = {}
    async with private_engine("auto") as ours, private_engine("auto", fixed) as theirs:
        for engine in (ours, theirs):
            await _ready(engine, conditions)
        quiet = None
        for taken in sorted({0, 1, conditions.threads}):
            with processes(taken):
                await asyncio.sleep(SETTLE_S)
                arms = await _both(ours, theirs, conditions, taken)
            quiet = quiet or arms
            rows[taken] = _row(arms, quiet, fair_share(conditions.threads, taken))
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


def fair_share(cores: int, taken: int) -> float:
    """How many times longer than on the quiet machine everything may take."""
    if taken == 0:
        return 1.0
    return cores / (cores - taken) if taken < cores else 2.0


async def _ready(engine: EngineClient, conditions: Conditions) -> None:
    """Load the model and have it measured, as it is in an engine that has run for a while."""
    await engine.describe(ModelRef.of(conditions.model), explicit=True)
    await _times(engine, conditions, random.Random("ready"))  # noqa: S311 - reproducible, no secret
    await measured(engine)


async def _both(ours: EngineClient, theirs: EngineClient, conditions: Conditions, taken: int) -> tuple[Times, Times]:
    dice = random.Random(f"{taken} taken")  # noqa: S311 - reproducible, no secret
    found: tuple[list[Times], list[Times]] = ([], [])
    for number in range(conditions.runs):
        for engine, times in zip((ours, theirs), found, strict=True):
            times.append(await _times(engine, conditions, dice))
        mine, fixed = found[0][-1], found[1][-1]
        conditions.note(
            f"{taken} cores taken, {number + 1}/{conditions.runs}: first token {mine.first_token:.2f} s "
            f"(fixed {fixed.first_token:.2f}), a token {mine.token * 1e3:.0f} ms (fixed {fixed.token * 1e3:.0f})"
        )
    mine, fixed = (
        Times(median(each.first_token for each in times), median(each.token for each in times)) for times in found
    )
    return mine, fixed


def _row(arms: tuple[Times, Times], quiet: tuple[Times, Times], share: float) -> dict[str, float]:
    """The figures under one load. A ratio is the worse one of first token and tokens."""
    ours, fixed = arms

    def ratio(times: Times) -> float:
        best = quiet[0]
        return max(times.first_token / (best.first_token * share), times.token / (best.token * share))

    return {
        "share": share,
        "first_token_s": ours.first_token,
        "tokens_per_second": 1 / ours.token,
        "ratio": ratio(ours),
        "first_token_ratio": ours.first_token / (quiet[0].first_token * share),
        "token_ratio": ours.token / (quiet[0].token * share),
        "fixed_first_token_s": fixed.first_token,
        "fixed_tokens_per_second": 1 / fixed.token,
        "fixed_ratio": ratio(fixed),
    }


async def _times(engine: EngineClient, conditions: Conditions, dice: random.Random) -> Times:
    """One request with a prompt that was not evaluated before."""
    text = f"# {dice.random()}\n" + random_text(dice, WORDS)
    request = Generate(ModelRef.of(conditions.model), (Segment(text),), TOKENS, explicit=True)
    started = time.perf_counter()
    first = None
    async for event in engine.generate(request):
        if isinstance(event, Token) and first is None:
            first = time.perf_counter()
        elif isinstance(event, Done) and first is not None and event.generated_tokens > 1:
            return Times(first - started, (time.perf_counter() - first) / (event.generated_tokens - 1))
    raise EngineError("The engine ended a request without an answer.")
