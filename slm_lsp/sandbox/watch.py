"""Measures what a run uses, and reports the limit that it exceeds."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.platform import processes
from slm_lsp.sandbox.folder import Folder, free_bytes, measure
from slm_lsp.sandbox.outcome import THREADS, Limits, Reason

WATCH_S, DISK_S = 0.02, 0.25
"""Minimum seconds between two measurements of processes and memory (`WATCH_S`), and of the disk (`DISK_S`)."""

SHARE = 10
"""After a measurement, pause for this multiple of its duration, so that measuring takes little processor time."""

MAX_PAUSE_S = 0.1
"""Maximum pause in seconds that `SHARE` may cause. It is short because a fork bomb starts thousands of processes in a
second."""


@dataclass
class Watch:
    """Measures regularly what a run uses."""

    limits: Limits
    own_processes: int
    folder: Folder
    next_look: float = 0.0
    next_disk: float = 0.0

    def __post_init__(self) -> None:
        self._before = measure(*self._roots)
        self._free_before = free_bytes(self.folder.root)
        processes.restore_devices()
        self.next_disk = time.monotonic() + DISK_S

    def look(self, pid: int) -> Reason | None:
        """Return the limit that the run exceeds; None if it exceeds none, or if no measurement is due yet."""
        begun = time.monotonic()
        if begun < self.next_look:
            return None
        used = processes.usage(pid)
        found = self._processes(used)
        if found is None and begun >= self.next_disk:
            found = self.disk(used.pids)
            self.next_disk = _later(begun, DISK_S)
        self.next_look = _later(begun, WATCH_S)
        return found

    def disk(self, pids: Sequence[int] = ()) -> Reason | None:
        """Return the limit of disk space or of the number of files that the run exceeds; None if it exceeds neither.

        Also restores the permissions of devices.
        """
        processes.restore_devices()
        size = measure(*self._roots, stop_after=self._before.entries + self.limits.files)
        if size.entries - self._before.entries > self.limits.files or (size.too_deep and not self._before.too_deep):
            return Reason.FILES
        used = size.disk_bytes - self._before.disk_bytes + processes.deleted_bytes(pids)
        if size.unreadable:
            used = max(used, self._free_before - free_bytes(self.folder.root))
        return Reason.DISK if used > self.limits.disk_bytes else None

    def _processes(self, used: processes.Usage) -> Reason | None:
        limits = self.limits
        if len(used.pids) - self.own_processes > limits.processes or used.threads > limits.processes * THREADS:
            return Reason.PROCESSES
        if used.cpu_s > limits.cpu_s:
            return Reason.PROCESSOR_TIME
        if used.resident_bytes > limits.memory_bytes:
            exact = processes.proportional_bytes(used.pids, used.resident_bytes)
            return Reason.MEMORY if exact > limits.memory_bytes else None
        return None

    @property
    def _roots(self) -> tuple[Path, Path]:
        return self.folder.work, self.folder.tmp


def _later(begun: float, pause: float) -> float:
    now = time.monotonic()
    return now + max(pause, min((now - begun) * SHARE, MAX_PAUSE_S))
