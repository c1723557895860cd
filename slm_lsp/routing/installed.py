"""Looks up the installed models without blocking the event loop.

A look-up may hash a whole model file. So it runs in a thread, and only when a file in the store has changed. The folder
of the store is also read in a thread, at most once per `CHECK_S`.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from slm_lsp.config import Settings
from slm_lsp.models.store import Store
from slm_lsp.routing.policy import Choice, eligible_models

CHECK_S = 1.0
"""Seconds for which a result is used without reading the folder again. A pulled model is usable after this time."""

_Key = tuple[str, Path]
"""Key of the cache: the values of the settings `model` and `models_dir`."""

_Fingerprint = tuple[object, ...]
"""Name, size and modification time of every file that a look-up reads."""


@dataclass(frozen=True, slots=True)
class _Cached:
    fingerprint: _Fingerprint
    choices: tuple[Choice, ...]
    checked_at: float
    """Time of the last comparison of the files, from the clock of `ModelLookup`."""


class ModelLookup:
    """Caches the result of `eligible_models` until a model file, a record or the setting changes.

    Concurrent requests share one look-up. Cancelling a request does not cancel the look-up.

    Args:
        clock: returns seconds since any fixed time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cache: dict[_Key, _Cached] = {}
        self._running: dict[_Key, Future[tuple[Choice, ...]]] = {}

    async def __call__(self, settings: Settings) -> tuple[Choice, ...]:
        """Return the models that may answer with these settings. Errors as in `eligible_models`."""
        key = settings.model, settings.models_dir
        now = self._clock()
        cached = self._cache.get(key)
        if cached is not None and now - cached.checked_at < CHECK_S:
            return cached.choices
        fingerprint = await asyncio.to_thread(_fingerprint, *key)
        cached = self._cache.get(key)  # Another request may have updated the cache meanwhile.
        if cached is not None and cached.fingerprint == fingerprint:
            self._cache[key] = replace(cached, checked_at=now)
            return cached.choices
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = Future()
            running.set_running_or_notify_cancel()  # cancelling one request must not cancel the look-up
            # A daemon thread lets the process exit while a file is being hashed.
            work = partial(self._look_up, key, fingerprint, now, running)
            threading.Thread(target=work, name="models", daemon=True).start()
        return await asyncio.wrap_future(running)

    def _look_up(self, key: _Key, fingerprint: _Fingerprint, now: float, running: "Future[tuple[Choice, ...]]") -> None:
        setting, folder = key
        try:
            choices = eligible_models(setting, Store(folder))
        except BaseException as error:
            del self._running[key]
            running.set_exception(error)
        else:
            self._cache[key] = _Cached(fingerprint, choices, now)
            del self._running[key]
            running.set_result(choices)


def _fingerprint(setting: str, folder: Path) -> _Fingerprint:
    """Return the state of the files that a look-up reads, without reading them. Unfinished downloads are ignored."""
    try:
        with os.scandir(folder) as entries:
            files = [(each.name, *_stamp(Path(each))) for each in entries if each.name.endswith((".gguf", ".json"))]
    except OSError:
        files = []
    return (*sorted(files), _stamp(Path(setting)))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        state = path.expanduser().stat()
    except (OSError, RuntimeError, ValueError):  # no such file; home of an unknown user; null character in the path
        return -1, -1
    return state.st_size, state.st_mtime_ns


installed_models = ModelLookup()
"""The only instance in this process; look-ups are shared."""
