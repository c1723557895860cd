"""Finds and stops engine processes, even if they do not answer; used by `slm-lsp stop`."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from slm_lsp.engine.paths import busy_path, lock_path, pid_path, place_id, recorded_pid, socket_path
from slm_lsp.errors import EngineError
from slm_lsp.platform.spawn import is_own

GRACE_S = 10.0
"""Seconds between SIGTERM and SIGKILL. A working engine exits after at most one batch."""

KILLED_S = 10.0
"""Seconds to wait for a process to disappear after SIGKILL."""

ARGUMENTS = ["-m", "slm_lsp.engine.daemon"]
"""Two consecutive arguments of every engine's command line."""


@dataclass(frozen=True, slots=True)
class Running:
    """An engine process of this user."""

    pid: int
    executable: str
    name: str
    """See `paths.engine_name`."""
    ours: bool
    """Whether the engine belongs to this installation. The engine may run older code than the installed code."""


def running(folder: Path) -> list[Running]:
    """Return all running engines of a runtime folder."""
    return list(_running(folder))


def end(folder: Path, engine: Running, grace_s: float = GRACE_S) -> bool:
    """Stop an engine and wait until its process has ended. Return whether SIGKILL was needed.

    Raises:
        EngineError: the process still exists after SIGKILL.
    """
    killed = False
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(engine.pid)
        if not is_engine(process):
            return False
        process.terminate()
        try:
            process.wait(grace_s)
        except psutil.TimeoutExpired:
            killed = True
            process.kill()
            try:
                process.wait(KILLED_S)
            except psutil.TimeoutExpired:
                what = f"Process {engine.pid} does not exit, even after SIGKILL."
                cure = "It is probably waiting for a disk. Restart the machine if it does not exit."
                raise EngineError(what, cure) from None
    if killed:
        # A killed engine leaves its files behind. From `busy_path`, the next engine would conclude that the model
        # crashed, although the user stopped the engine.
        for path in (busy_path, pid_path, socket_path):
            path(folder, engine.name).unlink(missing_ok=True)
    return killed


def is_engine(process: psutil.Process) -> bool:
    """Return whether a process is an engine of this user, by its command line."""
    with contextlib.suppress(psutil.Error):
        line = process.cmdline()
        return is_own(process) and ARGUMENTS in (line[at : at + 2] for at in range(len(line)))
    return False


def _running(folder: Path) -> Iterator[Running]:
    for path in sorted(folder.glob("engine-*.pid")):
        recorded = recorded_pid(folder, path.stem)
        if recorded is None or not _held(lock_path(folder, path.stem)):
            continue
        pid, place = recorded
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if is_engine(process):
                yield Running(pid, process.cmdline()[0], path.stem, place == place_id())


def _held(lock: Path) -> bool:
    """Return whether a process holds a lock. If not, the recorded process id may now belong to another program."""
    if not lock.exists():
        return False
    probe = FileLock(lock, blocking=False)
    try:
        probe.acquire()
    except Timeout:
        return True
    probe.release()
    return False
