"""`eval choose`: compares ways of choosing one of several answers. All ways choose among the same answers.

For each missing line, many answers are generated once and kept: some branch off at unlikely tokens of the greedy
answer, and some are samples. From these, the evaluation computes which answer each way would have shown, for which
answers it would have waited, and what that costs. The cost is the time to decode the answers, without the prompt. Its
unit is the time of a batch of one token, so the greedy answer alone costs 1 per token.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import msgspec

from slm_lsp.config import Settings
from slm_lsp.engine.api import Generate, Sampling
from slm_lsp.errors import UsageError
from slm_lsp.evals.humaneval import Task
from slm_lsp.evals.infill import Gap, Programs, Tier
from slm_lsp.evals.replies import CachedModel, kept_replies
from slm_lsp.features.completion.choose import HEAD_START, Candidate, Fault, compared
from slm_lsp.harness.engine import private_engine
from slm_lsp.harness.tasks import OnProgress, Progress, run_tasks
from slm_lsp.proportions import wilson
from slm_lsp.routing.policy import Choice

WIDE_BRANCHES, BELOW = 8, 0.9
"""Number of branches that are generated. A branch begins where a token of the greedy answer has a lower probability
than `BELOW`."""

WIDE_SAMPLES = 4
"""Number of samples that are generated, including the greedy answer."""

SAMPLING = Sampling(temperature=0.8, seed=1)

BATCH_COST = {1: 1.0, 2: 1.16, 3: 1.32, 4: 1.47}
"""Time of a batch by its number of tokens, as a multiple of the time of a one-token batch (the strong model with ik on
2 threads). The values for 1 and 4 tokens are measured, the others interpolated."""

Score = Callable[[Candidate, Fault, int], float]
"""Returns the score of a candidate. Arguments: the candidate, its fault, and the number of candidates with its text."""


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
"""Rules whose score of an incomplete answer can only fall. With these rules, an incomplete answer is dropped as soon as
its score is below the best score of a complete answer."""

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
"""The sources of answers to compare: kind of the answers, their number, and the probability below which branches begin
(0 for samples)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate, its fault, and whether its program passed the tests."""

    candidate: Candidate
    begins: int
    """Number of tokens at the start that are the same as in the greedy answer, and so need not be decoded again."""
    fault: Fault
    passed: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to one line. `branches` and `samples` both begin with the greedy answer."""

    task: str
    branches: tuple[Judged, ...]
    samples: tuple[Judged, ...]

    def of(self, source: str, count: int, below: float) -> list[Judged]:
        """Return the answers that a request for only `count` answers would have produced."""
        if source == "samples":
            return _compared(self.samples[:count])
        greedy, *others = self.branches
        unsure = [each for each in others if math.exp(greedy.candidate.logprobs[each.begins - 1]) < below]
        return _compared([greedy, *unsure[: count - 1]])


def _compared(answers: Sequence[Judged]) -> list[Judged]:
    known = compared([each.candidate for each in answers])
    return [replace(each, candidate=candidate) for each, candidate in zip(answers, known, strict=True)]


def race(answers: Sequence[Judged], rule: str) -> tuple[Judged, float]:
    """Return the answer that a rule shows, and the cost until this answer is known (see the module for the unit).

    Args:
        answers: the answers, the greedy one first.
        rule: a key of `RULES`.
    """
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
    texts = ["".join(each.candidate.text.split()) for each in answers]
    scores = [
        RULES[rule](each.candidate, each.fault, texts.count(text)) for each, text in zip(answers, texts, strict=True)
    ]
    if rule == "ours":
        scores[0] += HEAD_START  # answer 0 is the greedy answer
    best = max(range(len(answers)), key=lambda number: scores[number])
    return answers[best], scores[best]


class Way(msgspec.Struct, frozen=True):
    """Figures of one way of choosing."""

    source: str
    answers: int
    below: float
    rule: str
    rate: float
    ci95: tuple[float, float]
    gained: int
    """Number of lines on which this way's answer is right and the greedy answer is wrong."""
    lost: int
    """Number of lines on which the greedy answer is right and this way's answer is wrong."""
    any_right: float
    """Share of lines with at least one right answer. No way of choosing can have a higher rate."""
    decodes: float
    """Decoding time of the answers with this way of choosing, divided by that of the greedy answer alone."""


class Report(msgspec.Struct, frozen=True):
    """The result as `--json` prints it."""

    name: str
    n: int
    model: str
    backend: str
    seconds: float
    greedy: float
    ci95: tuple[float, float]
    faults: Mapping[str, tuple[int, int]]
    """For each fault, the number of different answers with this fault, and how many of them are right."""
    ways: tuple[Way, ...]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
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
    """Compute the figures of all ways. `answers` must not be empty."""
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
    on_progress: OnProgress,
    file: Path | None = None,
    *,
    kept: bool = False,
) -> Report:
    """Generate the answers in a private engine, or use kept ones, and compare all ways.

    Args:
        choice: the model.
        lines: tasks with one missing line; at least one.
        settings: the user's settings.
        on_progress: called with the number of finished lines and of all lines.
        file: file of kept replies; by default in the user's cache.
        kept: use only lines whose replies are already kept.

    Raises:
        UsageError: `kept` is set and no line has kept replies.
        SlmError: the engine failed.
    """
    began = time.monotonic()
    async with private_engine(settings.engine.backend) as engine:
        info = await engine.describe(choice.model, explicit=True)
        model = CachedModel(engine, choice.model, info.backend, kept_replies(file))
        line_answers = LineAnswers(Tier(choice, model, info, settings.completion), Programs())
        usable = [task for task in lines if not kept or line_answers.are_kept(task)]
        if not usable:
            raise UsageError("No line has kept answers.", "Run the command without `--kept`.")
        answers = await run_tasks(usable, line_answers.of, Progress(len(usable), on_progress))
    return report(answers, choice.name, info.backend, time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class LineAnswers:
    """Generates many answers to a line and runs their programs."""

    tier: Tier
    programs: Programs

    def are_kept(self, task: Task) -> bool:
        """Return whether all answers to a line are kept."""
        return all(map(self.tier.model.has, self._requests(Gap(task))))

    async def of(self, task: Task) -> Answers:
        """Return the answers to a line, with their faults and outcomes."""
        gap = Gap(task)
        requests = self._requests(gap)
        replies = [await self.tier.model.reply(request, gap.site, all_candidates=True) for request in requests]
        branches, samples = (reply.candidates for reply in replies)
        greedy, *others = branches
        branched = [(greedy, 0), *((each, _shared(each, greedy) + 1) for each in others)]
        drawn = [(greedy, 0), *((each, 1) for each in samples[1:])]
        return Answers(task.name, await self._judged(gap, branched), await self._judged(gap, drawn))

    def _requests(self, gap: Gap) -> tuple[Generate, Generate]:
        """Return a request for branches and one for samples."""
        request = self.tier.request(gap, "warm")
        return (
            msgspec.structs.replace(request, candidates=WIDE_BRANCHES, branch_below=BELOW),
            msgspec.structs.replace(request, candidates=WIDE_SAMPLES, sampling=SAMPLING),
        )

    async def _judged(self, gap: Gap, candidates: Sequence[tuple[Candidate, int]]) -> tuple[Judged, ...]:
        site = gap.site
        judged = []
        for candidate, begins in candidates:
            passed = await self.programs.run(gap, candidate.text) == "passed"
            judged.append(Judged(candidate, begins, site.fault(candidate.text), passed))
        return tuple(judged)


def _shared(one: Candidate, other: Candidate) -> int:
    """Return the number of first tokens that two candidates have in common."""
    pairs = zip(one.logprobs, other.logprobs, strict=False)
    return next((at for at, pair in enumerate(pairs) if pair[0] != pair[1]), 0)
