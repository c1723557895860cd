"""`eval infill`: whether what is suggested passes the tests, by tier and as an editor asks.

A line of a problem's solution is missing, or a run of lines. The file is the problem's program alone. Three arms:

- `fast`, `strong`: a tier's greedy answer;
- `auto`: what an editor gets: the router's tier, and the best of several alternatives where it spends more.

Each line is asked for when the prompt was evaluated before (warm), as an editor finds it after a pause, and with a part
of it typed, cut inside words too, behind the anchor. On some of the tasks, the arms taking turns, answers are timed, and
also asked for with nothing evaluated (cold), as when a file has just been opened. Elsewhere a tier's cold answer is its
warm one: what is evaluated changes what an answer costs, not what it says.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from slm_lsp.bench.common import private_engine
from slm_lsp.config import CompletionSettings, Settings
from slm_lsp.context.anchor import at_line
from slm_lsp.context.fim import Place
from slm_lsp.engine.client import EngineClient
from slm_lsp.engine.protocol import Generate, ModelInfo, Stop
from slm_lsp.errors import EngineLostError
from slm_lsp.evals.humaneval import Task
from slm_lsp.evals.infill_report import Asked, Case, Multi, Report, Said, arm, runs
from slm_lsp.evals.replies import Asker, Replies, Reply
from slm_lsp.evals.sandbox import Outcome, run_program
from slm_lsp.features.choose import ALTERNATIVES, Alternatives, Site, ranked
from slm_lsp.features.completion import segments

SEED = 2207
LINE_TOKENS = 96
"""The longest line of HumanEval has 140 characters."""

RUN_TOKENS = 256
REPOSITORY, PATH = "problems", "solutions.py"


@dataclass(frozen=True, slots=True)
class Gap:
    """A task with a part of its first line typed, perhaps none."""

    task: Task
    typed: str = ""

    @property
    def place(self) -> Place:
        """The cursor behind what is typed."""
        head = self.task.prefix + self.typed
        return Place(REPOSITORY, PATH, head + self.task.suffix, len(head))

    def program(self, answer: str) -> str:
        """What is run."""
        return self.task.filled(self.typed + answer)


def typed_part(task: Task, seed: int) -> str:
    """The beginning of a line, cut anywhere behind its indentation; always the same."""
    dice = random.Random(f"{seed} {task.name}")  # noqa: S311 - a sample, no secret
    indentation = len(task.missing) - len(task.missing.lstrip())
    return task.missing[: indentation + dice.randrange(len(task.missing.strip()))]


class Tier:
    """One model that is asked.

    Args:
        asker: the way to it.
        info: what it is.
        settings: budgets.
    """

    def __init__(self, asker: Asker, info: ModelInfo, settings: CompletionSettings) -> None:
        self._asker = asker
        self._info = info
        self._settings = settings

    def request(self, gap: Gap, alternatives: Alternatives | None = None) -> Generate:
        """What is asked at a gap: the anchor is at the start of the line, and one line is wanted where one is missing."""
        lines = "\n" in gap.task.missing
        settings = replace(self._settings, max_tokens=RUN_TOKENS if lines else LINE_TOKENS)
        prompt = segments(gap.place, at_line(gap.place), self._info, settings)
        asked = Generate(0, "", prompt, settings.max_tokens, Stop(() if lines else ("\n",)), reuse="exact")
        return alternatives.of(asked) if alternatives else asked

    async def greedy(self, gap: Gap) -> Said:
        """The likeliest answer."""
        reply = await self._asker.ask(self.request(gap))
        return Said(reply.candidates[0].text, reply.seconds)

    async def cold(self, gap: Gap) -> Said:
        """The likeliest answer, with nothing evaluated before."""
        reply = await self._asker.ask(msgspec.structs.replace(self.request(gap), reuse="nothing"))
        return Said(reply.candidates[0].text, reply.seconds)

    async def best(self, gap: Gap) -> Said:
        """The best of several answers; choosing takes its time too."""
        reply = await self._asker.ask(self.request(gap, ALTERNATIVES))
        began = time.perf_counter()
        text = chosen(gap, reply)
        return Said(text, reply.seconds + time.perf_counter() - began)


def chosen(gap: Gap, reply: Reply) -> str:
    """The best of a reply's candidates."""
    place = gap.place
    return ranked(reply.candidates, Site(place.path, place.text, place.offset))[0].candidate.text


class Programs:
    """Runs programs, each once."""

    def __init__(self) -> None:
        self._known: dict[str, Outcome] = {}

    async def run(self, gap: Gap, answer: str) -> Outcome:
        """What the program with an answer does."""
        program = gap.program(answer)
        if program not in self._known:
            self._known[program] = await run_program(program)
        return self._known[program]


@dataclass(frozen=True, slots=True)
class Arms:
    """The tiers that are there."""

    fast: Tier | None
    strong: Tier | None

    async def line(self, task: Task, timed: bool) -> dict[str, dict[str, Said]]:
        """What every arm says to a missing line, by arm and way."""
        gap, typed = Gap(task), Gap(task, typed_part(task, SEED))
        said: dict[str, dict[str, Said]] = {}
        for name, tier in (("fast", self.fast), ("strong", self.strong)):
            if tier is not None:
                cold = await tier.cold(gap) if timed else None
                warm = await tier.greedy(gap)
                said[name] = {"cold": cold or Said(warm.text), "warm": warm, "typed": await tier.greedy(typed)}
        if self.strong is not None:
            bridge = self.fast or self.strong
            said["auto"] = {
                "warm": await self.strong.best(gap),
                "typed": await self.strong.best(typed),
                "cold": await self._bridged(gap) if timed else Said((await bridge.greedy(gap)).text),
            }
        return said

    async def run_of_lines(self, task: Task) -> dict[str, str]:
        """What every arm says where several lines are missing."""
        gap = Gap(task)
        tiers = {"fast": self.fast, "strong": self.strong, "auto": self.strong}
        return {name: (await tier.greedy(gap)).text for name, tier in tiers.items() if tier is not None}

