"""Gives other programs priority on the processor."""

import contextlib
import os
from pathlib import Path

SPIN = "1000"
"""Iterations for which a waiting thread of GNU OpenMP spins before it sleeps.

Tokens per second that ik decodes with Qwen2.5-Coder-0.5B on two cores of two machines. Each cell has three figures:
with 0, 1 and 2 other busy programs. Machine 2 is a small virtual machine, on which it takes long to wake a sleeping
thread.

| iterations | machine 1, median of 3 runs   | machine 2, mean 2 |
|------------|-------------------------------|-------------------|
| 0          | 51, 32, 19                    |                   |
| 300        | 62, 28, 24                    | 25, 22, 5         |
| 1,000      | 59, 24, 22                    | 39, 19, 6         |
| 3,000      |                               | 43, 15, 7         |
| 10,000     |                               | 44, 9, 7          |
| default    | 63, 15, no token in a minute  |                   |
"""

NICE = 3
"""Niceness of the engine. On Linux, it halves the engine's share of a processor that another program also uses, so that
neither a build nor the engine stops."""


def share_cores() -> None:
    """Make this process yield the processor to others. Call it before a binding of llama.cpp is loaded.

    The threads of llama.cpp wait for each other some hundred times per token. By OpenMP's default, they spin while they
    wait, even for a thread that has lost its core to another program. One busy program then reduces the speed by two
    thirds, and two busy programs reduce it to nothing. Values that the user has set in the environment are kept.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN)
    give_way(NICE)


def give_way(nice: int) -> None:
    """Raise the niceness of this process to at least `nice`.

    Linux may group processes by session (`sched_autogroup_enabled`, sched(7)). The niceness of a process then counts
    only within its session. If this process leads a session, the session gets the niceness too.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) < nice:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")
