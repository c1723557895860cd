"""Process trees: what a process and its descendants use, and how to kill them all.

On Linux, this module reads `/proc` with a few system calls per process, fast enough to do so every 20 milliseconds. On
other systems it uses psutil.
"""

import contextlib
import os
import select
import signal
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

LINUX = sys.platform == "linux"
CHILDREN_LISTED = LINUX and Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists()
"""Whether the kernel lists the children of a thread (`CONFIG_PROC_CHILDREN`)."""

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100

CPU_FIELDS = slice(11, 15)
THREADS_FIELD, RESIDENT_FIELD = 17, 21
"""Positions of fields in `/proc/PID/stat`, counted from the field after the process name (proc_pid_stat(5))."""

BLOCK_BYTES = 512
"""The unit of `st_blocks`."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")
"""The devices of the machine that bubblewrap shows in a sandbox."""

KILL_S = 5.0
"""Maximum seconds to wait until killed processes have ended. Only a process that hangs in the kernel needs more."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its descendants use now."""

    pids: tuple[int, ...] = ()
    threads: int = 0
    resident_bytes: int = 0
    """Sum of the resident memory of each process. Memory that several processes share is counted once for each."""
    cpu_s: float = 0.0
    """Seconds of processor time of the running processes and of the ended children that they have waited for."""


def usage(root: int) -> Usage:
    """Return what `root` and its descendants use; an empty `Usage` if `root` has ended."""
    return _usage_from_proc(root) if CHILDREN_LISTED else _usage_from_psutil(root)


def proportional_bytes(pids: Iterable[int], otherwise: int) -> int:
    """Return the resident memory of processes. Each shared page counts once, divided among the processes that share it.

    Return `otherwise` if the system does not provide this figure.
    """
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            if not LINUX:
                return otherwise
            continue
        except OSError:
            return otherwise
        total += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total


def deleted_bytes(pids: Iterable[int]) -> int:
    """Return the disk space of deleted files that processes still have open (Linux only)."""
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as opened:
            for each in opened:
                with contextlib.suppress(OSError):
                    info = each.stat()
                    if info.st_nlink == 0:
                        found[info.st_dev, info.st_ino] = getattr(info, "st_blocks", 0) * BLOCK_BYTES
    return sum(found.values())


def descendants(root: int) -> list[int]:
    """Return `root` and all its descendants that can be found, parents first."""
    if CHILDREN_LISTED:
        return list(_walk(root))
    try:
        process = psutil.Process(root)
        return [root, *(each.pid for each in process.children(recursive=True))]
    except psutil.Error:
        return []


def marked(variable: str, value: str) -> list[int]:
    """Return the processes of this user whose environment has `variable` with `value`.

    This finds processes that have detached from their parents, unless they have also changed their environment.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(variable) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def kill_tree(root: int) -> None:
    """Kill a process and its descendants. The caller must wait for `root`."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(root, signal.SIGSTOP)  # a stopped process cannot start further processes
    _kill_all(each for each in reversed(descendants(root)))


def kill_marked(variable: str, value: str) -> None:
    """Kill every process that `marked` finds, until it finds none."""
    deadline = time.monotonic() + KILL_S
    while (pids := marked(variable, value)) and time.monotonic() < deadline:
        _kill_all(pids)


def open_handle(pid: int) -> int | None:
    """Return a file descriptor that becomes readable when the process ends.

    Return None if the process has already ended or the system has no such descriptors.
    """
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            return os.pidfd_open(pid)
    return None


def kill_handle(handle: int) -> None:
    """Kill the process of a handle from `open_handle`; do nothing if it has ended."""
    if hasattr(signal, "pidfd_send_signal"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)


def wait_gone(handle: int, seconds: float = KILL_S) -> None:
    """Wait up to `seconds` for the end of the process of a handle from `open_handle`, and close the handle."""
    try:
        select.select([handle], [], [], seconds)
    finally:
        os.close(handle)


def restore_devices() -> None:
    """Restore the permissions of the devices that a sandbox shares with the machine, if programs have changed them.

    The first call records the permissions, so make it before any program runs. This is needed only if root starts the
    sandbox: its programs then own the devices, and no mount option prevents an owner from changing the permissions
    without making the devices unusable. Programs of other users own no device.
    """
    for device, mode in _device_modes().items():
        if stat.S_IMODE(device.stat().st_mode) != mode:
            device.chmod(mode)


@cache
def _device_modes() -> dict[Path, int]:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return {}
    return {each: stat.S_IMODE(each.stat().st_mode) for each in map(Path, DEVICES) if each.exists()}


def _kill_all(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _walk(root: int) -> Iterator[int]:
    pending, seen = [root], {root}
    while pending:
        pid = pending.pop()
        yield pid
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - fast
                for child in _read(f"/proc/{pid}/task/{thread}/children").split():
                    if (number := int(child)) not in seen:
                        seen.add(number)
                        pending.append(number)


def _usage_from_proc(root: int) -> Usage:
    pids, threads, pages, ticks = [], 0, 0, 0
    for pid in _walk(root):
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        if not fields:
            continue
        pids.append(pid)
        threads += int(fields[THREADS_FIELD])
        pages += int(fields[RESIDENT_FIELD])
        ticks += sum(map(int, fields[CPU_FIELDS]))
    return Usage(tuple(pids), threads, pages * PAGE_BYTES, ticks / TICKS_PER_S)


def _usage_from_psutil(root: int) -> Usage:
    pids, threads, resident, seconds = [], 0, 0, 0.0
    for pid in descendants(root):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                resident += process.memory_info().rss
                threads += process.num_threads()
            seconds += times.user + times.system + times.children_user + times.children_system
            pids.append(pid)
    return Usage(tuple(pids), threads, resident, seconds)


def _read(path: str) -> bytes:
    """Return the content of a small file; empty if the file cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
