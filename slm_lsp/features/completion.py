"""A completion at the cursor: window, prompt, engine, filters, and the figures that go with it."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slm_lsp.config import CompletionSettings
from slm_lsp.context.anchor import Anchor, at_word
from slm_lsp.context.fim import Place, prompt, snippet_tokens, window
from slm_lsp.context.snippets import Snippet
from slm_lsp.engine.client import EngineClient
from slm_lsp.engine.protocol import Done, Generate, Loading, ModelInfo, Segment, Started, Stop, Token, Warm
from slm_lsp.errors import EngineLostError, PromptTooLongError
from slm_lsp.features.postprocess import Surroundings, postprocess, surroundings
from slm_lsp.index.names import secret_path

MILLISECONDS = 1e3

OTHER_TOKENS = 64
"""For the sentinels, the repository's name and the path."""

MIN_WINDOW_TOKENS = 64

HEAD_S = 10.0
"""How long the head of a prompt may take to evaluate, in the background, when it has changed."""

MIN_SNIPPET_TOKENS = 256
"""What is worth reading of other files even on slow machines."""

MAX_HALVINGS = 3
"""Scripts with more than one token a character exist, but hardly with more than eight times what is estimated."""

SECRET = "the file may hold keys or passwords, so the model does not read it"  # noqa: S105 - a reason

OnLoading = Callable[[float], None]
Clock = Callable[[], float]


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

    @property
    def tokens_per_second(self) -> float | None:
        """Speed of generation behind the first token."""
        seconds = (self.timing.total_ms - (self.timing.first_token_ms or 0.0)) / MILLISECONDS
        return (self.tokens.generated - 1) / seconds if self.tokens.generated > 1 and seconds > 0 else None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the engine said."""

    text: str
    logprobs: tuple[float, ...]
    started: Started
    started_at: float
    first_at: float | None
    done: Done


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a prompt is made of."""

    place: Place
    anchor: Anchor
    snippets: tuple[Snippet, ...]


async def complete(
    place: Place,
    model: Path,
    engine: EngineClient,
    settings: CompletionSettings,
    *,
    snippets: Sequence[Snippet] = (),
    anchor: Anchor | None = None,
    asked: bool = False,
    on_loading: OnLoading = lambda _: None,
    clock: Clock = time.monotonic,
) -> Completion:
    """One line at the cursor.

    Args:
        place: where the cursor is.
        model: path of a GGUF file.
        engine: the way to the engine; cancelling this coroutine cancels the request there.
        settings: budgets.
        snippets: of other files, the best last.
        anchor: where the prompt's prefix ends; by default just before the word at the cursor.
        asked: a person asked for it, rather than a pause in typing.
        on_loading: called with the fraction loaded while a model loads, and with 1 when the prompt's turn has come.
        clock: seconds, from any start.

    Raises:
        SlmError: whatever kept the engine from answering.
    """
    asked_at = clock()
    if secret_path(place.path):
        return _refused(place, SECRET)
    info = await describe(engine, model, asked, on_loading)
    around = surroundings(place.text, place.offset)
    answer = await _ask_fitting(
        engine,
        _Asked(place, anchor or at_word(place), tuple(snippets)),
        info,
        settings,
        Generate(0, str(model), (), settings.max_tokens, one_line(around), asked=asked),
        on_loading,
        clock,
    )
    suggestion = postprocess(answer.text, around)
    text = suggestion.text.replace("\n", line_end(place.text))
    return Completion(
        text=text,
        start=place.offset,
        end=place.offset,
        reason=suggestion.reason,
        confidence=confidence(answer.logprobs),
        backend=info.backend,
        timing=_timing(answer, asked_at, clock()),
        tokens=Tokens(answer.started.prompt_tokens, answer.started.reused_tokens, answer.done.generated_tokens),
    )


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


def _refused(place: Place, reason: str) -> Completion:
    """No completion, and no model asked."""
    timing, tokens = Timing(0.0, 0.0, None, 0.0), Tokens(0, 0, 0)
    return Completion("", place.offset, place.offset, reason, None, "", timing, tokens)


def segments(
    place: Place, anchor: Anchor, info: ModelInfo, settings: CompletionSettings, snippets: Sequence[Snippet] = ()
) -> tuple[Segment, ...]:
    """The prompt of a place for a model, as much of the document as the budgets and the model's context hold.

    Snippets that would take more than a third of the context are left out, the least of them first.
    """
    room = max(info.context_tokens - settings.max_tokens - OTHER_TOKENS, MIN_WINDOW_TOKENS)
    shown_snippets = _fitting(snippets, room // 3)
    room -= math.ceil(sum(map(snippet_tokens, shown_snippets)))
    suffix = min(settings.suffix_tokens, room // 4)
    shown = window(place, anchor.offset, min(settings.prefix_tokens, room - suffix), suffix)
    return prompt(place, shown, info.fim, shown_snippets)


def snippet_budget(info: ModelInfo, settings: CompletionSettings) -> int:
    """Tokens of other files that are read: as many as set, but no more than are evaluated in a pause."""
    if info.prefill_rate is None:
        return settings.snippet_tokens
    return min(settings.snippet_tokens, max(MIN_SNIPPET_TOKENS, int(info.prefill_rate * HEAD_S)))


def _fitting(snippets: Sequence[Snippet], tokens: float) -> tuple[Snippet, ...]:
    """The best snippets, which stand last, that fit; their order stays."""
    kept: list[Snippet] = []
    for each in reversed(snippets):
        tokens -= snippet_tokens(each)
        if tokens < 0:
            break
        kept.insert(0, each)
    return tuple(kept)


def one_line(around: Surroundings) -> Stop:
    """End with the line; behind a finished line the suggestion may be the next one."""
    behind_a_line = bool(around.before.strip()) and not around.after.strip()
    return Stop(("\n",), after_text=behind_a_line)


def line_end(text: str) -> str:
    """How lines of a text end: as its first one does."""
    first = text.find("\n")
    if first < 0:
        return "\r" if "\r" in text else "\n"
    return "\r\n" if text[first - 1 : first] == "\r" else "\n"


def confidence(logprobs: tuple[float, ...]) -> float | None:
    """Geometric mean of probabilities given as logarithms; None for none."""
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else None


async def describe(
    engine: EngineClient, model: Path, asked: bool = False, on_loading: OnLoading = lambda _: None
) -> ModelInfo:
    """What a model is, loaded if need be. Arguments and errors as in `complete`."""
    async for event in engine.describe(model, asked=asked):
        if isinstance(event, ModelInfo):
            return event
        on_loading(event.fraction)
    raise EngineLostError("The engine did not say what the model is.", "Ask again.")


async def _ask_fitting(
    engine: EngineClient,
    asked: _Asked,
    info: ModelInfo,
    settings: CompletionSettings,
    request: Generate,
    on_loading: OnLoading,
    clock: Clock,
) -> "_Answer":
    """Ask; where a text has more tokens than characters promised, ask again without snippets and with less of it."""
    for halvings in range(MAX_HALVINGS + 1):
        smaller = dataclasses.replace(
            settings,
            max_tokens=min(settings.max_tokens, info.context_tokens // 2),
            prefix_tokens=max(settings.prefix_tokens >> halvings, 1),
            suffix_tokens=max(settings.suffix_tokens >> halvings, 1),
        )
        whole = msgspec.structs.replace(
            request,
            segments=segments(asked.place, asked.anchor, info, smaller, () if halvings else asked.snippets),
            max_tokens=smaller.max_tokens,
        )
        try:
            return await _ask(engine, whole, on_loading, clock)
        except PromptTooLongError:
            if halvings == MAX_HALVINGS:
                raise
    raise EngineLostError("The engine ended a request without an answer.", "Ask again.")


async def _ask(engine: EngineClient, request: Generate, on_loading: OnLoading, clock: Clock) -> _Answer:
    text: list[str] = []
    logprobs: list[float] = []
    started: Started | None = None
    started_at, first_at = 0.0, None
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            if isinstance(event, Loading):
                on_loading(event.fraction)
            elif isinstance(event, Started):
                started, started_at = event, clock()
                on_loading(1.0)
            elif isinstance(event, Token):
                first_at = first_at or clock()
                text.append(event.text)
                logprobs.append(event.logprob)
            elif isinstance(event, Done) and started is not None:
                return _Answer("".join(text), tuple(logprobs), started, started_at, first_at, event)
    raise EngineLostError("The engine ended a request without an answer.", "Ask again.")


def _timing(answer: _Answer, asked_at: float, now: float) -> Timing:
    first = None if answer.first_at is None else (answer.first_at - asked_at) * MILLISECONDS
    return Timing(
        queue_ms=(answer.started_at - asked_at) * MILLISECONDS,
        prefill_ms=answer.done.prefill_ms,
        first_token_ms=first,
        total_ms=(now - asked_at) * MILLISECONDS,
    )
