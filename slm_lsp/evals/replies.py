"""Replies of the engine, kept: all candidates with the log-probabilities of their tokens, and how long it took.

A broken-off run goes on where it was, and other ways of choosing among the candidates can be compared without asking
again. Seconds are those of the run in which a reply was asked for.
"""

import time
from contextlib import aclosing
from pathlib import Path

import msgspec

from slm_lsp.engine.api import Done, Generate, ModelRef, Provider, Token, Warm
from slm_lsp.errors import EngineLostError
from slm_lsp.evals.answers import default_file, digest, identity
from slm_lsp.features.completion.alternatives import Race
from slm_lsp.features.completion.choose import Candidate, Site
from slm_lsp.features.completion.trial import Trials


class Reply(msgspec.Struct, frozen=True):
    """What was answered to one request."""

    candidates: tuple[Candidate, ...]
    """Those that were whole when it was decided; at least one, the greedy one first."""
    seconds: float
    """Until then."""
    model: str = ""
    """Who answered, where that was to be decided."""


class _Line(msgspec.Struct, frozen=True):
    key: str
    reply: Reply


class Replies:
    """Replies on disk, one line of JSON each, read at the start and added to.

    Args:
        file: where they lie; by default in the user's cache.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or default_file("replies")
        self._known: dict[str, Reply] = {}
        decoder = msgspec.json.Decoder(_Line)
        if self._file.exists():
            for line in self._file.read_bytes().splitlines():
                try:
                    kept = decoder.decode(line)
                except msgspec.MsgspecError:
                    continue  # The last line of a run that was killed.
                self._known[kept.key] = kept.reply

    def get(self, key: str) -> Reply | None:
        """What was answered before."""
        return self._known.get(key)

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply."""
        self._known[key] = reply
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode(_Line(key, reply)) + b"\n")


class Asker:
    """Asks a model, or knows what it answered.

    Args:
        engine: the way to the engine.
        model: which model.
        backend: the binding that runs it.
        replies: what is known.
    """

    def __init__(self, engine: Provider, model: ModelRef, backend: str, replies: Replies) -> None:
        self._engine = engine
        self._model = model
        self._who = identity(model.file, backend)
        self.replies = replies

    def key(self, request: Generate, how: str = "") -> str:
        """What a reply is kept under.

        Args:
            request: what is asked.
            how: what else decides about the reply.
        """
        return digest(f"{self._who} {how}".rstrip(), request)

    def knows(self, request: Generate) -> bool:
        """Whether it was answered before."""
        return self.replies.get(self.key(request)) is not None

    async def ask(self, request: Generate, site: Site, *, whole: bool = False) -> Reply:
        """The reply to a request. Where cells may be reused its prompt is evaluated first, which does not count.

        Args:
            request: what is asked.
            site: where answers go.
            whole: wait for all candidates, also for those that cannot win.
        """
        key = self.key(request)
        if (known := self.replies.get(key)) is not None:
            return known
        if request.reuse != "nothing":
            await self.warm(request)
        reply = await self.reply(request, site, whole=whole)
        self.replies.put(key, reply)
        return reply

    async def reply(self, request: Generate, site: Site, *, whole: bool = False, trials: Trials | None = None) -> Reply:
        """Ask, and time it; neither looked up nor kept. Arguments and errors as in `reply_to`."""
        asked = msgspec.structs.replace(request, model=self._model)
        return await reply_to(self._engine, asked, site, whole=whole, trials=trials)

    async def warm(self, request: Generate) -> None:
        """Have the prompt of a request evaluated, reusing what it may."""
        await self._engine.warm(Warm(self._model, request.segments, request.reuse))


async def reply_to(
    engine: Provider, request: Generate, site: Site, *, whole: bool = False, trials: Trials | None = None
) -> Reply:
    """Ask until the best candidate is known, or until all are `whole`, and time it.

    Args:
        engine: the way to the engine.
        request: what is asked.
        site: where answers go.
        whole: wait for all candidates, also for those that cannot win.
        trials: runs those that have examples.

    Raises:
        SlmError: the engine could not answer.
    """
    began = time.perf_counter()
    race = Race(site, trials)
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            if isinstance(event, Token):
                race.note(event)
                if event.finish is not None:
                    await race.run_trials()
            if isinstance(event, Done) or (race.decided and not whole):
                return Reply(race.finished, time.perf_counter() - began)
    raise EngineLostError("The engine ended a request without an answer.", "Ask again.")


async def best_of(reply: Reply, site: Site, trials: Trials | None = None) -> Candidate:
    """What is chosen of a reply's candidates, as if they came now, a token of each at a time.

    Args:
        reply: with all candidates, or those that were waited for.
        site: where they go.
        trials: runs those that have examples.
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
    """One of a candidate's tokens; the first has its text but for the last character, where the last one has that."""
    last = at == len(candidate.logprobs) - 1
    said = len(candidate.text) - candidate.merged
    text = (candidate.text[:said] if at == 0 else "") + (candidate.text[said:] if last else "")
    return Token(0, text, candidate.logprobs[at], number, candidate.finish if last else None)
