"""Looks up the installed models that may answer, without blocking the event loop.

A look-up may hash a whole model file, so it runs in a thread, and only when something in the store has changed.
"""

import asyncio
import os
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.config import Settings
from slm_lsp.models.store import Store
from slm_lsp.routing.policy import Choice, possible

_Key = tuple[str, Path]
"""The setting `model` and the folder of the models."""

_Seen = tuple[object, ...]
"""Name, size and modification time of every file that a look-up reads."""


@dataclass(frozen=True, slots=True)
class _Found:
    seen: _Seen
    choices: tuple[Choice, ...]


class ModelLookup:
    """Caches the result of `possible` until a model file, a record or the setting changes.

    Concurrent requests share one look-up. Cancelling a request does not cancel the look-up.
    """

    def __init__(self) -> None:
        self._found: dict[_Key, _Found] = {}
        self._running: dict[_Key, Future[tuple[Choice, ...]]] = {}

    async def __call__(self, settings: Settings) -> tuple[Choice, ...]:
        """Return the models for these settings. Errors as in `possible`."""
        key = settings.model, settings.models_dir
        seen = _seen(*key)
        found = self._found.get(key)
        if found is not None and found.seen == seen:
            return found.choices
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = Future()
            running.set_running_or_notify_cancel()  # a cancelled request no longer cancels the look-up
            # A daemon thread, so that the process can exit while a file is being hashed.
            threading.Thread(target=self._look, args=(key, seen, running), name="models", daemon=True).start()
        return await asyncio.wrap_future(running)

    def _look(self, key: _Key, seen: _Seen, running: "Future[tuple[Choice, ...]]") -> None:
        setting, folder = key
        try:
            choices = possible(setting, Store(folder))
        except BaseException as error:
            del self._running[key]
            running.set_exception(error)
        else:
            self._found[key] = _Found(seen, choices)
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
