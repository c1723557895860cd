"""Finds callbacks that block the event loop. `slm-lsp serve --debug` logs them, for bug reports about a slow editor."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

log = logging.getLogger(__name__)

LIMIT_S = 0.02
"""A callback that takes at least this processor time, in seconds, counts as slow."""

MILLISECONDS = 1e3

SLOW = "%.1f ms of processor time in one callback of the event loop: %s"
"""Message for a slow callback."""


@contextmanager
def watch_loop(limit_s: float = LIMIT_S, clock: Callable[[], float] = time.thread_time) -> Iterator[None]:
    """Log a warning for each slow callback of the event loops in this process.

    The time is the processor time of the loop's own thread. It does not include waiting, other threads and other
    programs, so the result does not depend on the load of the machine.

    Args:
        limit_s: processor time, in seconds, at which a callback counts as slow.
        clock: returns the processor time of the current thread, in seconds.
    """
    run = asyncio.Handle._run

    def measured(handle: asyncio.Handle) -> None:
        started_at = clock()
        callback = handle._callback  # type: ignore[attr-defined]  # A handle that is cancelled loses the attribute.
        try:
            run(handle)
        finally:
            spent = clock() - started_at
            if spent >= limit_s:
                log.warning(SLOW, spent * MILLISECONDS, _name(callback))

    setattr(asyncio.Handle, "_run", measured)  # noqa: B010 - a plain assignment has the wrong type for mypy
    log.info("watching the event loop for callbacks that take over %.0f ms", limit_s * MILLISECONDS)
    try:
        yield
    finally:
        setattr(asyncio.Handle, "_run", run)  # noqa: B010


def _name(callback: Any) -> str:
    """Describe a callback. For a step of a task, name its coroutines and the lines at which they wait now."""
    task = getattr(callback, "__self__", None)
    if not isinstance(task, asyncio.Task):
        return getattr(callback, "__qualname__", None) or repr(callback)
    places = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame: FrameType | None = getattr(awaited, "cr_frame", None)
        places.append(
            getattr(awaited, "__qualname__", type(awaited).__name__) + (f":{frame.f_lineno}" if frame else "")
        )
        awaited = getattr(awaited, "cr_await", None)
    return " > ".join(places)
