"""`eval crossfile`: completes lines that use a name of another file, with and without snippets of other files.

The rest of each line is completed greedily in several ways. All ways use the same window of the file at the cursor and
the same budget for snippets of other files. They differ only in the snippets:

- `none`: no snippets;
- `ring`: parts of files opened before, collected as llama.vim does (`ring.py`);
- `ours`: the snippets that our retrieval chooses;
- any other name: our retrieval without the signal of that name (ablation).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TypeAlias

import msgspec

from slm_lsp.config import Settings
from slm_lsp.context.anchor import at_word
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import prompt, snippet_tokens, window
from slm_lsp.context.snippets import Snippet
from slm_lsp.engine.api import Generate, ModelInfo, ModelRef, Provider, Segment, Stop
from slm_lsp.errors import PromptTooLongError
from slm_lsp.evals.crossfile_tasks import Task
from slm_lsp.evals.similarity import edit_similarity, exact, paired_difference
from slm_lsp.features.completion.generation import MAX_HALVINGS
from slm_lsp.harness.engine import incomplete_answer, private_engine, timed_answer
from slm_lsp.harness.kept import Kept, default_file, digest, identity
from slm_lsp.harness.report import interval
from slm_lsp.harness.tasks import OnProgress, Progress, run_tasks
from slm_lsp.routing.policy import Choice

SEED = 1013
PREFIX_TOKENS, SUFFIX_TOKENS = 300, 100
"""Maximum number of tokens of the file before and after the cursor. If the user's settings are smaller, they apply. The
numbers are small, as for a first request in a file, because all tokens of all tasks must be evaluated."""

MAX_TOKENS = 64
MAIN_WAYS = ("none", "ring", "ours")

SnippetSource: TypeAlias = Callable[[Task, Cursor], Sequence[Snippet]]
"""Returns the snippets of other files for a task. The cursor's text lacks the rest of the line."""


def no_snippets(task: Task, cursor: Cursor) -> Sequence[Snippet]:
    """Return no snippets: the way `none`."""
    return ()


class Score(msgspec.Struct, frozen=True):
    """Quality of the answers of a way."""

    exact: float
    """Share of answers that equal the wanted line, ignoring trailing whitespace."""
    similarity: float
    """Mean edit similarity of the answers and the wanted lines, from 0 to 1."""


class Case(msgspec.Struct, frozen=True):
    """A task and its answers."""

    package: str
    path: str
    line: int
    typed: str
    wanted: str
    name: str
    defined_in: str
    answers: Mapping[str, str]
    """The answer in each way."""
    snippets: Mapping[str, tuple[str, ...]]
    """For each way, the paths of the snippets, in the order of the prompt."""
    tokens: Mapping[str, float] = msgspec.field(default_factory=dict)
    """For each way, the estimated number of tokens in the snippets."""

    def right(self, way: str) -> bool:
        """Return whether this way's answer is exact."""
        return exact(self.answers[way], self.wanted)


class ContextTokens(msgspec.Struct, frozen=True):
    """Number of tokens in the snippets of a request: mean and median over all requests."""

    mean: float
    median: float


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result as `--json` prints it. Ways that were not run are absent."""

    name: str
    n: int
    model: str
    backend: str
    budget_tokens: int
    seconds: float
    cases: tuple[Case, ...]
    none: Score | None = None
    ring: Score | None = None
    ours: Score | None = None
    lift_over_none: float | None = None
    """Share of exact answers of `ours` minus the share of `none`."""
    lift_over_ring: float | None = None
    """Share of exact answers of `ours` minus the share of `ring`."""
    ci95: Mapping[str, tuple[float, float]] = msgspec.field(default_factory=dict)
    """Newcombe's 95 % intervals of `lift_over_none` and `lift_over_ring`."""
    ablation: Mapping[str, Score] = msgspec.field(default_factory=dict)
    """For each signal, the score of our retrieval without this signal."""
    context_tokens: Mapping[str, ContextTokens] = msgspec.field(default_factory=dict)
    """For each way, the number of tokens in its snippets."""

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        yield f"  {'':24s} exact   similarity"
        for way in MAIN_WAYS:
            if (score := getattr(self, way)) is not None:
                yield f"  {way:24s} {score.exact:.3f}   {score.similarity:.3f}"
        for signal, score in self.ablation.items():
            yield f"  {f'ours without {signal}':24s} {score.exact:.3f}   {score.similarity:.3f}"
        for way, tokens in self.context_tokens.items():
            yield f"  tokens of other files, {way}: mean {tokens.mean:.0f}, median {tokens.median:.0f}"
        for lift, bounds in self.ci95.items():
            beside = lift.removeprefix("lift_over_")
            gained = sum(each.right("ours") > each.right(beside) for each in self.cases)
            lost = sum(each.right(beside) > each.right("ours") for each in self.cases)
            yield (
                f"  ours - {beside}: {getattr(self, lift):+.3f}   {interval(bounds, '+.3f')}"
                f"   ({gained} lines gained, {lost} lost)"
            )


def report(cases: Sequence[Case], ways: Sequence[str], model: str, backend: str, budget: int, seconds: float) -> Report:
    """Summarize all cases. `cases` must not be empty."""
    scores = {way: _score(cases, way) for way in ways}
    right = {way: [each.right(way) for each in cases] for way in ways}
    beside = [way for way in ("none", "ring") if {way, "ours"} <= scores.keys()]
    lifts = {way: scores["ours"].exact - scores[way].exact for way in beside}
    return Report(
        name="crossfile",
        n=len(cases),
        model=model,
        backend=backend,
        budget_tokens=budget,
        seconds=seconds,
        cases=tuple(cases),
        none=scores.get("none"),
        ring=scores.get("ring"),
        ours=scores.get("ours"),
        lift_over_none=lifts.get("none"),
        lift_over_ring=lifts.get("ring"),
        ci95={f"lift_over_{way}": paired_difference(right["ours"], right[way]) for way in beside},
        ablation={way: score for way, score in scores.items() if way not in MAIN_WAYS},
        context_tokens={way: found for way in ways if (found := _context_tokens(cases, way))},
    )


def _context_tokens(cases: Sequence[Case], way: str) -> ContextTokens | None:
    """Return the mean and median number of tokens in a way's snippets; None for a way without snippets."""
    tokens = [each.tokens.get(way, 0.0) for each in cases]
    return ContextTokens(fmean(tokens), median(tokens)) if any(tokens) else None


def _score(cases: Sequence[Case], way: str) -> Score:
    n = len(cases)
    similar = sum(edit_similarity(each.answers[way], each.wanted) for each in cases)
    return Score(sum(each.right(way) for each in cases) / n, similar / n)


@dataclass(frozen=True, slots=True)
class Runner:
    """Completes tasks with one model."""

    provider: Provider
    model: ModelRef
    info: ModelInfo
    settings: Settings
    budget_tokens: int
    ways: Mapping[str, SnippetSource]
    answers: Kept[str]

    async def run(self, task: Task) -> Case:
        """Complete a task in all ways. Ways with the same snippets share an answer."""
        cursor = task.cursor
        chosen = {
            way: allowed(source(task, cursor), task.path, self.budget_tokens) for way, source in self.ways.items()
        }
        known: dict[tuple[Snippet, ...], str] = {}
        for snippets in chosen.values():
            if snippets not in known:
                known[snippets] = await self._complete(cursor, snippets)
        return Case(
            package=task.package,
            path=task.path,
            line=task.line,
            typed=task.typed,
            wanted=task.wanted,
            name=task.name,
            defined_in=task.defined_in,
            answers={way: known[snippets] for way, snippets in chosen.items()},
            snippets={way: tuple(each.path for each in snippets) for way, snippets in chosen.items()},
            tokens={way: sum(map(snippet_tokens, snippets)) for way, snippets in chosen.items()},
        )

    async def _complete(self, cursor: Cursor, snippets: tuple[Snippet, ...]) -> str:
        """Return the rest of the line. If the prompt is too long for the context, halve all budgets and retry."""
        for halvings in range(MAX_HALVINGS + 1):
            try:
                return await self._generate(self._segments(cursor, snippets, halvings))
            except PromptTooLongError:
                if halvings == MAX_HALVINGS:
                    raise
        raise incomplete_answer()

    def _segments(self, cursor: Cursor, snippets: tuple[Snippet, ...], halvings: int) -> tuple[Segment, ...]:
        budgets = self.settings.completion
        shown = window(
            cursor,
            at_word(cursor).offset,
            max(min(budgets.prefix_tokens, PREFIX_TOKENS) >> halvings, 1),
            max(min(budgets.suffix_tokens, SUFFIX_TOKENS) >> halvings, 1),
        )
        kept = allowed(snippets, cursor.path, self.budget_tokens >> halvings)
        return prompt(cursor, shown, self.info.fim, kept)

    async def _generate(self, segments: tuple[Segment, ...]) -> str:
        request = Generate(self.model, segments, MAX_TOKENS, Stop(("\n",)))
        key = digest(identity(self.model.file, self.info.backend), request)
        if (known := self.answers.get(key)) is not None:
            return known
        answer = await timed_answer(self.provider, request)
        self.answers.put(key, answer.text)
        return answer.text


def allowed(snippets: Sequence[Snippet], path: str, budget_tokens: int) -> tuple[Snippet, ...]:
    """Return the last snippets that fit in the budget, in their order, without those of the file at the cursor.

    The sources of snippets respect the budget themselves; this function enforces it. The file at the cursor contains
    the wanted line on disk, so snippets of this file are removed.
    """
    kept: list[Snippet] = []
    left = float(budget_tokens)
    for each in reversed(snippets):
        left -= snippet_tokens(each) if each.path != path else 0
        if left < 0:
            break
        if each.path != path:
            kept.append(each)
    return tuple(reversed(kept))


async def run(
    choice: Choice,
    tasks: Sequence[Task],
    ways: Mapping[str, SnippetSource],
    settings: Settings,
    budget_tokens: int,
    on_progress: OnProgress,
    answers: Path | None = None,
) -> Report:
    """Complete all tasks in all ways, in a private engine.

    Args:
        choice: the model.
        tasks: at least one task.
        ways: for each way, the source of its snippets.
        settings: the user's settings; the binding and smaller completion budgets are used.
        budget_tokens: budget for the snippets of each way.
        on_progress: called with the number of finished tasks and of all tasks.
        answers: file of kept answers; by default in the user's cache.

    Raises:
        SlmError: the engine failed.
    """
    began = time.monotonic()
    kept = Kept(str, answers or default_file("answers"))
    async with private_engine(settings.engine.backend) as engine:
        info = await engine.describe(choice.model)
        runner = Runner(engine, choice.model, info, settings, budget_tokens, ways, kept)
        cases = await run_tasks(tasks, runner.run, Progress(len(tasks), on_progress))
    return report(cases, tuple(ways), choice.name, info.backend, budget_tokens, time.monotonic() - began)
