"""Generate several candidates for an edit, clean and check them, and propose the best candidate as hunks."""

import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from slm_lsp.context.chat import render
from slm_lsp.context.fim import CHARACTERS_PER_TOKEN
from slm_lsp.engine.api import (
    Done,
    Generate,
    OnLoading,
    Priority,
    Provider,
    Sampling,
    Started,
    Stop,
    Token,
    ignore_loading,
)
from slm_lsp.errors import UsageError
from slm_lsp.features.edit.cleaning import Rejected, clean, with_line_ends
from slm_lsp.features.edit.hunks import Hunk, hunks
from slm_lsp.features.edit.prompt import EditPrompt, edit_prompt
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.verify.verdict import Verdict
from slm_lsp.privacy.paths import is_secret_path
from slm_lsp.privacy.secrets import mask

GROWTH = 1.5
"""The token limit of an answer is the estimated number of tokens of the unit times `GROWTH`, plus `MORE_TOKENS`."""

MORE_TOKENS = 160

MILLISECONDS = 1e3

UNCHANGED = "the model returned the code unchanged"

Checks = Callable[[str], Awaitable[Verdict]]
"""Checks the document after an edit."""


@dataclass(frozen=True, slots=True)
class EditCandidate:
    """A usable answer of the model."""

    text: str
    """The document after the edit."""
    hunks: tuple[Hunk, ...]
    verdict: Verdict
    likelihood: float
    """Log-probability of the answer divided by its number of tokens."""

    @property
    def rank(self) -> tuple[float, ...]:
        """Sort key: fewer failed checks first, then fewer changed characters, then the likelier answer."""
        size = sum(len(each.old) + len(each.new) for each in self.hunks)
        return (len(self.verdict.failed), size, -self.likelihood)


@dataclass(frozen=True, slots=True)
class Proposal:
    """The edit that is proposed to the user, or the reason why no edit is proposed."""

    request: EditRequest
    candidates: tuple[EditCandidate, ...]
    """The usable answers, the best first."""
    reason: str | None
    prompt_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0

    @property
    def best(self) -> EditCandidate | None:
        """The candidate to show."""
        return self.candidates[0] if self.candidates else None


@dataclass(frozen=True, slots=True)
class EditProgress:
    """Functions that are called while an edit is made."""

    on_loading: OnLoading = ignore_loading
    on_text: Callable[[str], None] = lambda _: None
    """Called with the text of the greedy answer whenever it has grown."""


@dataclass(slots=True)
class _Answer:
    text: str = ""
    logprob: float = 0.0
    tokens: int = 0
    finish: str | None = None


async def propose(
    request: EditRequest, provider: Provider, checks: Checks, progress: EditProgress | None = None
) -> Proposal:
    """Propose an edit. Cancelling this coroutine cancels the request to the provider.

    Args:
        request: what to rewrite, and how.
        provider: runs the model.
        checks: checks the document with a candidate in it.
        progress: called while the answers are generated.

    Raises:
        UsageError: the instruction is empty, or the unit does not fit the model's context.
        SlmError: the provider could not answer.
    """
    _refuse_unusable(request)
    progress = progress or EditProgress()
    info = await provider.describe(request.model, explicit=True, on_loading=progress.on_loading)
    prompt = edit_prompt(request)
    chat = render(prompt.messages, info.chat, prompt.prefill)
    limit = min(request.max_tokens, math.ceil(len(prompt.code) / CHARACTERS_PER_TOKEN * GROWTH) + MORE_TOKENS)
    message = Generate(
        request.model,
        chat.segments,
        limit,
        Stop((*chat.stop, "\n```")),
        priority=Priority.EDIT,
        explicit=True,
        draft=prompt.code,
        candidates=request.candidates,
        sampling=Sampling(request.temperature, seed=request.seed) if request.candidates > 1 else Sampling(),
    )
    answers, started = await _answers(provider, message, prompt, progress)
    usable, reasons = await _usable(request, prompt, answers, checks)
    return Proposal(
        request=request,
        candidates=tuple(sorted(usable, key=lambda each: each.rank)),
        reason=None if usable else reasons[0] if reasons else UNCHANGED,
        prompt_tokens=0 if started is None else started.prompt_tokens,
        reused_tokens=0 if started is None else started.reused_tokens,
        generated_tokens=sum(each.tokens for each in answers),
    )


def _refuse_unusable(request: EditRequest) -> None:
    """Raise `UsageError` if the instruction is empty or if the model must not read the unit."""
    if not request.instruction.strip():
        raise UsageError("The instruction is empty.", "Say what to change, for example -i 'add type hints'.")
    if is_secret_path(request.path):
        raise UsageError(f"{request.path} may hold keys or passwords, so the model does not read it.")
    unit = request.surrounding.unit
    if mask(unit) != unit:
        raise UsageError(
            f"The code to edit in {request.path} contains a key or password, so the model does not read it.",
            "Select lines without it, or move the secret out of the code.",
        )


async def _answers(
    provider: Provider, message: Generate, prompt: EditPrompt, progress: EditProgress
) -> tuple[list[_Answer], Started | None]:
    answers = [_Answer() for _ in range(message.candidates)]
    started = None
    async with aclosing(provider.generate(message)) as events:
        async for event in events:
            if isinstance(event, Started):
                started = event
                progress.on_loading(1.0)
            elif isinstance(event, Token):
                answer = answers[event.candidate]
                answer.text += event.text
                answer.logprob += event.logprob
                answer.tokens += 1
                answer.finish = event.finish
                if event.candidate == 0 and event.text:
                    progress.on_text(prompt.start + answer.text)
            elif isinstance(event, Done):
                break
    return [each for each in answers if each.finish is not None], started


async def _usable(
    request: EditRequest, prompt: EditPrompt, answers: Sequence[_Answer], checks: Checks
) -> tuple[list[EditCandidate], list[str]]:
    """Clean and check the answers. Equal answers are checked once and get their highest likelihood."""
    found: dict[str, EditCandidate] = {}
    reasons: list[str] = []
    for each in answers:
        finished = each.finish != "length"
        new = clean(prompt.start + each.text, request.surrounding, finished=finished, fenced=True)
        if isinstance(new, Rejected):
            reasons.append(new.reason)
            continue
        text = request.applied(with_line_ends(new, request.text))
        likelihood = each.logprob / max(each.tokens, 1)
        if text in found:
            found[text] = replace(found[text], likelihood=max(found[text].likelihood, likelihood))
        elif text == request.text:
            reasons.append(UNCHANGED)
        else:
            found[text] = EditCandidate(text, hunks(request.text, text), await checks(text), likelihood)
    return list(found.values()), reasons
