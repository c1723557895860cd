"""A completion at the cursor: how much, prompt, engine, filters, and the figures that go with it."""

import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.config import CompletionSettings
from slm_lsp.context.anchor import Anchor, at_word
from slm_lsp.context.fim import Place
from slm_lsp.context.snippets import Snippet
from slm_lsp.context.window import reuse_of, segments
from slm_lsp.engine.api import Generate, Priority, Warm
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.features.completion import choose
from slm_lsp.features.completion.alternatives import Race, distinct, spread
from slm_lsp.features.completion.around import Surroundings, surroundings
from slm_lsp.features.completion.ask import (
    MILLISECONDS,
    Answer,
    Asked,
    Candidate,
    Clock,
    Listener,
    OnLoading,
    ask,
    describe,
)
from slm_lsp.features.completion.choose import IsKnown, Site, ranked
from slm_lsp.features.completion.decided import decided, too_unsure
from slm_lsp.features.completion.postprocess import postprocess
from slm_lsp.features.completion.shape import Shape, block_end, shape_of, stop_of
from slm_lsp.features.completion.syntax import left_open
from slm_lsp.features.completion.trial import Trials
from slm_lsp.index.names import secret_path

SECRET = "the file may hold keys or passwords, so the model does not read it"  # noqa: S105 - a reason
UNSURE = "the model is not sure enough"

ALTERNATIVES = 3
"""So many are offered to who asks by hand."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds since the completion was asked for, but for `prefill_ms`."""

    queue_ms: float
    """Until evaluation began: finding or starting the engine, loading the model, waiting for others."""
    prefill_ms: float
    """How long the prompt took to evaluate."""
    first_token_ms: float | None
    """None where no token was generated."""
    total_ms: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """Counts of tokens."""

    prompt: int
    reused: int
    """How many of the prompt's were in the KV cells already."""
    generated: int


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another text for the same place."""

    text: str
    end: int
    """As in `Completion`."""
    confidence: float | None
    proven: bool = False
    """Whether it does as the examples of its function say, where another answer does not."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What is to be shown at the cursor; with an empty text, `reason` says why."""

    text: str
    start: int
    """Offsets of the text it replaces; equal for an insertion."""
    end: int
    reason: str | None
    confidence: float | None
    """Geometric mean of the tokens' probabilities, 0 to 1."""
    backend: str
    timing: Timing
    tokens: Tokens
    others: tuple[Alternative, ...] = ()
    """Further ones, the best first."""
    block: bool = False
    """Whether it may have several lines."""
    id: str = ""
    """By which a client tells what became of it; the rest of a suggestion keeps it."""
    model: str = ""
    tier: str | None = None
    proven: bool = False
    """As in `Alternative`."""
    cached: bool = False
    """Whether it is what was left of an earlier one."""
    replaces: str = ""
    """The id of the suggestion that it was refined from; empty where none was shown."""
    confirmed: bool = False
    """Whether the strong model was asked at this place too and its answer was not shown instead."""

    @property
    def tokens_per_second(self) -> float | None:
        """Speed of generation behind the first token."""
        seconds = (self.timing.total_ms - (self.timing.first_token_ms or 0.0)) / MILLISECONDS
        return (self.tokens.generated - 1) / seconds if self.tokens.generated > 1 and seconds > 0 else None


@dataclass(frozen=True, slots=True)
class Following:
    """Who follows a completion while it grows."""

    on_loading: OnLoading = lambda _: None
    """See `Listener`."""
    on_text: Callable[[str], None] = lambda _: None
    """All that the model said so far, before it is checked."""
    on_lines: Callable[[Alternative], None] = lambda _: None
    """The lines of a block that are whole and checked, whenever there is one more."""


async def complete(
    place: Place,
    model: Path,
    engine: EngineClient,
    settings: CompletionSettings,
    *,
    snippets: Sequence[Snippet] = (),
    anchor: Anchor | None = None,
    asked: bool = False,
    alternatives: int = 1,
    best_of_several: bool = False,
    run_examples: bool = False,
    least_confidence: float = 0.0,
    is_known: IsKnown = lambda _: False,
    priority: Priority = Priority.INTERACTIVE,
    following: Following | None = None,
    clock: Clock = time.monotonic,
) -> Completion:
    """A line or a block at the cursor.

    Args:
        place: where the cursor is.
        model: path of a GGUF file.
        engine: the way to the engine; cancelling this coroutine cancels the request there.
        settings: budgets.
        snippets: of other files, the best last.
        anchor: where the prompt's prefix ends; by default just before the word at the cursor.
        asked: a person asked for it, rather than a pause in typing.
        alternatives: so many texts, made together; one that is checked and found wanting is left out.
        best_of_several: where one line is wanted, the best of what the model is unsure between.
        run_examples: choose among these by the examples of the function that they are in, where it only computes.
        least_confidence: below it, and below what is set, nothing is shown but to who asks.
        is_known: whether the project defines a name; what uses names that nobody defines is chosen last.
        priority: of the request.
        following: who hears of it before it is whole.
        clock: seconds, from any start.

    Raises:
        SlmError: whatever kept the engine from answering.
    """
    asked_at = clock()
    if secret_path(place.path):
        return refused(place, SECRET)
    follower = following or Following()
    info = await describe(engine, model, asked, follower.on_loading)
    around = surroundings(place.text, place.offset, place.path, snippets, place.language)
    shape = shape_of(around) if settings.block_tokens else Shape(block=False)
    least = 0.0 if asked else max(least_confidence, settings.least_confidence)
    site = Site(around, lambda name: _stands_in(snippets, name) or is_known(name))
    trials = Trials(site) if run_examples and not shape.block else None
    race = Race(site, trials) if best_of_several and alternatives == 1 and not shape.block else None
    most = settings.block_tokens if shape.block else settings.max_tokens
    request = Generate(
        0,
        str(model),
        (),
        most,
        stop_of(shape, around),
        priority=priority,
        asked=asked,
        reuse=reuse_of(settings),
        candidates=alternatives,
    )
    answer = await ask(
        engine,
        Asked(place, anchor or at_word(place), tuple(snippets)),
        info,
        settings,
        spread(request) if race else request,
        Listener(
            follower.on_loading,
            _on_text(follower, shape, around, place, least),
            _enough(shape, around, most, least, alone=alternatives == 1 and race is None),
            race,
        ),
        clock,
    )
    if answer.started is None:
        return refused(place, UNSURE)
    ordered = await _ordered(answer.candidates, site, trials)
    proven = frozenset[str]() if trials is None else trials.proven
    texts = [_alternative(each, shape, around, place, each.text in proven) for each in ordered]
    fit = [text for text in texts if isinstance(text, Alternative)]
    shown = [fit[index] for index in distinct([each.text for each in fit])]
    sure = worth_showing(shown, least)
    best = sure[0] if sure else Alternative("", place.offset, confidence(answer.candidates[0].logprobs))
    reason = None if sure else UNSURE if shown else next(text for text in texts if isinstance(text, str))
    return Completion(
        text=best.text,
        start=place.offset,
        end=best.end,
        reason=reason,
        confidence=best.confidence,
        backend=info.backend,
        timing=_timing(answer, asked_at, clock()),
        tokens=Tokens(answer.started.prompt_tokens, answer.started.reused_tokens, answer.generated),
        others=tuple(sure[1:]),
        block=shape.block,
        proven=best.proven,
    )


def worth_showing(texts: Sequence[Alternative], least: float) -> list[Alternative]:
    """The texts of which the model is sure enough, in their order; only proven ones where there are any.

    With `least` at 0, which is what a request by hand has, these are all texts.
    """
    proven = [each for each in texts if each.proven] if least > 0 else []
    return [each for each in proven or texts if (each.confidence or 0.0) >= least]


async def warm(
    place: Place,
    model: Path,
    engine: EngineClient,
    settings: CompletionSettings,
    anchor: Anchor,
    snippets: Sequence[Snippet] = (),
) -> None:
    """Have the prompt of a place evaluated before it is asked for. Arguments and errors as in `complete`."""
    if secret_path(place.path):
        return
    info = await describe(engine, model)
    await engine.warm(Warm(0, str(model), segments(place, anchor, info, settings, snippets)))


def _on_text(
    following: Following, shape: Shape, around: Surroundings, place: Place, least: float
) -> Callable[[Candidate], None]:
    """Tells of the lines of a block as they come."""
    told = 0

    def on_text(candidate: Candidate) -> None:
        nonlocal told
        said, sure = candidate.text, confidence(candidate.logprobs)
        following.on_text(said)
        end = said.rfind("\n")
        if shape.block and end > told and said[told:end].strip() and block_end(shape, said, around) is None:
            told = end
            found = postprocess(said[:end], around)
            if found.text and (sure or 0.0) >= least:
                following.on_lines(_placed(found.text, found.over, place, sure))

    return on_text


def _enough(
    shape: Shape, around: Surroundings, most: int, least: float, *, alone: bool
) -> Callable[[Candidate], int | None]:
    """Tells where an answer ends: with its block, or as soon as the rest cannot change what is shown.

    An answer that is not alone goes on while it may lose to another one: only the end of its block ends it.
    """
    looked_at = -1

    def enough(candidate: Candidate) -> int | None:
        nonlocal looked_at
        said = candidate.text
        if shape.block and (end := block_end(shape, said, around)) is not None:
            return end
        if not alone:
            return None
        # One token more than `most`: what ends an answer counts too.
        if too_unsure(candidate.logprobs, most + 1, least):
            return len(said)
        # While nothing but white space was said, every token counts; then every whole line.
        lines = said.count("\n") if said.strip() else -1
        if lines == looked_at and lines >= 0:
            return None
        looked_at = lines
        return decided(said, around)

    return enough


def _alternative(
    candidate: Candidate, shape: Shape, around: Surroundings, place: Place, proven: bool
) -> Alternative | str:
    """What is shown of a candidate, or why nothing is; what a filter has changed is proven no more."""
    said, whole = candidate.text, candidate.whole
    if shape.block and (end := block_end(shape, said, around)) is not None:
        said, whole = said[:end], True
    found = postprocess(said, around, whole=whole)
    if found.reason is not None:
        return found.reason
    # What is left open was closed to be run.
    altered = found.text.strip() != candidate.text.strip() or left_open(around.before + found.text + around.after)
    return _placed(found.text, found.over, place, confidence(candidate.logprobs), proven and not altered)


def _stands_in(snippets: Sequence[Snippet], name: str) -> bool:
    """Whether other files that were read have a name."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(word.search(each.text) for each in snippets)


async def _ordered(candidates: Sequence[Candidate], site: Site, trials: Trials | None) -> Sequence[Candidate]:
    """Candidates, the best first."""
    if len(candidates) < 2:
        return candidates
    told: dict[str, Candidate] = {}
    for each in candidates:
        told.setdefault(each.text, each)
    said = [choose.Candidate(each.text, tuple(each.logprobs), each.finish, each.merged) for each in told.values()]
    if trials is not None:
        await trials.run(list(told))
    verdicts = {} if trials is None else trials.verdicts
    return [told[found.candidate.text] for found in ranked(said, site, verdicts=verdicts)]


def _placed(text: str, over: int, place: Place, sure: float | None, proven: bool = False) -> Alternative:
    return Alternative(text.replace("\n", line_end(place.text)), place.offset + over, sure, proven)


def refused(place: Place, reason: str) -> Completion:
    """Nothing is shown, for a reason that is known without a model."""
    timing, tokens = Timing(0.0, 0.0, None, 0.0), Tokens(0, 0, 0)
    return Completion("", place.offset, place.offset, reason, None, "", timing, tokens)


def line_end(text: str) -> str:
    """How lines of a text end: as its first one does."""
    first = text.find("\n")
    if first < 0:
        return "\r" if "\r" in text else "\n"
    return "\r\n" if text[first - 1 : first] == "\r" else "\n"


def confidence(logprobs: Sequence[float]) -> float | None:
    """Geometric mean of probabilities given as logarithms; None for none."""
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else None


def _timing(answer: Answer, asked_at: float, now: float) -> Timing:
    first = None if answer.first_at is None else (answer.first_at - asked_at) * MILLISECONDS
    return Timing(
        queue_ms=(answer.started_at - asked_at) * MILLISECONDS,
        prefill_ms=answer.prefill_ms,
        first_token_ms=first,
        total_ms=(now - asked_at) * MILLISECONDS,
    )
