"""Generate several candidates for an edit, clean and check them, and propose the best candidate as hunks."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
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
from slm_lsp.features.edit.imports import EditedUnit, with_imports
from slm_lsp.features.edit.prompt import EditPrompt, edit_prompt
from slm_lsp.features.edit.repeated import without_repeated_definitions
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
    answers: int = 1
    """Number of answers with this text."""

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


@dataclass(slots=True)
class _Answers:
    """The answers to one request while they are generated."""

    all: list[_Answer]
    started: Started | None = None


async def propose(
    request: EditRequest,
    provider: Provider,
    checks: Checks,
    progress: EditProgress | None = None,
    final: Checks | None = None,
) -> Proposal:
    """Propose an edit. Cancelling this coroutine cancels the request to the provider.

    Args:
        request: what to rewrite, and how.
        provider: runs the model.
        checks: checks the document with a candidate in it.
        progress: called while the answers are generated.
        final: costly checks, such as the user's tests. They run on one candidate after the other until one passes.

    Raises:
        UsageError: the instruction is empty, or the unit does not fit the model's context.
        SlmError: the provider could not answer.
    """
    await asyncio.to_thread(_refuse_unusable, request)
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
    answers = _Answers([_Answer() for _ in range(message.candidates)])
    usable, reasons = await _usable(request, prompt, _finished(provider, message, prompt, answers, progress), checks)
    usable = await until_one_passes(usable, final) if final else usable
    started = answers.started
    return Proposal(
        request=request,
        candidates=tuple(sorted(usable, key=lambda each: each.rank)),
        reason=None if usable else reasons[0] if reasons else UNCHANGED,
        prompt_tokens=0 if started is None else started.prompt_tokens,
        reused_tokens=0 if started is None else started.reused_tokens,
        generated_tokens=sum(each.tokens for each in answers.all),
    )


async def until_one_passes(candidates: Sequence[EditCandidate], final: Checks) -> list[EditCandidate]:
    """Run costly checks on candidates, the best first, until no check of a candidate has failed.

    The costly checks do not run on candidates that already failed a check, nor on those after the one that passes.
    """
    found = sorted(candidates, key=lambda each: each.rank)
    for at, each in enumerate(found):
        if each.verdict.failed:
            continue
        more = await final(each.text)
        found[at] = replace(each, verdict=each.verdict.with_checks(more.checks))
        if not more.failed:
            break
    return found


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


async def _finished(
    provider: Provider, message: Generate, prompt: EditPrompt, answers: _Answers, progress: EditProgress
) -> AsyncGenerator[_Answer, None]:
    """Generate the answers and yield each as soon as it is finished.

    The engine goes on with the other answers while the caller works on one. Closing this generator stops the engine.
    """
    async with aclosing(provider.generate(message)) as events:
        async for event in events:
            if isinstance(event, Started):
                answers.started = event
                progress.on_loading(1.0)
            elif isinstance(event, Token):
                answer = answers.all[event.candidate]
                answer.text += event.text
                answer.logprob += event.logprob
                answer.tokens += 1
                answer.finish = event.finish
                if event.candidate == 0 and event.text:
                    progress.on_text(prompt.start + answer.text)
                if event.finish is not None:
                    yield answer
            elif isinstance(event, Done):
                break


def _document(request: EditRequest, new_unit: str) -> str:
    """Return the document with the new unit and the imports that it needs."""
    unit = request.unit
    edited = EditedUnit(
        request.applied(new_unit),
        unit.start,
        unit.start + len(new_unit),
        request.text,
        request.text[unit.start : unit.end],
    )
    return with_imports(edited, request.language)


async def _usable(
    request: EditRequest, prompt: EditPrompt, finished: AsyncGenerator[_Answer, None], checks: Checks
) -> tuple[list[EditCandidate], list[str]]:
    """Clean and check the answers. Equal answers become one candidate with the highest of their likelihoods."""
    found: dict[str, EditCandidate] = {}
    reasons: list[str] = []
    async with aclosing(finished):
        async for each in finished:
            text = await asyncio.to_thread(_applied, request, prompt.start + each.text, each.finish != "length")
            if isinstance(text, Rejected):
                reasons.append(text.reason)
                continue
            likelihood = each.logprob / max(each.tokens, 1)
            if (same := found.get(text)) is not None:
                found[text] = replace(same, likelihood=max(same.likelihood, likelihood), answers=same.answers + 1)
            elif text == request.text:
                reasons.append(UNCHANGED)
            else:
                verdict = await checks(text)
                changes = await asyncio.to_thread(hunks, request.text, text)
                found[text] = EditCandidate(text, changes, verdict, likelihood)
                if request.first_pass and verdict.passed("tests") and not verdict.failed:
                    break
    return list(found.values()), reasons


def _applied(request: EditRequest, answer: str, finished: bool) -> str | Rejected:
    """Return the document with a cleaned answer in place of the unit, and the imports that it needs."""
    new = clean(answer, request.surrounding, finished=finished, fenced=True)
    if isinstance(new, Rejected):
        return new
    return _document(request, without_repeated_definitions(request, with_line_ends(new, request.text)))
