"""Looks up the installed models without blocking the event loop.

A look-up may hash a whole model file. So it runs in a thread, and only when a file in the store has changed.
"""

import asyncio
import os
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.config import Settings
from slm_lsp.models.store import Store
from slm_lsp.routing.policy import Choice, eligible_models

_Key = tuple[str, Path]
"""The settings `model` and `models_dir`."""

_Fingerprint = tuple[object, ...]
"""Name, size and modification time of every file that a look-up reads."""


@dataclass(frozen=True, slots=True)
class _Cached:
    fingerprint: _Fingerprint
    choices: tuple[Choice, ...]


class ModelLookup:
    """Caches the result of `eligible_models` until a model file, a record or the setting changes.

    Concurrent requests share one look-up. Cancelling a request does not cancel the look-up.
    """

    def __init__(self) -> None:
        self._cache: dict[_Key, _Cached] = {}
        self._running: dict[_Key, Future[tuple[Choice, ...]]] = {}

    async def __call__(self, settings: Settings) -> tuple[Choice, ...]:
        """Return the models that may answer with these settings. Errors as in `eligible_models`."""
        key = settings.model, settings.models_dir
        fingerprint = _fingerprint(*key)
        cached = self._cache.get(key)
        if cached is not None and cached.fingerprint == fingerprint:
            return cached.choices
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = Future()
            running.set_running_or_notify_cancel()  # cancelling one request must not cancel the look-up
            # A daemon thread lets the process exit while a file is being hashed.
            threading.Thread(target=self._look_up, args=(key, fingerprint, running), name="models", daemon=True).start()
        return await asyncio.wrap_future(running)

    def _look_up(self, key: _Key, fingerprint: _Fingerprint, running: "Future[tuple[Choice, ...]]") -> None:
        setting, folder = key
        try:
            choices = eligible_models(setting, Store(folder))
        except BaseException as error:
            del self._running[key]
            running.set_exception(error)
        else:
            self._cache[key] = _Cached(fingerprint, choices)
            del self._running[key]
            running.set_result(choices)


def _fingerprint(setting: str, folder: Path) -> _Fingerprint:
    """Return the state of the files that decide a look-up, without reading them. Ignores unfinished downloads."""
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
"""The only instance in this process."""
