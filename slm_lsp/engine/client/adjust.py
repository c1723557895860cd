"""Applies changed engine settings to the shared engine without interrupting its requests."""

import asyncio
import logging
import os
import signal

from slm_lsp.config import EngineSettings, engine_environment
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import EngineLostError

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Seconds between two checks whether a busy engine has become idle."""


def start_with(engine: EngineClient, wanted: EngineSettings) -> None:
    """Use these settings for any engine that this client starts from now on."""
    engine.environ = {**engine.environ, **engine_environment(wanted)}


async def adjust(engine: EngineClient, wanted: EngineSettings) -> None:
    """If the running engine has other settings, stop it as soon as it is idle. The next request starts a new engine.

    Raises:
        SlmError: the engine does not answer.
    """
    while await engine.running():
        try:
            stats = await engine.stats()
        except EngineLostError:
            return
        if stats.settings == wanted:
            return
        if not stats.running and not stats.queued:
            log.info("stopping the engine, because it runs with other settings")
            os.kill(stats.pid, signal.SIGTERM)
            return
        await asyncio.sleep(LOOK_S)
