"""`eval crossfile`: lines that use a name of another file, completed with and without pieces of other files.

Every task is asked for in several ways, greedily, on one line. All ways have the same window of the file at the cursor
and the same budget for snippets of other files; they differ only in which snippets those are:

- `none`: no snippets;
- `ring`: stretches of the files opened before, as llama.vim gathers them (`ring.py`);
- `ours`: what our retrieval chooses;
- any other name: our retrieval without the signal of that name, for the ablation.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import TypeAlias

import msgspec

from slm_lsp.bench.common import private_engine
from slm_lsp.config import Settings
from slm_lsp.context.anchor import at_word
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import prompt, snippet_tokens, window
from slm_lsp.context.snippets import Snippet
from slm_lsp.engine.api import Generate, ModelInfo, ModelRef, Provider, Segment, Started, Stop, Token
from slm_lsp.errors import EngineLostError, PromptTooLongError
from slm_lsp.evals.answers import Answers
from slm_lsp.evals.crossfile_tasks import Task
from slm_lsp.evals.similarity import edit_similarity, exact, paired_difference
from slm_lsp.features.completion.generation import MAX_HALVINGS

SEED = 1013
PREFIX_TOKENS, SUFFIX_TOKENS = 300, 100
"""The most of the file at the cursor; a user's smaller budgets are kept to. Small, as where the first answer in a file
has to come soon; and since every token of every task is evaluated."""

MAX_TOKENS = 64
MAIN_WAYS = ("none", "ring", "ours")

SnippetSource: TypeAlias = Callable[[Task, Cursor], Sequence[Snippet]]
"""The snippets of other files for a task. The place has the file without the rest of the line."""


def no_snippets(task: Task, cursor: Cursor) -> Sequence[Snippet]:
    """The way `none`."""
    return ()


class Score(msgspec.Struct, frozen=True):
    """How good the answers of a way are."""

    exact: float
    """Share of the lines that are right to the character, blanks at the end apart."""
    similarity: float
    """Mean of the edit similarities."""


class Case(msgspec.Struct, frozen=True):
    """A task and what was answered."""

    package: str
    path: str
    line: int
    typed: str
    wanted: str
    name: str
    defined_in: str
    answers: Mapping[str, str]
    """By way."""
    snippets: Mapping[str, tuple[str, ...]]
    """Paths of the snippets by way, in the prompt's order."""
    tokens: Mapping[str, float] = msgspec.field(default_factory=dict)
    """Tokens of the snippets by way, as an estimate."""

    def right(self, way: str) -> bool:
        """Whether this way's answer is the line."""
        return exact(self.answers[way], self.wanted)


class ContextTokens(msgspec.Struct, frozen=True):
    """Tokens of snippets in a request."""

    mean: float
    median: float


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """As `--json` prints it; ways that were not run are absent."""

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
    """Exact matches of `ours` less those of `none`, as shares of all tasks."""
    lift_over_ring: float | None = None
    ci95: Mapping[str, tuple[float, float]] = msgspec.field(default_factory=dict)
    """Of both lifts: Newcombe's intervals for pairs."""
    ablation: Mapping[str, Score] = msgspec.field(default_factory=dict)
    """Our retrieval without a signal, by that signal."""
    context_tokens: Mapping[str, ContextTokens] = msgspec.field(default_factory=dict)
    """What was read of other files, by way."""

    def lines(self) -> Iterator[str]:
        """The table for people."""
        yield f"  {'':24s} exact   similarity"
        for way in MAIN_WAYS:
            if (score := getattr(self, way)) is not None:
                yield f"  {way:24s} {score.exact:.3f}   {score.similarity:.3f}"
        for signal, score in self.ablation.items():
            yield f"  {f'ours without {signal}':24s} {score.exact:.3f}   {score.similarity:.3f}"
        for way, tokens in self.context_tokens.items():
            yield f"  tokens of other files, {way}: mean {tokens.mean:.0f}, median {tokens.median:.0f}"
        for lift, (low, high) in self.ci95.items():
            beside = lift.removeprefix("lift_over_")
            gained = sum(each.right("ours") > each.right(beside) for each in self.cases)
            lost = sum(each.right(beside) > each.right("ours") for each in self.cases)
            yield (
                f"  ours - {beside}: {getattr(self, lift):+.3f}   95 % of the time {low:+.3f} to {high:+.3f}"
                f"   ({gained} lines gained, {lost} lost)"
            )


def report(cases: Sequence[Case], ways: Sequence[str], model: str, backend: str, budget: int, seconds: float) -> Report:
    """The figures of all cases; there is at least one."""
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
    """None for a way that reads nothing."""
    tokens = [each.tokens.get(way, 0.0) for each in cases]
    return ContextTokens(fmean(tokens), median(tokens)) if any(tokens) else None


def _score(cases: Sequence[Case], way: str) -> Score:
    n = len(cases)
    similar = sum(edit_similarity(each.answers[way], each.wanted) for each in cases)
    return Score(sum(each.right(way) for each in cases) / n, similar / n)


@dataclass(frozen=True, slots=True)
class Asker:
    """The engine, and what goes into every request."""

    provider: Provider
    model: ModelRef
    info: ModelInfo
    settings: Settings
    budget_tokens: int
    answers: Answers

    async def try_all(self, task: Task, ways: Mapping[str, SnippetSource]) -> Case:
        """Ask in every way; ways with the same snippets share an answer."""
        cursor = task.cursor
        chosen = {way: allowed(source(task, cursor), task.path, self.budget_tokens) for way, source in ways.items()}
        known: dict[tuple[Snippet, ...], str] = {}
        for snippets in chosen.values():
            if snippets not in known:
                known[snippets] = await self._ask(cursor, snippets)
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

    async def _ask(self, cursor: Cursor, snippets: tuple[Snippet, ...]) -> str:
        """The rest of the line; where text has more tokens than characters promised, with half of all budgets."""
        for halvings in range(MAX_HALVINGS + 1):
            try:
                return await self._generate(self._segments(cursor, snippets, halvings))
            except PromptTooLongError:
                if halvings == MAX_HALVINGS:
                    raise
        raise EngineLostError("The engine ended a request without an answer.", "Ask again.")

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
        if (known := self.answers.get(request)) is not None:
            return known
        text: list[str] = []
        started = False
        async with aclosing(self.provider.generate(request)) as events:
            async for event in events:
                started = started or isinstance(event, Started)
                if isinstance(event, Token):
                    text.append(event.text)
        if not started:
            raise EngineLostError("The engine ended a request without an answer.", "Ask again.")
        self.answers.put(request, "".join(text))
        return "".join(text)


def allowed(snippets: Sequence[Snippet], path: str, budget_tokens: int) -> tuple[Snippet, ...]:
    """The last snippets that the budget holds, whole, in their order; never one of the file at the cursor.

    A source keeps to the budget itself. This holds it to that, and keeps the wanted line from what lies on the disk.
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
    model: ModelRef,
    model_name: str,
    tasks: Sequence[Task],
    ways: Mapping[str, SnippetSource],
    settings: Settings,
    budget_tokens: int,
    tell: Callable[[int, int], None],
    answers: Path | None = None,
) -> Report:
    """Try all tasks in all ways, in an engine of their own.

    Args:
        model: which model.
        model_name: as the report calls it.
        tasks: at least one.
        ways: where each way has its snippets from.
        settings: the user's, for the binding and for smaller windows.
        budget_tokens: for the snippets of every way.
        tell: called with how many tasks are done, and of how many.
        answers: where answers are kept; by default in the user's cache.

    Raises:
        SlmError: the engine did not answer.
    """
    began = time.monotonic()
    cases: list[Case] = []
    backend = ""
    async with private_engine(settings.engine.backend) as engine:
        info = await engine.describe(model)
        backend = info.backend
        asker = Asker(engine, model, info, settings, budget_tokens, Answers(model.file, backend, answers))
        for task in tasks:
            cases.append(await asker.try_all(task, ways))
            tell(len(cases), len(tasks))
    return report(cases, tuple(ways), model_name, backend, budget_tokens, time.monotonic() - began)
