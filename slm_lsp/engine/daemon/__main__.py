"""The engine process: `python -m slm_lsp.engine.daemon`. Clients start it; there is one per user and installation."""

import asyncio
import faulthandler
import logging
from functools import partial
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from slm_lsp.config import APP, EngineSettings, load_settings
from slm_lsp.engine.backend import BackendOptions
from slm_lsp.engine.crashes import CrashRecord
from slm_lsp.engine.daemon.kv_offload import KvOffload
from slm_lsp.engine.daemon.machine import Machine
from slm_lsp.engine.daemon.models import SEQUENCES, Models, opener
from slm_lsp.engine.daemon.rates import RatesFile
from slm_lsp.engine.daemon.scheduler import Scheduler
from slm_lsp.engine.daemon.service import Service
from slm_lsp.engine.load import LoadMeter, spare_processors
from slm_lsp.engine.paths import engine_name, lock_path, pid_path, record_pid, socket_path
from slm_lsp.platform import cores, priority
from slm_lsp.platform.runtime_dir import runtime_dir
from slm_lsp.platform.spawn import on_termination

log = logging.getLogger(__name__)

SECONDS_A_MINUTE = 60
BYTES_A_MEGABYTE = 1_000_000
GPU_BATCH = 512
"""Maximum number of tokens in a batch on a GPU. The default of `BackendOptions.batch` is for CPUs."""


def options(settings: EngineSettings) -> BackendOptions:
    """Return the options with which models are opened on this machine."""
    chosen = BackendOptions(
        cells=settings.context_tokens,
        sequences=SEQUENCES,
        threads=settings.threads or cores.usable_cores(),
        gpu_layers=settings.gpu_layers,
    )
    if settings.gpu_layers == 0:
        return chosen
    return BackendOptions(chosen.cells, chosen.sequences, chosen.threads, GPU_BATCH, chosen.gpu_layers)


def main() -> None:
    """Serve requests until no client and no model is left."""
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder, name = runtime_dir(), engine_name()
    lock = FileLock(lock_path(folder, name), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        log.info("another engine is running")
        return
    record_pid(folder, name)
    priority.share_cores()
    settings = load_settings()
    for problem in settings.problems:
        log.warning("%s", problem)
    crashes = CrashRecord(folder, name)
    if (model := crashes.take_stock()) is not None:
        log.warning("the last engine crashed while it used %s", model)
    idle_s = settings.engine.idle_minutes * SECONDS_A_MINUTE
    cache = platformdirs.user_cache_path(APP)
    rates = RatesFile(cache / "rates.json")
    make_offload = partial(KvOffload, cache / "cells", settings.engine.kv_offload_mb * BYTES_A_MEGABYTE)
    chosen = options(settings.engine)
    # Do not change a number of threads that the user set. On a GPU, the number of threads does not matter.
    adaptive = not settings.engine.threads and not settings.engine.gpu_layers
    machine = Machine(chosen.threads, LoadMeter(spare_processors(chosen.threads)), adaptive=adaptive)
    models = Models(opener(chosen, settings.engine.backend), crashes, idle_s, rates, make_offload, machine)
    asyncio.run(_serve(Service(Scheduler(models), settings.engine), socket_path(folder, name)))
    pid_path(folder, name).unlink(missing_ok=True)
    lock.release()


async def _serve(service: Service, socket: Path) -> None:
    await service.run(socket, on_termination)


if __name__ == "__main__":
    main()
