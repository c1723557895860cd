"""Complete the code at the cursor: choose a line or a block, generate candidates, rank and filter them."""

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from slm_lsp.context.cursor import Cursor
from slm_lsp.context.snippets import Snippet
from slm_lsp.context.window import segments
from slm_lsp.engine.api import Generate, OnLoading, Provider, Warm, ignore_loading
from slm_lsp.features.completion import choose
from slm_lsp.features.completion.alternatives import Race, distinct, spread
from slm_lsp.features.completion.around import Surroundings, surroundings_of
from slm_lsp.features.completion.choose import Site, ranked
from slm_lsp.features.completion.decided import decided, too_unsure
from slm_lsp.features.completion.generation import MILLISECONDS, Callbacks, Clock, Generation, Growing, generate
from slm_lsp.features.completion.postprocess import postprocess
from slm_lsp.features.completion.request import CompletionRequest
from slm_lsp.features.completion.shape import Shape, block_end, shape_of, stop_of
from slm_lsp.features.completion.syntax import left_open
from slm_lsp.features.completion.trial import Trials
from slm_lsp.privacy.paths import is_secret_path

SECRET = "the file may hold keys or passwords, so the model does not read it"  # noqa: S105 - a reason
UNSURE = "the model's confidence is too low"

ALTERNATIVES = 3
"""Number of suggestions for a request that the user triggered by hand."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in milliseconds."""

    queue_ms: float
    """From the request to the evaluation of the prompt: time for starting the engine, loading the model and waiting for
    other requests."""
    prefill_ms: float
    """Duration of the evaluation of the prompt."""
    first_token_ms: float | None
    """From the request to the first token; None if no token was generated."""
    total_ms: float
    """From the request to the complete answer."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Numbers of tokens of one request."""

    prompt: int
    reused: int
    """Tokens of the prompt whose KV cells were already evaluated."""
    generated: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """One text that may be shown at the cursor."""

    text: str
    end: int
    """Offset where the replaced text ends."""
    confidence: float | None
    proven: bool = False
    """Whether the text passes the examples in the docstring of its function and another candidate fails them."""


@dataclass(frozen=True, slots=True)
class Completion:
    """The suggestion at the cursor. When `text` is empty, `reason` says why."""

    text: str
    start: int
    """Offset where the replaced text starts; equal to `end` for an insertion."""
    end: int
    reason: str | None
    confidence: float | None
    """Geometric mean of the tokens' probabilities, 0 to 1."""
    backend: str
    timing: Timing
    tokens: Tokens
    others: tuple[Alternative, ...] = ()
    """Further suggestions, the best first."""
    block: bool = False
    """Whether the suggestion may have several lines."""
    id: str = ""
    """Identifies the suggestion in reports of its outcome. While the user types the suggestion, its rest keeps the
    id."""
    model: str = ""
    tier: str | None = None
    proven: bool = False
    """Whether `text` passes the examples in the docstring of its function and another candidate fails them."""
    cached: bool = False
    """Whether this is the rest of an earlier suggestion."""
    replaces: str = ""
    """Id of the shown suggestion that this one replaces as a better one; otherwise empty."""
    confirmed: bool = False
    """Whether the strong model also answered at this cursor and its answer was not better."""

    @property
    def tokens_per_second(self) -> float | None:
        """Decoding speed after the first token."""
        seconds = (self.timing.total_ms - (self.timing.first_token_ms or 0.0)) / MILLISECONDS
        return (self.tokens.generated - 1) / seconds if self.tokens.generated > 1 and seconds > 0 else None


@dataclass(frozen=True, slots=True)
class Progress:
    """Functions that are called while a completion is made."""

    on_loading: OnLoading = ignore_loading
    """See `Callbacks.on_loading`."""
    on_text: Callable[[str], None] = lambda _: None
    """Called with the whole text generated so far, before it is checked."""
    on_lines: Callable[[Alternative], None] = lambda _: None
    """Called with all complete, checked lines of a block whenever another line is complete."""


async def complete(
    request: CompletionRequest, provider: Provider, progress: Progress | None = None, clock: Clock = time.monotonic
) -> Completion:
    """Complete a line or a block at the cursor. Cancelling this coroutine cancels the request to the provider.

    Args:
        request: what to complete, with which model, and what may be shown.
        provider: runs the model.
        progress: called during generation.
        clock: returns seconds since any fixed time.

    Raises:
        SlmError: the provider could not answer.
    """
    started_at = clock()
    cursor, parts, settings = request.cursor, request.parts, request.settings
    if is_secret_path(cursor.path):
        return refused(cursor, SECRET)
    progress = progress or Progress()
    info = await provider.describe(request.model, explicit=request.explicit, on_loading=progress.on_loading)
    around = await asyncio.to_thread(surroundings_of, cursor, parts.snippets)
    shape = shape_of(around) if settings.block_tokens else Shape(block=False)
    site = Site(around, lambda name: _occurs(parts.snippets, name) or request.is_known(name))
    trials = Trials(site) if request.run_examples and not shape.block else None
    race = Race(site, trials) if request.best_of_several and request.alternatives == 1 and not shape.block else None
    options = Generate(
        request.model,
        (),
        settings.block_tokens if shape.block else settings.max_tokens,
        stop_of(shape, around),
        priority=request.priority,
        explicit=request.explicit,
        candidates=request.alternatives,
    )
    target = _Target(shape, around, cursor, request.min_confidence)
    callbacks = Callbacks(
        progress.on_loading,
        _line_reporter(target, progress),
        _stopper(target, options.max_tokens, alone=request.alternatives == 1 and race is None),
        race,
    )
    generation = await generate(provider, request, info, spread(options) if race else options, callbacks, clock)
    if generation.started is None:
        return refused(cursor, UNSURE)
    ordered = await _ordered(generation.candidates, site, trials)
    proven = frozenset[str]() if trials is None else trials.proven
    checked = await asyncio.to_thread(_check_all, ordered, target, proven)
    passed = [each for each in checked if isinstance(each, Alternative)]
    different = [passed[index] for index in distinct([each.text for each in passed])]
    shown = worth_showing(different, request.min_confidence)
    best = shown[0] if shown else Alternative("", cursor.offset, confidence(generation.candidates[0].logprobs))
    reason = None if shown else UNSURE if different else next(each for each in checked if isinstance(each, str))
    return Completion(
        text=best.text,
        start=cursor.offset,
        end=best.end,
        reason=reason,
        confidence=best.confidence,
        backend=info.backend,
        timing=_timing(generation, started_at, clock()),
        tokens=Tokens(generation.started.prompt_tokens, generation.started.reused_tokens, generation.generated),
        others=tuple(shown[1:]),
        block=shape.block,
        proven=best.proven,
    )


def worth_showing(texts: Sequence[Alternative], min_confidence: float) -> list[Alternative]:
    """Return the texts with a confidence of at least `min_confidence`, in the same order.

    If some texts are proven, only those are considered. If `min_confidence` is 0, as in an explicit request, all texts
    are returned.
    """
    proven = [each for each in texts if each.proven] if min_confidence > 0 else []
    return [each for each in proven or texts if (each.confidence or 0.0) >= min_confidence]


async def warm(request: CompletionRequest, provider: Provider) -> None:
    """Evaluate the prompt of a request before it is needed. Raises the same errors as `complete`."""
    if is_secret_path(request.cursor.path):
        return
    info = await provider.describe(request.model)
    prompt = await asyncio.to_thread(segments, request.parts, info, request.settings)
    await provider.warm(Warm(request.model, prompt))


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the answer is inserted and which shape it has."""

    shape: Shape
    around: Surroundings
    cursor: Cursor
    min_confidence: float


def _line_reporter(target: _Target, progress: Progress) -> Callable[[Growing], Awaitable[None]]:
    """Return a callback that reports the text of the first candidate, and the complete, checked lines of a block."""
    reported = 0

    async def on_text(candidate: Growing) -> None:
        nonlocal reported
        text, sure = candidate.text, confidence(candidate.logprobs)
        progress.on_text(text)
        end = text.rfind("\n")
        new = target.shape.block and end > reported and text[reported:end].strip()
        if new and block_end(target.shape, text, target.around) is None:
            reported = end
            found = await asyncio.to_thread(postprocess, text[:end], target.around)
            if found.text and (sure or 0.0) >= target.min_confidence:
                progress.on_lines(_placed(found.text, found.over, target.cursor, sure))

    return on_text


def _stopper(target: _Target, max_tokens: int, *, alone: bool) -> Callable[[Growing], int | None]:
    """Return a callback that cuts a growing candidate once further tokens cannot change what is shown.

    If other candidates are generated too, a candidate may still lose to another one, so it is cut only at the end of
    its block.
    """
    lines_seen = -1

    def stop_at(candidate: Growing) -> int | None:
        nonlocal lines_seen
        text = candidate.text
        if target.shape.block and (end := block_end(target.shape, text, target.around)) is not None:
            return end
        if not alone:
            return None
        # One token more than the limit, because the token that ends an answer also counts.
        if too_unsure(candidate.logprobs, max_tokens + 1, target.min_confidence):
            return len(text)
        # `decided` is called for every token of leading whitespace, then once for every complete line.
        lines = text.count("\n") if text.strip() else -1
        if lines == lines_seen and lines >= 0:
            return None
        lines_seen = lines
        return decided(text, target.around)

    return stop_at


def _check_all(candidates: Sequence[Growing], target: _Target, proven: frozenset[str]) -> list[Alternative | str]:
    """Return the result of `_checked` for each candidate. Called in a thread because the filters parse the document."""
    return [_checked(each, target, each.text in proven) for each in candidates]


def _checked(candidate: Growing, target: _Target, proven: bool) -> Alternative | str:
    """Return the part of a candidate that passes the filters, or the reason why the candidate is rejected.

    A candidate that a filter has changed no longer counts as proven.
    """
    text, whole, around = candidate.text, candidate.whole, target.around
    if target.shape.block and (end := block_end(target.shape, text, around)) is not None:
        text, whole = text[:end], True
    found = postprocess(text, around, whole=whole)
    if found.reason is not None:
        return found.reason
    # The examples were run with all brackets of the text closed, so a text with open brackets is not proven.
    altered = found.text.strip() != candidate.text.strip() or left_open(around.before + found.text + around.after)
    return _placed(found.text, found.over, target.cursor, confidence(candidate.logprobs), proven and not altered)


def _occurs(snippets: Sequence[Snippet], name: str) -> bool:
    """Return whether a name occurs in the snippets of other files."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(word.search(each.text) for each in snippets)


async def _ordered(candidates: Sequence[Growing], site: Site, trials: Trials | None) -> Sequence[Growing]:
    """Return the candidates, the best first."""
    if len(candidates) < 2:
        return candidates
    by_text: dict[str, Growing] = {}
    for each in candidates:
        by_text.setdefault(each.text, each)
    whole = [choose.Candidate(each.text, tuple(each.logprobs), each.finish, each.merged) for each in by_text.values()]
    if trials is not None:
        await trials.run(list(by_text))
    verdicts = {} if trials is None else trials.verdicts
    best_first = await asyncio.to_thread(ranked, whole, site, verdicts=verdicts)
    return [by_text[found.candidate.text] for found in best_first]


def _placed(text: str, over: int, cursor: Cursor, sure: float | None, proven: bool = False) -> Alternative:
    return Alternative(text.replace("\n", line_end(cursor.text)), cursor.offset + over, sure, proven)


def refused(cursor: Cursor, reason: str) -> Completion:
    """Return an empty completion for a reason that is known without a model."""
    timing, tokens = Timing(0.0, 0.0, None, 0.0), Tokens(0, 0, 0)
    return Completion("", cursor.offset, cursor.offset, reason, None, "", timing, tokens)


def line_end(text: str) -> str:
    """Return the line end of the first line of a text."""
    first = text.find("\n")
    if first < 0:
        return "\r" if "\r" in text else "\n"
    return "\r\n" if text[first - 1 : first] == "\r" else "\n"


def confidence(logprobs: Sequence[float]) -> float | None:
    """Return the geometric mean of probabilities given as logarithms; None for an empty sequence."""
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else None


def _timing(generation: Generation, started_at: float, now: float) -> Timing:
    first = None if generation.first_at is None else (generation.first_at - started_at) * MILLISECONDS
    return Timing(
        queue_ms=(generation.started_at - started_at) * MILLISECONDS,
        prefill_ms=generation.prefill_ms,
        first_token_ms=first,
        total_ms=(now - started_at) * MILLISECONDS,
    )
