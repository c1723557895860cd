"""What depends on the operating system: runtime folder, peers, processes, cores. Windows needs another of this module.

Nothing else in the package asks which platform it runs on.
"""

import contextlib
import ctypes
import math
import os
import platform
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from slm_lsp.errors import EngineUnavailableError

SPIN = "1000"
"""Turns that GNU OpenMP spins before it sleeps.

Tokens decoded a second by ik with Qwen2.5-Coder-0.5B on two cores of two machines, with 0, 1 and 2 busy programs beside
it. On the second, a small virtual machine, to wake a thread that sleeps takes long:

| turns   | first, median of 3            | second, mean of 2 |
|---------|-------------------------------|-------------------|
| 0       | 51, 32, 19                    |                   |
| 300     | 62, 28, 24                    | 25, 22, 5         |
| 1,000   | 59, 24, 22                    | 39, 19, 6         |
| 3,000   |                               | 43, 15, 7         |
| 10,000  |                               | 44, 9, 7          |
| default | 63, 15, and none in a minute  |                   |
"""

NICE = 3
"""Half the weight of an ordinary process on Linux: a build goes on, and so do we."""

SOCKET_PATH_BYTES = 100
"""Unix socket addresses hold 104 (macOS) or 108 (Linux) bytes, the final zero included."""

SOCKET_NAME_BYTES = len("/engine-00000000.sock")
"""The longest name of an engine's socket (`engine/paths.py`) with the slash before it."""


def runtime_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the engine's socket, lock and log, made if need be; only this user can read it.

    Raises:
        EngineUnavailableError: somebody else owns it or may enter it.
    """
    base = environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(base) / "slm-lsp" if base.startswith("/") else Path(tempfile.gettempdir()) / f"slm-lsp-{os.getuid()}"
    if len(os.fsencode(folder)) > SOCKET_PATH_BYTES - SOCKET_NAME_BYTES:
        folder = Path(f"/tmp/slm-lsp-{os.getuid()}")  # noqa: S108 - checked below
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = folder.lstat()
    except OSError as error:
        raise EngineUnavailableError(
            f"The folder {folder} cannot be made: {error.strerror}.", "Point XDG_RUNTIME_DIR at a folder of yours."
        ) from error
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or stat.S_IMODE(info.st_mode) & 0o077:
        raise EngineUnavailableError(
            f"{folder} is not a folder of yours alone, so no engine can be met there.",
            f"Remove it, or `chmod 700` it if it is yours: {stat.filemode(info.st_mode)}, user {info.st_uid}.",
        )
    return folder


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end of a Unix socket."""
    if hasattr(socket, "SO_PEERCRED"):
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        uid: int = struct.unpack("3i", raw)[1]
        return uid
    found, group = ctypes.c_uint(), ctypes.c_uint()
    if ctypes.CDLL(None).getpeereid(connection.fileno(), ctypes.byref(found), ctypes.byref(group)) != 0:
        raise OSError("the system does not say who is at the other end of the socket")
    return found.value


def listen(path: Path) -> socket.socket:
    """A Unix socket that only this user can reach, bound at `path`; an old one there is replaced."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(mask)
    return listening


def spawn_detached(command: Sequence[str], log: Path, environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a process that outlives us and ignores our terminal; what it prints goes to `log`."""
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, cwd="/", env=environ
        )
    # Where it ends before us, somebody must take note, or it stays in the process table.
    threading.Thread(target=process.wait, name="reap", daemon=True).start()
    return process


def usable_cores() -> int:
    """Physical cores that this process may use, by affinity and by the control group's quota; at least 1.

    More threads than cores slow llama.cpp down far more than fewer do.
    """
    logical = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    physical = psutil.cpu_count(logical=False) or logical
    threads_a_core = max(1, round(logical / physical))
    quota = _cgroup_quota(Path("/sys/fs/cgroup/cpu.max"))
    cores = math.ceil(allowed / threads_a_core)
    return max(1, min(cores, quota) if quota else cores)


def free_memory() -> int:
    """Bytes of memory that programs may still use, by the system and by the limit of the control group (version 2)."""
    available = int(psutil.virtual_memory().available)
    left = _cgroup_memory(Path("/sys/fs/cgroup"))
    return available if left is None else min(available, left)


def _cgroup_memory(folder: Path) -> int | None:
    """Bytes that a control group may still use; None without a limit."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        rows = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        # The system takes memory back from cached files.
        return None if limit == "max" else max(0, int(limit) - used + int(rows.get("file", 0)))
    except (OSError, ValueError):
        return None


def _cgroup_quota(path: Path) -> int | None:
    """Whole processors that a control group (version 2) grants; None without a limit."""
    try:
        limit, period = path.read_text().split()
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(1, int(limit) // int(period))


def share_cores() -> None:
    """Make this process give way to others; to be called before a binding is loaded.

    Threads of llama.cpp wait for one another some hundred times a token. With OpenMP's default they spin while they
    wait, also where the one waited for has lost its core to another program: one busy program beside us then costs
    two thirds of the speed, two of them all of it. What users set themselves stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN)
    give_way(NICE)


def give_way(nice: int) -> None:
    """Let other programs have the processor first, at least by so many steps of niceness.

    Where Linux groups processes by session (`sched_autogroup_enabled`, sched(7)), the niceness of a process counts only
    inside its session, and ours has one of its own: there the session itself is made nice.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) < nice:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")


def cpu_features() -> frozenset[str]:
    """Instruction sets of the processor that matter to us; empty where the system does not list them."""
    wanted = {"amx_tile", "avx", "avx2", "avx512f", "fma", "f16c", "sse4_1", "asimd", "asimddp", "i8mm", "sve"}
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    return frozenset(text.split()) & wanted


def cpu_name() -> str:
    """The processor's name, as far as the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.lower().startswith("model name"))
    return next(names, platform.machine())


def is_x86_64_linux() -> bool:
    """Whether wheels of the fast binding exist for this machine."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def resident_bytes() -> int:
    """Memory that this process holds."""
    return int(psutil.Process().memory_info().rss)
