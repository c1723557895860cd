"""Other answers to one prompt, decoded together with the greedy one: sampled, or branching off where that is unsure.

Branches cost only where they are worth something: as long as the greedy answer is sure of its tokens it goes alone.
"""

import math
from collections.abc import Iterator

import msgspec

from slm_lsp.engine.api import Generate, Sampling
from slm_lsp.engine.daemon.decode import GREEDY, Chances, Decoder, Step
from slm_lsp.engine.daemon.job import Job
from slm_lsp.engine.daemon.loaded import LoadedModel
from slm_lsp.engine.daemon.session import Session

TEMPERATURE = 0.8
"""For candidates behind the first, where the request names no temperature."""


def sampled(job: Job, model: LoadedModel, session: Session) -> Iterator[Job]:
    """The other candidates of a request whose prompt has just been evaluated; none where they are to branch off."""
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


def branch(job: Job, model: LoadedModel, session: Session, found: Chances | None) -> tuple[Job, Session, Step] | None:
    """A candidate that leaves the greedy answer at its next token, where that is unsure.

    Args:
        job: the greedy answer, before its next token is chosen.
        model: its model.
        session: its cells.
        found: what may come next.

    Returns:
        The candidate, its cells, and the step it takes instead.
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
    child.said, child.batches, child.first_token = list(job.said), job.batches, job.first_token
    for each in job.spoken:
        child.emit(msgspec.structs.replace(each, candidate=child.candidate))
    return child, cells, decoder.take(*second)


def _fork(job: Job, model: LoadedModel, session: Session, sampling: Sampling) -> tuple[Job, Session, Decoder] | None:
    """Another answer that has said what `job` has; None where no session is free for it."""
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
