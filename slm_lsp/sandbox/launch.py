"""Builds the command line that starts a program. A shell script inside the isolation sets the kernel's limits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.sandbox.outcome import KIB, THREADS, Limits

FILE_BLOCK_BYTES = 512
"""The unit of `ulimit -f`."""

CPU_MARGIN_S = 2
"""Seconds by which `RLIMIT_CPU` is higher than `Limits.cpu_s`. `watch` enforces `Limits.cpu_s` more precisely."""

DATA = 4
"""`RLIMIT_DATA` as a multiple of the memory limit. It stops a process that allocates memory faster than `watch` can
notice. It is a multiple because the Java virtual machine reserves several times the memory that it uses."""

COUNTED_PER_NAMESPACE = (5, 14)
"""The first version of Linux that counts processes for `RLIMIT_NPROC` in each user namespace separately. Older versions
count all processes of the user."""

STARTED, MISSING = b"started\n", b"missing\n"
"""What `LAUNCH` writes first: `STARTED` before the program's own output, `MISSING` if the program does not exist."""

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
"""Environment variable that marks the processes of a run where they have no process namespace. The supervisor finds
processes that have detached from their parents by this variable."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that starts a program in isolation."""

    argv: Sequence[str]
    """The isolation program and its options, then the program and its arguments."""
    environ: Mapping[str, str]
    """Environment of the isolation program. It has none of the variables meant for the program, because a variable such
    as LD_PRELOAD would act outside the sandbox here."""
    cwd: Path
    own_processes: int = 0
    """Number of processes of the isolation itself. They do not count towards `Limits.processes`."""
    status: Path | None = None
    """The file in which bubblewrap writes its status; None without a process namespace."""
    mark: str = ""
    """The value of `MARK` in the program's environment; empty if the program has a process namespace."""


def launch_script(limits: Limits, *, count_processes: bool) -> str:
    """Return the script that sets the kernel's limits and starts a program.

    Args:
        limits: limits of the run.
        count_processes: whether to set `RLIMIT_NPROC`, because it would count the processes of this run only.
    """
    return LAUNCH.format(
        cpu_s=math.ceil(limits.cpu_s) + CPU_MARGIN_S,
        file_blocks=max(1, limits.file_bytes // FILE_BLOCK_BYTES),
        open_files=limits.open_files,
        data_kib=DATA * limits.memory_bytes // KIB,
        address_kib="" if limits.address_bytes is None else limits.address_bytes // KIB,
        threads=limits.processes * THREADS if count_processes else "",
    )


def launch(argv: Sequence[str], environ: Mapping[str, str], limits: Limits, *, count_processes: bool) -> list[str]:
    """Return the command that starts a program inside the isolation, with only the variables `environ`."""
    variables = [f"{name}={value}" for name, value in environ.items()]
    script = launch_script(limits, count_processes=count_processes)
    return ["/usr/bin/env", "-i", *variables, "/bin/sh", "-c", script, "sh", *argv]
