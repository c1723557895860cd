"""Finds engine processes and ends them, also when they do not answer; used by `slm-lsp stop`."""

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
"""Seconds between SIGTERM and SIGKILL. A healthy engine ends within the batch that it is evaluating."""

KILLED_S = 10.0
"""Seconds to wait for a process to disappear after SIGKILL."""

ARGUMENTS = ["-m", "slm_lsp.engine.daemon"]
"""What an engine's command line contains, as two arguments of their own."""


@dataclass(frozen=True, slots=True)
class Running:
    """An engine process of this user."""

    pid: int
    executable: str
    name: str
    """See `paths.engine_name`."""
    ours: bool
    """Whether it belongs to this installation, perhaps to an earlier state of its code."""


def running(folder: Path) -> list[Running]:
    """All engines that met their clients in a runtime folder and still run."""
    return list(_running(folder))


def end(folder: Path, engine: Running, grace_s: float = GRACE_S) -> bool:
    """End an engine and wait until it has gone; True if it had to be killed.

    Raises:
        EngineError: the process is still there after SIGKILL.
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
                what = f"Process {engine.pid} does not end, even after SIGKILL."
                raise EngineError(what, "It probably waits for a disk; restart the machine if it stays.") from None
    if killed:
        # The user ended it: the next engine must not count that as a crash of the model.
        for path in (busy_path, pid_path, socket_path):
            path(folder, engine.name).unlink(missing_ok=True)
    return killed


def is_engine(process: psutil.Process) -> bool:
    """Whether a process is an engine of this user. An editor that has a file of that name open is none."""
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
    """Whether a process holds a lock; without that, a process id that was written down may mean another process."""
    if not lock.exists():
        return False
    probe = FileLock(lock, blocking=False)
    try:
        probe.acquire()
    except Timeout:
        return True
    probe.release()
    return False
