"""Has the shared engine run as an editor's settings say, without ending an answer that anybody waits for."""

import asyncio
import logging
import os
import signal

from slm_lsp.config import EngineSettings, engine_environment
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import EngineLostError

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often an engine that works is looked at."""


def start_with(engine: EngineClient, wanted: EngineSettings) -> None:
    """Have an engine that this client starts run with these settings."""
    engine.environ = {**engine.environ, **engine_environment(wanted)}


async def adjust(engine: EngineClient, wanted: EngineSettings) -> None:
    """End an engine that runs with other settings, as soon as it has nothing to do: the next request starts one.

    Raises:
        SlmError: it does not answer.
    """
    while await engine.running():
        try:
            stats = await engine.stats()
        except EngineLostError:
            return
        if stats.settings == wanted:
            return
        if not stats.running and not stats.queued:
            log.info("the engine runs with other settings; it is started anew")
            os.kill(stats.pid, signal.SIGTERM)
            return
        await asyncio.sleep(LOOK_S)
