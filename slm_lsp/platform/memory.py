"""Memory that can be used and is used."""

from pathlib import Path

import psutil


def free_memory() -> int:
    """Bytes of memory that programs can still use, within the limit of the control group (version 2)."""
    available = int(psutil.virtual_memory().available)
    left = _cgroup_memory(Path("/sys/fs/cgroup"))
    return available if left is None else min(available, left)


def resident_bytes() -> int:
    """Bytes of memory that this process holds."""
    return int(psutil.Process().memory_info().rss)


def _cgroup_memory(folder: Path) -> int | None:
    """Bytes that a control group can still use; None if it has no limit."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        rows = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        # `used` includes cached files, whose memory the system takes back when it is needed.
        return None if limit == "max" else max(0, int(limit) - used + int(rows.get("file", 0)))
    except (OSError, ValueError):
        return None
