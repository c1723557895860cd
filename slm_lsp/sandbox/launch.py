"""The command line that starts a program: the limits of the kernel are set by a shell script, in the isolation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.sandbox.outcome import KIB, THREADS, Limits

OPEN_FILES = 256
"""Files that one process may have open."""

FILE_BLOCK_BYTES = 512
"""The unit of `ulimit -f`."""

CPU_MARGIN_S = 2
"""`RLIMIT_CPU` is this much higher than the limit, which is watched more precisely."""

DATA = 4
"""`RLIMIT_DATA` as a multiple of the memory limit. It stops a single process that allocates faster than we look. The
Java virtual machine reserves several times what it uses."""

COUNTED_PER_NAMESPACE = (5, 14)
"""The first Linux that counts processes for `RLIMIT_NPROC` in each user namespace. Older ones
count all processes of the user."""

STARTED, MISSING = b"started\n", b"missing\n"
"""What `LAUNCH` writes before anything else."""

LAUNCH = """
try() {{ ulimit "$@" 2>/dev/null || :; }}
try -c 0
try -t {cpu_s}
try -f {file_blocks}
try -n {open_files}
try -d {data_kib}
[ -z "{address_kib}" ] || try -v {address_kib}
[ -z "{threads}" ] || ulimit -u {threads} 2>/dev/null || try -p {threads}
case "$1" in
  */*) [ -x "$1" ] && [ ! -d "$1" ] ;;
  *) command -v "$1" >/dev/null 2>&1 ;;
esac || {{ echo missing; exit 127; }}
echo started
exec "$@"
"""
"""A script for any POSIX shell: sets the limits that the kernel enforces for each process, then becomes the program.

`ulimit` counts files in blocks of 512 bytes and memory in KiB. Bash names the limit of processes `-u`, dash `-p`.
"""

MARK = "SLM_SANDBOX_RUN"
"""The environment variable by which detached processes are found where there is no process namespace."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is started, and how it is isolated."""

    argv: Sequence[str]
    """Isolation and program."""
    environ: Mapping[str, str]
    """Environment of the isolation, not of the program: a variable such as LD_PRELOAD acts outside the sandbox here."""
    cwd: Path
    own_processes: int = 0
    """Processes of the isolation itself, which count for no limit."""
    status: Path | None = None
    """The file in which bubblewrap writes its status; None without a process namespace."""
    mark: str = ""
    """The value of `MARK` in the program's environment."""


def launch_script(limits: Limits, *, count_processes: bool) -> str:
    """The script that starts a program under the limits of the kernel.

    Args:
        limits: of the run.
        count_processes: whether `RLIMIT_NPROC` would count the processes of this run only.
    """
    return LAUNCH.format(
        cpu_s=math.ceil(limits.cpu_s) + CPU_MARGIN_S,
        file_blocks=max(1, limits.file_bytes // FILE_BLOCK_BYTES),
        open_files=OPEN_FILES,
        data_kib=DATA * limits.memory_bytes // KIB,
        address_kib="" if limits.address_bytes is None else limits.address_bytes // KIB,
        threads=limits.processes * THREADS if count_processes else "",
    )


def launch(argv: Sequence[str], environ: Mapping[str, str], limits: Limits, *, count_processes: bool) -> list[str]:
    """The command that starts a program inside the isolation, with these variables and no others."""
    variables = [f"{name}={value}" for name, value in environ.items()]
    script = launch_script(limits, count_processes=count_processes)
    return ["/usr/bin/env", "-i", *variables, "/bin/sh", "-c", script, "sh", *argv]
