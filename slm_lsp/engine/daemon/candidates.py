"""Alternative answers to one prompt, decoded together with the greedy answer.

The alternatives are either sampled, or branch off at tokens of the greedy answer that have a low probability. If all
tokens of the greedy answer are likely, no branch is decoded.
"""

import math
from collections.abc import Iterator

import msgspec

from slm_lsp.engine.api import Generate, Sampling
from slm_lsp.engine.daemon.decode import GREEDY, Decoder, Distribution, Step
from slm_lsp.engine.daemon.job import Job
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.session import Session

TEMPERATURE = 0.8
"""Temperature of all candidates but the first, if the request sets none."""


def sampled(job: Job, model: LoadedModel, session: Session) -> Iterator[Job]:
    """Yield the sampled candidates of a request whose prompt was just evaluated; none if `branch_below` is set."""
    request = job.request
    if not isinstance(request, Generate) or request.candidates < 2 or request.branch_below > 0:
        return
    for number in range(1, request.candidates):
        temperature = request.sampling.temperature or TEMPERATURE
        sampling = msgspec.structs.replace(
            request.sampling, temperature=temperature, seed=request.sampling.seed + number
        )
        if (forked := _fork(job, model, session, sampling)) is None:
            break
        yield forked[0]


def branch(
    job: Job, model: LoadedModel, session: Session, found: Distribution | None
) -> tuple[Job, Session, Step] | None:
    """Return a candidate that takes the second likeliest token, if the likeliest one is less likely than allowed.

    The limit is the request's `branch_below`.

    Args:
        job: the greedy answer, before its next token is chosen.
        model: the job's model.
        session: the job's session.
        found: probabilities of the next token.

    Returns:
        The candidate, its session and its first different step; None if no candidate branches off here.
    """
    request = job.request
    if not isinstance(request, Generate) or found is None or job.candidate > 0 or job.lookup is not None:
        return None
    best = float(found.probabilities[found.best])
    if best >= request.branch_below or max(len(job.siblings), 1) >= request.candidates:
        return None
    second = found.runner_up()
    if second is None or math.exp(second[1]) < request.sampling.min_p * best:
        return None
    if (forked := _fork(job, model, session, GREEDY)) is None:
        return None
    child, cells, decoder = forked
    child.generated, child.batches, child.first_token = list(job.generated), job.batches, job.first_token
    for each in job.emitted:
        child.emit(msgspec.structs.replace(each, candidate=child.candidate))
    return child, cells, decoder.take(*second)


def _fork(job: Job, model: LoadedModel, session: Session, sampling: Sampling) -> tuple[Job, Session, Decoder] | None:
    """Return another answer that begins like `job`; None if no session is free for it."""
    if job.decoder is None or (cells := model.sessions.fork(session)) is None:
        return None
    job.siblings = job.siblings or [job]
    decoder = job.decoder.fork(sampling)
    child = Job(
        job.request,
        job.emit,
        job.arrived,
        model=model,
        session=cells,
        decoder=decoder,
        started=job.started,
        candidate=len(job.siblings),
        siblings=job.siblings,
    )
    job.siblings.append(child)
    return child, cells, decoder
