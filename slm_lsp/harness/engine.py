"""A private engine for one measurement, and answers with the times at which they arrived."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import psutil

from slm_lsp.engine.api import Done, Generate, Provider, Started, Token
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import EngineLostError

MEASURED_S, POLL_S = 60.0, 0.2
"""Maximum seconds to wait until models are measured, and seconds between two checks. An engine starts to measure after
two idle seconds and needs a few seconds."""


@asynccontextmanager
async def private_engine(binding: str, settings: Mapping[str, str] | None = None) -> AsyncIterator[EngineClient]:
    """Start an engine that no other client uses, and stop it afterwards.

    Args:
        binding: `auto` or the name of a binding.
        settings: additional environment variables of the engine.
    """
    with tempfile.TemporaryDirectory(prefix="slm-") as folder:
        environ = {**os.environ, "XDG_RUNTIME_DIR": folder, "SLM_LSP_ENGINE_BACKEND": binding, **(settings or {})}
        async with EngineClient(environ) as engine:
            pid = (await engine.stats()).pid
            try:
                yield engine
            finally:
                os.kill(pid, signal.SIGTERM)
                await asyncio.to_thread(psutil.wait_procs, [psutil.Process(pid)])


async def until_measured(engine: EngineClient) -> None:
    """Wait until the engine has measured the speed of all loaded models, but at most `MEASURED_S`."""
    for _ in range(round(MEASURED_S / POLL_S)):
        if not any(each.prefill_rate is None or each.measuring for each in (await engine.stats()).loaded):
            return
        await asyncio.sleep(POLL_S)


@dataclass(frozen=True, slots=True)
class TimedAnswer:
    """The greedy answer to a request. Times are seconds of `time.perf_counter`."""

    text: str
    started: Started
    done: Done
    requested_at: float
    first_token_at: float
    ended_at: float

    @property
    def first_token_s(self) -> float:
        """Seconds from the request to the first token."""
        return self.first_token_at - self.requested_at

    @property
    def token_s(self) -> float:
        """Mean seconds per token after the first one; infinite for a single token."""
        later = self.done.generated_tokens - 1
        return (self.ended_at - self.first_token_at) / later if later > 0 else float("inf")


async def timed_answer(engine: Provider, request: Generate) -> TimedAnswer:
    """Run a request with one candidate.

    Raises:
        SlmError: the engine failed.
    """
    requested_at = time.perf_counter()
    first_token_at: float | None = None
    started: Started | None = None
    text: list[str] = []
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            if isinstance(event, Started):
                started = event
            elif isinstance(event, Token):
                first_token_at = time.perf_counter() if first_token_at is None else first_token_at
                text.append(event.text)
            elif isinstance(event, Done) and started is not None:
                ended_at = time.perf_counter()
                first = ended_at if first_token_at is None else first_token_at
                return TimedAnswer("".join(text), started, event, requested_at, first, ended_at)
    raise incomplete_answer()


def incomplete_answer() -> EngineLostError:
    """Return the error for a request that ended without `Done`."""
    return EngineLostError("The engine ended a request without an answer.", "Run the command again.")
