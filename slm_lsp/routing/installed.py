"""Looks up the installed models that may answer, without blocking the event loop.

A look-up may hash a whole model file, so it runs in a thread, and only when something in the store has changed. The
folder of the store is also read in a thread, at most once per `CHECK_S`.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from slm_lsp.config import Settings
from slm_lsp.models.store import Store
from slm_lsp.routing.policy import Choice, possible

CHECK_S = 1.0
"""Seconds for which a result is used without reading the folder again. A pulled model is usable after this time."""

_Key = tuple[str, Path]
"""The setting `model` and the folder of the models."""

_Seen = tuple[object, ...]
"""Name, size and modification time of every file that a look-up reads."""


@dataclass(frozen=True, slots=True)
class _Found:
    seen: _Seen
    choices: tuple[Choice, ...]
    checked_at: float
    """When the files were compared, by the clock of the look-up."""


class ModelLookup:
    """Caches the result of `possible` until a model file, a record or the setting changes.

    Concurrent requests share one look-up. Cancelling a request does not cancel the look-up.

    Args:
        clock: seconds, from any start.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[_Key, _Found] = {}
        self._running: dict[_Key, Future[tuple[Choice, ...]]] = {}

    async def __call__(self, settings: Settings) -> tuple[Choice, ...]:
        """Return the models for these settings. Errors as in `possible`."""
        key = settings.model, settings.models_dir
        now = self._clock()
        found = self._found.get(key)
        if found is not None and now - found.checked_at < CHECK_S:
            return found.choices
        seen = await asyncio.to_thread(_seen, *key)
        found = self._found.get(key)  # Another request may have looked meanwhile.
        if found is not None and found.seen == seen:
            self._found[key] = replace(found, checked_at=now)
            return found.choices
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = Future()
            running.set_running_or_notify_cancel()  # a cancelled request no longer cancels the look-up
            # A daemon thread, so that the process can exit while a file is being hashed.
            threading.Thread(target=self._look, args=(key, seen, now, running), name="models", daemon=True).start()
        return await asyncio.wrap_future(running)

    def _look(self, key: _Key, seen: _Seen, now: float, running: "Future[tuple[Choice, ...]]") -> None:
        setting, folder = key
        try:
            choices = possible(setting, Store(folder))
        except BaseException as error:
            del self._running[key]
            running.set_exception(error)
        else:
            self._found[key] = _Found(seen, choices, now)
            del self._running[key]
            running.set_result(choices)


def _seen(setting: str, folder: Path) -> _Seen:
    """Return what decides the result of a look-up, without reading a file. Unfinished downloads are ignored."""
    try:
        with os.scandir(folder) as entries:
            files = [(each.name, *_stamp(Path(each))) for each in entries if each.name.endswith((".gguf", ".json"))]
    except OSError:
        files = []
    return (*sorted(files), _stamp(Path(setting)))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        state = path.expanduser().stat()
    except (OSError, RuntimeError, ValueError):  # no such file, an unknown user's home, a null character
        return -1, -1
    return state.st_size, state.st_mtime_ns


installed_models = ModelLookup()
"""The look-up of this process."""
