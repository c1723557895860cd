"""What happens to one request between two batches: opening its session, choosing tokens, drafting, forking, ending.

All of it on the decoding thread. `Scheduler` decides whose turn it is; here nobody waits and nothing is locked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from slm_lsp.engine.api import Done, Generate, Started, Token, Warm
from slm_lsp.engine.backend import Slot
from slm_lsp.engine.daemon import candidates
from slm_lsp.engine.daemon.decode import GREEDY, Decoder, Step
from slm_lsp.engine.daemon.form import Form
from slm_lsp.engine.daemon.job import Job, Opening, Work
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.prompt import Prompt
from slm_lsp.engine.daemon.prompt_lookup import LENGTHS, DraftLength, Lookup
from slm_lsp.engine.daemon.session import Session
from slm_lsp.errors import PromptTooLongError, UsageError

MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class Part:
    """What a batch holds of one request: how many of its tokens, and the slot of the first wanted logits."""

    count: int
    logits: int | None


def start(job: Job, model: LoadedModel, now: float, seam_s: float) -> bool:
    """Open a session for a request that is to be evaluated; False where none is free yet.

    Args:
        job: of `Generate` or `Warm`.
        model: the model it names.
        now: by the scheduler's clock.
        seam_s: time to spend on suffix tokens at the seam of a splice.

    Raises:
        PromptTooLongError: prompt and answer do not fit the context.
        UsageError: the form of the answer makes no sense.
    """
    request = job.request
    if not isinstance(request, Generate | Warm):
        raise TypeError(f"{type(request).__name__} is not evaluated")
    if isinstance(request, Generate) and request.form:
        if any(each.heal for each in request.segments):
            raise UsageError("A form cannot be asked for behind a healed segment.")
        Form(request.form)
    wanted = model.prompt(request.segments)
    room = _room(request)
    longest = model.info.context_tokens
    if len(wanted.tokens) + room > longest:
        raise PromptTooLongError(
            f"The prompt has {len(wanted.tokens)} tokens; with {room} to generate, over {longest} in all.",
            "Raise `engine.context_tokens`, or ask about less text.",
        )
    answers = request.candidates if isinstance(request, Generate) else 1
    if model.sessions.free() < min(answers, model.sessions.count()):
        return False
    opened = model.sessions.open(wanted, room * answers, request.reuse, model.seam_tokens(seam_s))
    if opened is None:
        return False
    session, plan, lead = opened
    job.model, job.session, job.started = model, session, now
    if lead is not None:
        job.opening = Opening(plan, wanted)
        job.work = Work(lead.sequence, lead.start, list(lead.tokens), logits=0)
    else:
        job.work = _rest(session, wanted)
    if isinstance(request, Generate):
        _prepare(job, request, model, wanted)
    queue_ms = (now - job.arrived) * MILLISECONDS
    count = len(wanted.tokens)
    job.emit(Started(request.id, queue_ms, count, count - plan.evaluated(count), model.info.backend))
    return True


def _room(request: Generate | Warm) -> int:
    if isinstance(request, Warm):
        return 0
    return request.max_tokens + (max(LENGTHS) if request.draft else 0)


def _rest(session: Session, wanted: Prompt) -> Work:
    at = len(session.tokens)
    return Work(session.sequence, at, list(wanted.tokens[at:]))


def _prepare(job: Job, request: Generate, model: LoadedModel, wanted: Prompt) -> None:
    job.decoder = Decoder(
        model.backend.vocabulary,
        request.stop,
        request.max_tokens,
        wanted.forced,
        model.pieces,
        GREEDY if request.candidates > 1 else request.sampling,
        infill_end=request.infill_end,
        form=Form(request.form) if request.form else None,
    )
    if request.draft:
        job.lookup = Lookup(model.tokens(request.draft))
        job.draft_length = DraftLength(model.draft_costs)


def fill(jobs: Iterable[Job], chunk: int, limit: int) -> tuple[list[Slot], dict[Job, Part]]:
    """One batch for several requests: answers first, a few tokens each, then prompts in order of arrival.

    Args:
        jobs: the requests.
        chunk: tokens of prompts in one batch.
        limit: tokens in one batch; drafts may fill it.
    """
    slots: list[Slot] = []
    parts: dict[Job, Part] = {}
    for job in sorted(jobs, key=lambda each: (each.decoder is None or not each.said, each.arrived)):
        work = job.work
        if work is None:
            continue
        count = min(len(work.tokens), (limit if job.said else chunk) - len(slots))
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
    """Forget the cells of a batch that was given up or failed; the request stands where it stood before."""
    if job.model is None or job.session is None or job.work is None:
        return
    if job.work.sequence == job.session.sequence:
        job.model.sessions.cut(job.session, len(job.session.tokens))
    else:
        job.model.backend.remove(job.work.sequence, job.work.start, -1)


def release(job: Job) -> None:
    """Give up the session of a request that is over, however it ended."""
    if job.model is None or job.session is None:
        return
    if job.opening is not None:
        job.model.sessions.release_scratch()
        job.opening = None
    job.model.sessions.close(job.session)
    job.session = None


def advance(job: Job, part: Part, now: float) -> list[Job] | None:
    """Take note of evaluated tokens; where their logits are there, choose what comes next.

    Returns:
        None when the request, or this candidate, is over; else the requests that run on: it and new candidates.
    """
    model, session, work = job.model, job.session, job.work
    if model is None or session is None or work is None:
        raise RuntimeError("a running request without a session")
    base = len(session.tokens)
    if work.sequence == session.sequence:
        session.tokens += work.tokens[: part.count]
    work.start += part.count
    del work.tokens[: part.count]
    if work.tokens:
        return [job]
    if job.opening is not None:
        model.sessions.splice(session, job.opening.plan, job.opening.prompt)
        job.work, job.opening = _rest(session, job.opening.prompt), None
        return [job]
    if job.decoder is None or part.logits is None:
        job.first_token = now
        return None
    if job.first_token is not None:
        job.batches += 1
        return [job] if _speak(job, model, session, base, part.logits, now) else None
    family = [job, *candidates.sampled(job, model, session)]
    return [each for each in family if _speak(each, model, each.session, None, part.logits, now)] or None


def _speak(job: Job, model: LoadedModel, session: Session | None, base: int | None, first: int, now: float) -> bool:
    """Choose tokens from the logits of a batch: one, and one more for each drafted token that was right.

    Args:
        job: the request.
        model: its model.
        session: its session.
        base: tokens the session held before a batch with drafts; None behind a prompt.
        first: the slot of the first logits.
        now: by the scheduler's clock.

    Returns:
        Whether the answer goes on.
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
            _go_on(child, model, cells, other)
        step = job.decoder.choose(found)
        _emit(job, step)
        if step.token is None or accepted >= len(job.drafted) or step.token != job.drafted[accepted]:
            break
        accepted += 1
    if base is not None and job.drafted:
        model.sessions.cut(session, base + 1 + accepted)
    job.draft_length.note(len(job.drafted), accepted)
    return _go_on(job, model, session, step)


def _go_on(job: Job, model: LoadedModel, session: Session, step: Step) -> bool:
    """Have the chosen token evaluated next, with what is drafted behind it; False at the end of the answer."""
    if step.token is None:
        job.finish = step.finish or "end"
        return False
    job.drafted = _draft(job, model)
    tokens = [step.token, *job.drafted]
    job.work = Work(session.sequence, len(session.tokens), tokens, logits=len(tokens))
    return True


def _emit(job: Job, step: Step) -> None:
    if step.token is not None:
        job.said.append(step.token)
    token = Token(job.request.id, step.text, step.logprob, job.candidate, step.finish)
    job.spoken.append(token)
    job.emit(token)


def _draft(job: Job, model: LoadedModel) -> list[int]:
    if job.lookup is None or job.decoder is None:
        return []
    # Without the time of a single decode nobody knows what a draft costs: the first few tokens are plain.
    length = job.draft_length.best() if model.decode_s is not None else 0
    return job.lookup.draft(job.said, min(length, job.decoder.left - 1))


def done(family: list[Job], now: float) -> Done:
    """The last event of a request, all candidates of which are over."""
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
