"""`eval choose`: ways of choosing among several answers, compared on the same ones, and what they cost.

Of every missing line several answers are asked for once, wide: some that branch off where the greedy one is unsure, and
some samples. They are kept, whole; which of them a way would have waited for, and shown, is worked out afterwards. The
cost is that of the answer alone, its prompt being evaluated: in single decodes, the greedy answer's being 1.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import msgspec

from slm_lsp.bench.common import private_engine
from slm_lsp.config import Settings
from slm_lsp.engine.api import Generate, Sampling
from slm_lsp.errors import UsageError
from slm_lsp.evals.humaneval import Task
from slm_lsp.evals.infill import Gap, Programs, Tier
from slm_lsp.evals.replies import Asker, Replies
from slm_lsp.features.completion.choose import HEAD_START, Candidate, Fault, compared
from slm_lsp.proportions import wilson
from slm_lsp.routing.policy import Choice

WIDE_BRANCHES, BELOW = 8, 0.9
WIDE_SAMPLES = 4
SAMPLING = Sampling(temperature=0.8, seed=1)

BATCH_COST = {1: 1.0, 2: 1.16, 3: 1.32, 4: 1.47}
"""Single decodes that a batch costs: the strong model with ik on 2 threads, 4 measured, between them a line."""

Score = Callable[[Candidate, Fault, int], float]
"""How good a candidate is, by what it says, what is wrong with it, and how many say it."""


def _sum(candidate: Candidate, fault: Fault, votes: int) -> float:
    return sum(candidate.logprobs)


def _mean(candidate: Candidate, fault: Fault, votes: int) -> float:
    return fmean(candidate.logprobs)


def _least(candidate: Candidate, fault: Fault, votes: int) -> float:
    return min(candidate.logprobs)


def _votes(candidate: Candidate, fault: Fault, votes: int) -> float:
    return votes + 1 / (1 - sum(candidate.logprobs))


def _checks(candidate: Candidate, fault: Fault, votes: int) -> float:
    return sum(candidate.logprobs) - fault.value


def _whole(candidate: Candidate, fault: Fault, votes: int) -> float:
    return candidate.likelihood


def _ours(candidate: Candidate, fault: Fault, votes: int) -> float:
    return candidate.likelihood - fault.value


RULES: Mapping[str, Score] = {
    "sum": _sum,
    "mean": _mean,
    "least": _least,
    "votes": _votes,
    "checks": _checks,
    "whole": _whole,
    "bold": _ours,
    "ours": _ours,
}
FALLING = ("sum", "checks", "whole", "bold", "ours")
"""Rules by which a growing answer only loses: who is behind the best already is not waited for."""

SOURCES: tuple[tuple[str, int, float], ...] = (
    ("samples", 2, 0.0),
    ("samples", 3, 0.0),
    ("samples", 4, 0.0),
    ("branches", 2, 0.6),
    ("branches", 3, 0.4),
    ("branches", 3, 0.5),
    ("branches", 3, 0.6),
    ("branches", 3, 0.7),
    ("branches", 3, 0.8),
    ("branches", 3, 0.9),
    ("branches", 4, 0.6),
    ("branches", 4, 0.8),
    ("branches", 4, 0.9),
)
"""Where the answers come from, how many they are, and below which probability of its token the greedy one is left."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate, and what is known of it."""

    candidate: Candidate
    begins: int
    """So many of its tokens are those of the greedy answer, and not decoded again."""
    fault: Fault
    passed: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered to one line, the greedy answer first in both."""

    task: str
    branches: tuple[Judged, ...]
    samples: tuple[Judged, ...]

    def of(self, source: str, count: int, below: float) -> list[Judged]:
        """The answers that a narrower request would have had."""
        if source == "samples":
            return _compared(self.samples[:count])
        greedy, *others = self.branches
        unsure = [each for each in others if math.exp(greedy.candidate.logprobs[each.begins - 1]) < below]
        return _compared([greedy, *unsure[: count - 1]])


def _compared(answers: Sequence[Judged]) -> list[Judged]:
    known = compared([each.candidate for each in answers])
    return [replace(each, candidate=candidate) for each, candidate in zip(answers, known, strict=True)]


def race(answers: Sequence[Judged], rule: str) -> tuple[Judged, float]:
    """Which answer is shown, and how many single decodes it took until that was known; the greedy one comes first."""
    greedy = answers[0]
    length = max(len(each.candidate.logprobs) for each in answers)
    growing = list(answers)
    cost = 0.0
    for at in range(1, length + 1):
        cost += BATCH_COST.get(sum(each.begins < at <= len(each.candidate.logprobs) for each in growing), 0.0)
        whole = [each for each in growing if len(each.candidate.logprobs) <= at]
        if greedy not in whole:
            continue
        best, score = _best(whole, rule)
        if rule in FALLING:
            growing = [each for each in growing if each in whole or sum(each.candidate.logprobs[:at]) > score]
        if len(growing) == len(whole):
            return best, cost
    return _best(growing, rule)[0], cost


def _best(answers: Sequence[Judged], rule: str) -> tuple[Judged, float]:
    said = ["".join(each.candidate.text.split()) for each in answers]
    scores = [
        RULES[rule](each.candidate, each.fault, said.count(text)) for each, text in zip(answers, said, strict=True)
    ]
    if rule == "ours":
        scores[0] += HEAD_START  # the greedy answer's
    best = max(range(len(answers)), key=lambda number: scores[number])
    return answers[best], scores[best]


class Way(msgspec.Struct, frozen=True):
    """One way of choosing."""

    source: str
    answers: int
    below: float
    rule: str
    rate: float
    ci95: tuple[float, float]
    gained: int
    """Lines that the greedy answer does not get right."""
    lost: int
    any_right: float
    """Share of the lines of which some answer is right: the best that choosing could do."""
    decodes: float
    """Beside those of the greedy answer alone."""


class Report(msgspec.Struct, frozen=True):
    """As `--json` prints it."""

    name: str
    n: int
    model: str
    backend: str
    seconds: float
    greedy: float
    ci95: tuple[float, float]
    faults: Mapping[str, tuple[int, int]]
    """Different answers by what was found wrong with them: how many, and how many of them are right all the same."""
    ways: tuple[Way, ...]

    def lines(self) -> Iterator[str]:
        """The table for people."""
        yield f"  greedy{'':27s} {self.greedy:.3f}   {self.ci95[0]:.3f} to {self.ci95[1]:.3f}"
        for name, (count, right) in self.faults.items():
            yield f"  {name.lower():24s} {count} answers, {right} right"
        for each in self.ways:
            source = f"{each.answers} {each.source}" + (f" below {each.below}" if each.below else "")
            yield (
                f"  {source:24s} {each.rule:8s} {each.rate:.3f}   +{each.gained} -{each.lost}"
                f"   {each.decodes:.2f} decodes   any right {each.any_right:.3f}"
            )


def report(answers: Sequence[Answers], model: str, backend: str, seconds: float) -> Report:
    """The figures of all ways; there is at least one line."""
    n = len(answers)
    greedy = sum(each.branches[0].passed for each in answers)
    ways = tuple(_way(answers, *source, rule) for source in SOURCES for rule in RULES)
    return Report("choose", n, model, backend, seconds, greedy / n, wilson(greedy, n), _faults(answers), ways)


def _faults(answers: Sequence[Answers]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for line in answers:
        different = {each.candidate.text: each for each in (*line.branches, *line.samples)}
        for each in different.values():
            count, right = found.get(each.fault.name, (0, 0))
            found[each.fault.name] = count + 1, right + each.passed
    return found


def _way(answers: Sequence[Answers], source: str, count: int, below: float, rule: str) -> Way:
    found = [(each.branches[0], each.of(source, count, below)) for each in answers]
    shown = [(greedy, *race(among, rule)) for greedy, among in found]
    right = sum(best.passed for _, best, _ in shown)
    return Way(
        source=source,
        answers=count,
        below=below,
        rule=rule,
        rate=right / len(answers),
        ci95=wilson(right, len(answers)),
        gained=sum(best.passed and not greedy.passed for greedy, best, _ in shown),
        lost=sum(greedy.passed and not best.passed for greedy, best, _ in shown),
        any_right=sum(any(each.passed for each in among) for _, among in found) / len(answers),
        decodes=sum(cost for *_, cost in shown) / sum(len(greedy.candidate.logprobs) for greedy, *_ in shown),
    )


async def run(
    choice: Choice,
    lines: Sequence[Task],
    settings: Settings,
    tell: Callable[[int, int], None],
    file: Path | None = None,
    *,
    kept: bool = False,
) -> Report:
    """Ask, in an engine of its own, or go by what was answered before.

    Args:
        choice: the model.
        lines: at least one.
        settings: the user's.
        tell: called with how many lines are done, and of how many.
        file: where replies are kept; by default in the user's cache.
        kept: only the lines that were answered before.

    Raises:
        UsageError: there are none.
        SlmError: the engine did not answer.
    """
    began = time.monotonic()
    programs = Programs()
    answers: list[Answers] = []
    async with private_engine(settings.engine.backend) as engine:
        info = await engine.describe(choice.model, explicit=True)
        asker = Asker(engine, choice.model, info.backend, Replies(file))
        tier = Tier(choice, asker, info, settings.completion)
        for task in lines:
            gap = Gap(task)
            site = gap.site
            requests = [wide(tier.request(gap, "warm")) for wide in (branching, sampled)]
            if kept and not all(map(asker.knows, requests)):
                continue
            branches, samples = [await asker.ask(request, site, whole=True) for request in requests]
            greedy, *others = branches.candidates
            begun = [(greedy, 0), *((each, _shared(each, greedy) + 1) for each in others)]
            drawn = [(greedy, 0), *((each, 1) for each in samples.candidates[1:])]
            judged = [
                [
                    Judged(each, begins, site.fault(each.text), await programs.run(gap, each.text) == "passed")
                    for each, begins in said
                ]
                for said in (begun, drawn)
            ]
            answers.append(Answers(task.name, tuple(judged[0]), tuple(judged[1])))
            tell(len(answers), len(lines))
    if not answers:
        raise UsageError("No line was answered before.", "Leave `--kept` out.")
    return report(answers, choice.name, info.backend, time.monotonic() - began)


def branching(request: Generate) -> Generate:
    """A request for branches."""
    return msgspec.structs.replace(request, candidates=WIDE_BRANCHES, branch_below=BELOW)


def sampled(request: Generate) -> Generate:
    """A request for samples."""
    return msgspec.structs.replace(request, candidates=WIDE_SAMPLES, sampling=SAMPLING)


def _shared(one: Candidate, other: Candidate) -> int:
    """How many tokens two candidates begin with in common."""
    pairs = zip(one.logprobs, other.logprobs, strict=False)
    return next((at for at, pair in enumerate(pairs) if pair[0] != pair[1]), 0)
