"""How much memory programs can still use, and how much this process uses."""

from pathlib import Path

import psutil


def free_memory() -> int:
    """Return the bytes of memory that programs can still use, within the limit of the control group (version 2)."""
    available = int(psutil.virtual_memory().available)
    left = _cgroup_memory(Path("/sys/fs/cgroup"))
    return available if left is None else min(available, left)


def resident_bytes() -> int:
    """Return the bytes of resident memory of this process."""
    return int(psutil.Process().memory_info().rss)


def _cgroup_memory(folder: Path) -> int | None:
    """Return the bytes of memory that a control group can still use; None if it has no limit."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        rows = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        # `used` includes the cache of files, which the system frees when a program needs memory.
        return None if limit == "max" else max(0, int(limit) - used + int(rows.get("file", 0)))
    except (OSError, ValueError):
        return None
