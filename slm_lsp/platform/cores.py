"""The processor: cores that this process can use, instruction sets and name."""

import math
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

INSTRUCTION_SETS = frozenset(
    {"amx_tile", "avx", "avx2", "avx512f", "fma", "f16c", "sse4_1", "asimd", "asimddp", "i8mm", "sve"}
)
"""Instruction sets that decide how fast a binding of llama.cpp is, by their names in `/proc/cpuinfo`."""


def allowed_processors() -> Sequence[int]:
    """Return the numbers of the logical processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)


def usable_cores() -> int:
    """Return the number of physical cores that this process may use, but at least 1.

    The number respects the process's affinity and the quota of its control group.

    Too many threads slow llama.cpp down far more than too few.
    """
    logical = os.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    threads_per_core = max(1, round(logical / physical))
    quota = _cgroup_quota(Path("/sys/fs/cgroup/cpu.max"))
    cores = math.ceil(len(allowed_processors()) / threads_per_core)
    return max(1, min(cores, quota) if quota else cores)


def cpu_features() -> frozenset[str]:
    """Return those of `INSTRUCTION_SETS` that the processor has; none if the system does not list them."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    return frozenset(text.split()) & INSTRUCTION_SETS


def cpu_name() -> str:
    """Return the processor's name, or its architecture if the system does not name it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.lower().startswith("model name"))
    return next(names, platform.machine())


def is_x86_64_linux() -> bool:
    """Whether wheels of the binding `ik` exist for this machine."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def _cgroup_quota(path: Path) -> int | None:
    """Return the number of processors, rounded down, that a control group (version 2) may use; None without a limit."""
    try:
        limit, period = path.read_text().split()
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(1, int(limit) // int(period))
