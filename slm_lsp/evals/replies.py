"""Keeps replies of a model on disk: all candidates with the log-probabilities of their tokens, and the time they took.

So an interrupted run continues where it stopped, and other ways of choosing among the candidates can be compared
without new requests. The time of a kept reply is from the run in which the reply was generated.
"""

import time
from contextlib import aclosing
from pathlib import Path

import msgspec

from slm_lsp.engine.api import Done, Generate, ModelRef, Provider, Token, Warm
from slm_lsp.features.completion.alternatives import Race
from slm_lsp.features.completion.choose import Candidate, Site
from slm_lsp.features.completion.trial import Trials
from slm_lsp.harness.engine import incomplete_answer
from slm_lsp.harness.kept import Kept, default_file, digest, identity


class Reply(msgspec.Struct, frozen=True):
    """The answer to one request."""

    candidates: tuple[Candidate, ...]
    """The candidates that were complete when the choice was made; at least one, the greedy one first."""
    seconds: float
    """Seconds from the request until the choice was made."""
    model: str = ""
    """Name of the model that answered, if the router chose it."""


def kept_replies(file: Path | None = None) -> Kept[Reply]:
    """Open the kept replies; by default those in the user's cache."""
    return Kept(Reply, file or default_file("replies"))


class CachedModel:
    """A model whose replies are kept.

    Args:
        engine: the engine that runs the model.
        model: the model.
        backend: name of the binding that runs the model.
        replies: the kept replies.
    """

    def __init__(self, engine: Provider, model: ModelRef, backend: str, replies: Kept[Reply]) -> None:
        self._engine = engine
        self._model = model
        self._who = identity(model.file, backend)
        self.replies = replies

    def key(self, request: Generate, how: str = "") -> str:
        """Return the key of a reply.

        Args:
            request: the request.
            how: everything else that the reply depends on.
        """
        return digest(f"{self._who} {how}".rstrip(), request)

    def has(self, request: Generate) -> bool:
        """Return whether the reply to a request is kept."""
        return self.replies.get(self.key(request)) is not None

    async def reply(self, request: Generate, site: Site, *, all_candidates: bool = False) -> Reply:
        """Return the reply to a request. A kept reply is used; a new one is kept.

        Unless the request is `fresh`, its prompt is evaluated before the time is measured.

        Args:
            request: the request.
            site: the position in the document.
            all_candidates: wait for all candidates, including those that can no longer be chosen.
        """
        key = self.key(request)
        if (known := self.replies.get(key)) is not None:
            return known
        if not request.fresh:
            await self.warm(request)
        reply = await self.new_reply(request, site, all_candidates=all_candidates)
        self.replies.put(key, reply)
        return reply

    async def new_reply(
        self, request: Generate, site: Site, *, all_candidates: bool = False, trials: Trials | None = None
    ) -> Reply:
        """Generate a reply without using a kept one and without keeping it; see `generate_reply`."""
        request = msgspec.structs.replace(request, model=self._model)
        return await generate_reply(self._engine, request, site, all_candidates=all_candidates, trials=trials)

    async def warm(self, request: Generate) -> None:
        """Evaluate the prompt of a request."""
        await self._engine.warm(Warm(self._model, request.segments))


async def generate_reply(
    engine: Provider, request: Generate, site: Site, *, all_candidates: bool = False, trials: Trials | None = None
) -> Reply:
    """Generate a reply and measure its time.

    Args:
        engine: the engine.
        request: the request.
        site: the position in the document.
        all_candidates: wait for all candidates; otherwise only until the best one is known.
        trials: runs candidates against the examples of docstrings.

    Raises:
        SlmError: the engine failed.
    """
    began = time.perf_counter()
    race = Race(site, trials)
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            if isinstance(event, Token):
                race.note(event)
                if event.finish is not None:
                    await race.run_trials()
            if isinstance(event, Done) or (race.decided and not all_candidates):
                return Reply(race.finished, time.perf_counter() - began)
    raise incomplete_answer()


async def best_of(reply: Reply, site: Site, trials: Trials | None = None) -> Candidate:
    """Return the candidate of a kept reply that is chosen if the candidates arrive again, token by token.

    Args:
        reply: the reply.
        site: the position in the document.
        trials: runs candidates against the examples of docstrings.
    """
    race = Race(site, trials)
    for at in range(max(len(each.logprobs) for each in reply.candidates)):
        for number, each in enumerate(reply.candidates):
            if at < len(each.logprobs):
                race.note(_token(each, number, at))
        if any(at == len(each.logprobs) - 1 for each in reply.candidates):
            await race.run_trials()
        if race.decided:
            break
    return race.ranked()[0].candidate


def _token(candidate: Candidate, number: int, at: int) -> Token:
    """Return the token event number `at` of a candidate.

    The texts of single tokens are not kept, so the first token gets the whole text. Exception: if the candidate's last
    token had text (`merged`), the last token gets the last character.
    """
    last = at == len(candidate.logprobs) - 1
    length = len(candidate.text) - candidate.merged
    text = (candidate.text[:length] if at == 0 else "") + (candidate.text[length:] if last else "")
    return Token(0, text, candidate.logprobs[at], number, candidate.finish if last else None)
