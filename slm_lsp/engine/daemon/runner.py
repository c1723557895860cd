"""The steps of one request between two batches: opening its session, choosing tokens, drafting, forking, ending.

All functions run on the decoding thread. `Scheduler` decides which request is next. No function here waits or locks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from slm_lsp.engine.api import Done, Generate, Started, Token, Warm
from slm_lsp.engine.backend import Slot
from slm_lsp.engine.daemon import candidates
from slm_lsp.engine.daemon.decode import GREEDY, Decoder, Step
from slm_lsp.engine.daemon.form import Form
from slm_lsp.engine.daemon.healing import Healing
from slm_lsp.engine.daemon.job import Job, Work
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.prompt import Prompt
from slm_lsp.engine.daemon.prompt_lookup import LENGTHS, DraftLength, PromptLookup
from slm_lsp.engine.daemon.session import Session
from slm_lsp.errors import PromptTooLongError, UsageError

MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a batch that belongs to one request."""

    count: int
    """Number of the request's tokens in the batch."""
    logits: int | None
    """Index of the request's first slot with logits; None if no token of the request has logits in this batch."""


def start(job: Job, model: LoadedModel, now: float) -> bool:
    """Open a session for a request. Return False if no session or not enough cells are free yet.

    Args:
        job: a job of `Generate` or `Warm`.
        model: the model that the request names.
        now: time by the scheduler's clock.

    Raises:
        PromptTooLongError: the prompt and the answer do not fit in the context.
        UsageError: the request's form is not a regular expression, or is combined with a healed segment.
    """
    request = job.request
    if not isinstance(request, Generate | Warm):
        raise TypeError(f"{type(request).__name__} is not evaluated")
    if isinstance(request, Generate) and request.form:
        if any(each.heal for each in request.segments):
            raise UsageError("`form` cannot be combined with a healed segment.")
        Form(request.form)
    wanted = model.prompt(request.segments)
    room = _room(request)
    longest = model.info.context_tokens
    if len(wanted.tokens) + room > longest:
        raise PromptTooLongError(
            f"The prompt ({len(wanted.tokens)} tokens) and the answer (up to {room}) exceed the context of {longest}.",
            "Increase `engine.context_tokens`, or send less text.",
        )
    answers = request.candidates if isinstance(request, Generate) else 1
    if model.sessions.free() < min(answers, model.sessions.count()):
        return False
    fresh = isinstance(request, Generate) and request.fresh
    session = model.sessions.open(wanted.tokens, room * answers, fresh=fresh)
    if session is None:
        return False
    reused = len(session.tokens)
    job.model, job.session, job.started = model, session, now
    job.work = Work(session.sequence, reused, list(wanted.tokens[reused:]))
    if isinstance(request, Generate):
        _prepare(job, request, model, wanted)
    queue_ms = (now - job.arrived) * MILLISECONDS
    job.emit(Started(request.id, queue_ms, len(wanted.tokens), reused, model.info.backend))
    return True


def _room(request: Generate | Warm) -> int:
    """Return the number of cells that the answer may need."""
    if isinstance(request, Warm):
        return 0
    return request.max_tokens + (max(LENGTHS) if request.draft else 0)


def _prepare(job: Job, request: Generate, model: LoadedModel, wanted: Prompt) -> None:
    job.decoder = Decoder(
        model.backend.vocabulary,
        request.stop,
        request.max_tokens,
        Healing(wanted.forced, model.pieces),
        GREEDY if request.candidates > 1 else request.sampling,
        infill_end=request.infill_end,
        form=Form(request.form) if request.form else None,
    )
    if request.draft:
        job.lookup = PromptLookup(model.tokens(request.draft))
        job.draft_length = DraftLength(model.draft_costs)


def fill(jobs: Iterable[Job], chunk: int, limit: int) -> tuple[list[Slot], dict[Job, Part]]:
    """Build one batch for several requests: answers first, a few tokens each, then prompts in order of arrival.

    Args:
        jobs: the requests.
        chunk: maximum number of prompt tokens in one batch.
        limit: maximum number of tokens in one batch; drafts may fill it.
    """
    slots: list[Slot] = []
    parts: dict[Job, Part] = {}
    for job in sorted(jobs, key=lambda each: (each.decoder is None or not each.generated, each.arrived)):
        work = job.work
        if work is None:
            continue
        count = min(len(work.tokens), (limit if job.generated else chunk) - len(slots))
        if count <= 0 or (work.logits > 1 and count < len(work.tokens)):
            continue
        wanted = work.logits if count == len(work.tokens) else 0
        slots += _slots(work, count, wanted)
        parts[job] = Part(count, len(slots) - wanted if wanted else None)
    return slots, parts


def _slots(work: Work, count: int, wanted: int) -> Iterator[Slot]:
    for index, token in enumerate(work.tokens[:count]):
        yield Slot(token, work.start + index, work.sequence, index >= count - wanted)


def undo(job: Job) -> None:
    """Remove the cells of a batch that was interrupted or failed, which restores the request's state before it."""
    if job.model is not None and job.session is not None:
        job.model.sessions.cut(job.session, len(job.session.tokens))


def release(job: Job) -> None:
    """Close the session of a request that ended."""
    if job.model is None or job.session is None:
        return
    job.model.sessions.close(job.session)
    job.session = None


def advance(job: Job, part: Part, now: float) -> list[Job] | None:
    """Record evaluated tokens. If their logits are available, choose the next tokens.

    Returns:
        None when the request, or this candidate, is complete; otherwise the jobs that continue: this one and any new
        candidates.
    """
    model, session, work = job.model, job.session, job.work
    if model is None or session is None or work is None:
        raise RuntimeError("a running request without a session")
    base = len(session.tokens)
    session.tokens += work.tokens[: part.count]
    work.start += part.count
    del work.tokens[: part.count]
    if work.tokens:
        return [job]
    if job.decoder is None or part.logits is None:
        job.first_token = now
        return None
    if job.first_token is not None:
        job.batches += 1
        return [job] if _choose_tokens(job, model, session, base, part.logits, now) else None
    family = [job, *candidates.sampled(job, model, session)]
    return [each for each in family if _choose_tokens(each, model, each.session, None, part.logits, now)] or None


def _choose_tokens(
    job: Job, model: LoadedModel, session: Session | None, base: int | None, first: int, now: float
) -> bool:
    """Choose one token from the logits of a batch, and one more token for each drafted token that was right.

    Args:
        job: the request.
        model: the request's model.
        session: the request's session.
        base: number of tokens in the session before the batch; None for the first token of the answer.
        first: index of the request's first slot with logits.
        now: time by the scheduler's clock.

    Returns:
        True if the answer continues.
    """
    if job.decoder is None or session is None:
        raise RuntimeError("a running request without a decoder")
    job.first_token = now if job.first_token is None else job.first_token
    accepted = 0
    while True:
        found = job.decoder.weigh(model.backend.logits(first + accepted))
        if (branch := candidates.branch(job, model, session, found)) is not None:
            child, cells, other = branch
            _emit(child, other)
            _continue(child, model, cells, other)
        step = job.decoder.choose(found)
        _emit(job, step)
        if step.token is None or accepted >= len(job.drafted) or step.token != job.drafted[accepted]:
            break
        accepted += 1
    if base is not None and job.drafted:
        model.sessions.cut(session, base + 1 + accepted)
    job.draft_length.note(len(job.drafted), accepted)
    return _continue(job, model, session, step)


def _continue(job: Job, model: LoadedModel, session: Session, step: Step) -> bool:
    """Queue the chosen token and the draft after it for the next batch. Return False at the end of the answer."""
    if step.token is None:
        job.finish = step.finish or "end"
        return False
    job.drafted = _draft(job, model)
    tokens = [step.token, *job.drafted]
    job.work = Work(session.sequence, len(session.tokens), tokens, logits=len(tokens))
    return True


def _emit(job: Job, step: Step) -> None:
    if step.token is not None:
        job.generated.append(step.token)
    token = Token(job.request.id, step.text, step.logprob, job.candidate, step.finish)
    job.emitted.append(token)
    job.emit(token)


def _draft(job: Job, model: LoadedModel) -> list[int]:
    if job.lookup is None or job.decoder is None:
        return []
    # The cost of a draft is unknown until a batch of one token was timed, so the first tokens have no drafts.
    length = job.draft_length.best() if model.decode_s is not None else 0
    return job.lookup.draft(job.generated, min(length, job.decoder.left - 1))


def done(family: list[Job], now: float) -> Done:
    """Return the last event of a request whose candidates are all complete."""
    head = family[0]
    first = head.first_token if head.first_token is not None else now
    decoders = [each.decoder for each in family if each.decoder is not None]
    return Done(
        id=head.request.id,
        finish=head.finish or "end",
        generated_tokens=sum(each.generated for each in decoders),
        prefill_ms=(first - head.started) * MILLISECONDS,
        decode_ms=(now - first) * MILLISECONDS,
        entropy=decoders[0].entropy or 0.0 if decoders else 0.0,
        batches=max(each.batches for each in family),
    )
