"""One request to the engine: the answer as it grows, and the figures that go with it."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from slm_lsp.config import CompletionSettings
from slm_lsp.context.anchor import Anchor
from slm_lsp.context.fim import Place
from slm_lsp.context.snippets import Snippet
from slm_lsp.context.window import segments
from slm_lsp.engine.api import Done, Finish, Generate, Loading, ModelInfo, Started, Token
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import EngineLostError, PromptTooLongError
from slm_lsp.features.completion.alternatives import Race

MILLISECONDS = 1e3

MAX_HALVINGS = 3
"""Scripts with more than one token a character exist, but hardly with more than eight times what is estimated."""

OnLoading = Callable[[float], None]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a prompt is made of."""

    place: Place
    anchor: Anchor
    snippets: tuple[Snippet, ...]


@dataclass(slots=True)
class Candidate:
    """One answer, as far as it has come."""

    text: str = ""
    logprobs: list[float] = field(default_factory=list)
    """Of its tokens, and of what ended it."""
    whole: bool = False
    """Whether it has ended where it should, rather than at the limit of tokens."""
    finish: Finish | None = None
    """How it has ended; None while it has not, and where the caller had enough."""
    merged: bool = False
    """Whether the token that ended it said something too."""


@dataclass(slots=True)
class Answer:
    """What the engine said so far; times by the clock that was given."""

    candidates: list[Candidate]
    started: Started | None = None
    started_at: float = 0.0
    first_at: float | None = None
    generated: int = 0
    prefill_ms: float = 0.0
    entropy: float | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """Who follows an answer."""

    on_loading: OnLoading = lambda _: None
    """Called with the fraction loaded while a model loads, and with 1 when the prompt's turn has come."""
    on_text: Callable[[Candidate], None] = lambda _: None
    """Called with the first candidate whenever its text has grown."""
    enough: Callable[[Candidate], int | None] = lambda _: None
    """Where in the first candidate's text the answer may end although the engine would go on; None: go on."""
    race: Race | None = None
    """Hears of every token; when it is decided nobody waits for the candidates that are not whole."""


async def ask(
    engine: EngineClient,
    asked: Asked,
    info: ModelInfo,
    settings: CompletionSettings,
    request: Generate,
    listener: Listener,
    clock: Clock = time.monotonic,
) -> Answer:
    """Ask; where a text has more tokens than characters promised, ask again without snippets and with less of it.

    Raises:
        SlmError: the engine could not answer.
    """
    for halvings in range(MAX_HALVINGS + 1):
        smaller = dataclasses.replace(
            settings,
            prefix_tokens=max(settings.prefix_tokens >> halvings, 1),
            suffix_tokens=max(settings.suffix_tokens >> halvings, 1),
        )
        snippets: Sequence[Snippet] = () if halvings else asked.snippets
        whole = msgspec.structs.replace(
            request,
            segments=segments(asked.place, asked.anchor, info, smaller, snippets),
            max_tokens=min(request.max_tokens, info.context_tokens // 2),
        )
        try:
            return await _follow(engine, whole, listener, clock)
        except PromptTooLongError:
            if halvings == MAX_HALVINGS:
                raise
    raise _no_answer()


async def _follow(engine: EngineClient, request: Generate, listener: Listener, clock: Clock) -> Answer:
    answer = Answer([Candidate() for _ in range(request.candidates)])
    first = answer.candidates[0]
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            if isinstance(event, Loading):
                listener.on_loading(event.fraction)
            elif isinstance(event, Started):
                answer.started, answer.started_at = event, clock()
                listener.on_loading(1.0)
            elif isinstance(event, Token):
                _note(answer, event, clock)
                if listener.race is not None:
                    listener.race.note(event)
                    if event.finish is not None:
                        await listener.race.tried()
                    if listener.race.decided:
                        return _whole(answer)
                if event.candidate == 0:
                    if event.text:
                        listener.on_text(first)
                    if (end := listener.enough(first)) is not None:
                        first.text, first.whole = first.text[:end], True
                        return answer
            elif isinstance(event, Done) and answer.started is not None:
                answer.prefill_ms, answer.entropy = event.prefill_ms, event.entropy
                return _whole(answer)
    raise _no_answer()


def _whole(answer: Answer) -> Answer:
    """Without the candidates that are not whole, or never began."""
    answer.candidates = [each for each in answer.candidates if each.finish is not None]
    return answer


def _note(answer: Answer, token: Token, clock: Clock) -> None:
    candidate = answer.candidates[token.candidate]
    generated = token.finish != "end"
    if answer.first_at is None and generated:
        answer.first_at = clock()
        if answer.started is not None:
            answer.prefill_ms = (answer.first_at - answer.started_at) * MILLISECONDS
    candidate.text += token.text
    candidate.logprobs.append(token.logprob)
    candidate.finish, candidate.merged = token.finish, token.text != ""
    candidate.whole = token.finish in ("end", "stop")
    answer.generated += generated


async def describe(
    engine: EngineClient, model: Path, asked: bool = False, on_loading: OnLoading = lambda _: None
) -> ModelInfo:
    """What a model is, loaded if need be.

    Args:
        engine: the way to the engine.
        model: path of a GGUF file.
        asked: a person asked for it, so that earlier crashes are forgiven.
        on_loading: see `Listener`.

    Raises:
        SlmError: it cannot be loaded.
    """
    async for event in engine.describe(model, asked=asked):
        if isinstance(event, ModelInfo):
            return event
        on_loading(event.fraction)
    raise EngineLostError("The engine did not say what the model is.", "Ask again.")


def _no_answer() -> EngineLostError:
    return EngineLostError("The engine ended a request without an answer.", "Ask again.")
