"""Send a completion request to a provider and collect the candidates as they grow, with timings."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import msgspec

from slm_lsp.context.window import PromptParts, segments
from slm_lsp.engine.api import (
    Done,
    Finish,
    Generate,
    Loading,
    ModelInfo,
    OnLoading,
    Provider,
    Started,
    Token,
    ignore_loading,
)
from slm_lsp.errors import EngineLostError, PromptTooLongError
from slm_lsp.features.completion.alternatives import Race
from slm_lsp.features.completion.request import CompletionRequest

MILLISECONDS = 1e3

MAX_HALVINGS = 3
"""Maximum number of times that the token budgets are halved when a prompt has more tokens than estimated. Some writing
systems have more than one token per character, but a prompt hardly ever has more than eight times the estimated number
of tokens."""

Clock = Callable[[], float]
"""Returns seconds since any fixed time."""


@dataclass(slots=True)
class Growing:
    """A candidate that is being generated."""

    text: str = ""
    logprobs: list[float] = field(default_factory=list)
    """Log-probabilities of the candidate's tokens, including the token that ended it."""
    whole: bool = False
    """Whether the model or a stop string ended the candidate, rather than the token limit."""
    finish: Finish | None = None
    """Why the candidate ended; None while it grows or if the caller stopped it."""
    merged: bool = False
    """Whether the token that ended the candidate also contributed text."""


@dataclass(slots=True)
class Generation:
    """The provider's answers so far. Times are readings of the caller's clock."""

    candidates: list[Growing]
    started: Started | None = None
    started_at: float = 0.0
    first_at: float | None = None
    generated: int = 0
    prefill_ms: float = 0.0
    entropy: float | None = None


async def _ignore_text(_: Growing) -> None:
    """Do nothing: the default for `Callbacks.on_text`."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Functions that are called while candidates grow."""

    on_loading: OnLoading = ignore_loading
    """Called with the loaded fraction while the model loads, and with 1 when the evaluation of the prompt starts."""
    on_text: Callable[[Growing], Awaitable[None]] = _ignore_text
    """Called with the first candidate whenever its text has grown."""
    stop_at: Callable[[Growing], int | None] = lambda _: None
    """Returns the length at which the first candidate is cut and the request ends; None to continue."""
    race: Race | None = None
    """Receives every token. When the race is decided, the request ends without waiting for unfinished candidates."""


async def generate(
    provider: Provider,
    request: CompletionRequest,
    info: ModelInfo,
    options: Generate,
    callbacks: Callbacks,
    clock: Clock = time.monotonic,
) -> Generation:
    """Generate candidates. If the prompt is too long, retry without snippets and with half the token budgets.

    Args:
        provider: runs the model.
        request: what to complete, and the token budgets.
        info: description of the model.
        options: the message to the provider, without its prompt.
        callbacks: called while the candidates grow.
        clock: returns the times that are stored in the result.

    Raises:
        SlmError: the provider could not answer.
    """
    settings = request.settings
    for halvings in range(MAX_HALVINGS + 1):
        smaller = dataclasses.replace(
            settings,
            prefix_tokens=max(settings.prefix_tokens >> halvings, 1),
            suffix_tokens=max(settings.suffix_tokens >> halvings, 1),
        )
        parts = PromptParts(request.parts.cursor, request.parts.anchor) if halvings else request.parts
        message = msgspec.structs.replace(
            options,
            # In a thread, because this parses the window of a long file and masks its secrets.
            segments=await asyncio.to_thread(segments, parts, info, smaller),
            max_tokens=min(options.max_tokens, info.context_tokens // 2),
        )
        try:
            return await _follow(provider, message, callbacks, clock)
        except PromptTooLongError:
            if halvings == MAX_HALVINGS:
                raise
    raise _no_answer()


async def _follow(provider: Provider, message: Generate, callbacks: Callbacks, clock: Clock) -> Generation:
    generation = Generation([Growing() for _ in range(message.candidates)])
    first, race = generation.candidates[0], callbacks.race
    async with aclosing(provider.generate(message)) as events:
        async for event in events:
            if isinstance(event, Loading):
                callbacks.on_loading(event.fraction)
            elif isinstance(event, Started):
                generation.started, generation.started_at = event, clock()
                callbacks.on_loading(1.0)
            elif isinstance(event, Token):
                _note(generation, event, clock)
                if race is not None:
                    await race.add(event)
                    if race.decided:
                        return _finished(generation)
                if event.candidate == 0:
                    if event.text:
                        await callbacks.on_text(first)
                    if (end := callbacks.stop_at(first)) is not None:
                        first.text, first.whole = first.text[:end], True
                        return generation
            elif isinstance(event, Done) and generation.started is not None:
                generation.prefill_ms, generation.entropy = event.prefill_ms, event.entropy
                return _finished(generation)
    raise _no_answer()


def _finished(generation: Generation) -> Generation:
    """Return the generation without the candidates that have not ended."""
    generation.candidates = [each for each in generation.candidates if each.finish is not None]
    return generation


def _note(generation: Generation, token: Token, clock: Clock) -> None:
    candidate = generation.candidates[token.candidate]
    is_text = token.finish != "end"
    if generation.first_at is None and is_text:
        generation.first_at = clock()
        if generation.started is not None:
            generation.prefill_ms = (generation.first_at - generation.started_at) * MILLISECONDS
    candidate.text += token.text
    candidate.logprobs.append(token.logprob)
    candidate.finish, candidate.merged = token.finish, token.text != ""
    candidate.whole = token.finish in ("end", "stop")
    generation.generated += is_text


def _no_answer() -> EngineLostError:
    return EngineLostError("The engine ended a request without an answer.", "Try again.")
