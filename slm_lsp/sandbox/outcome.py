"""What a caller of `sandbox.run` passes and receives: limits, files and the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

KIB, MIB, GIB = 2**10, 2**20, 2**30

THREADS = 8
"""A run may have this many threads for each process that `Limits.processes` allows."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The resources that a program may use. The sandbox kills a program that exceeds a limit."""

    cpu_s: float = 10.0
    """Seconds of processor time of all processes together."""
    wall_s: float = 20.0
    """Seconds from start to end."""
    memory_bytes: int = 1 * GIB
    """Resident memory of all processes together."""
    address_bytes: int | None = None
    """Address space of one process. An allocation above this limit fails, and the program goes on. The default is no
    limit, because the Java virtual machine and Go reserve far more address space than they use."""
    processes: int = 64
    """Number of processes at the same time. The program may have eight times this number of threads."""
    open_files: int = 256
    """Number of files that one process may have open at the same time."""
    file_bytes: int = 64 * MIB
    """Size of one file."""
    disk_bytes: int = 256 * MIB
    """Disk space of the files that the program makes, in its working folder and in `/tmp` together."""
    files: int = 10_000
    """Number of files and folders that the program makes, in its working folder and in `/tmp` together."""
    output_bytes: int = 1 * MIB
    """Bytes that the program writes to standard output, and also to standard error (one limit for each)."""
    returned_bytes: int = 32 * MIB
    """Total size of the files in `Outcome.files`. A program may write more; the rest is not returned."""
    returned_files: int = 1_000
    """Number of files in `Outcome.files`. A program may write more; the rest is not returned."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that is put into the working folder before a run or read from there afterwards."""

    content: bytes
    executable: bool = False


class Reason(StrEnum):
    """Why the sandbox ended a program or could not start it."""

    WALL_TIME = "wall time"
    PROCESSOR_TIME = "processor time"
    MEMORY = "memory"
    PROCESSES = "processes"
    OUTPUT = "output"
    FILE_SIZE = "file size"
    DISK = "disk space"
    FILES = "files"
    COULD_NOT_START = "could not start"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a program."""

    exit: int | None
    """The exit status; 128 + N if signal N ended the program. None if the sandbox ended it or it did not start."""
    stdout: bytes
    stderr: bytes
    why: Reason | None = None
    """The limit that the program exceeded, or `COULD_NOT_START`; None if it ended by itself."""
    explanation: str = ""
    """`why` as a sentence for people; empty if the program ended by itself."""
    files: Mapping[str, File] = field(default_factory=lambda: MappingProxyType({}))
    """The regular files that the program made or changed, by their path in the working folder."""
    files_complete: bool = True
    """False if files are missing in `files`: they exceed `returned_bytes` or `returned_files`, or cannot be read."""
    wall_s: float = 0.0
    """Seconds from start to end."""

    @property
    def ok(self) -> bool:
        """Whether the program ended by itself with exit status 0."""
        return self.exit == 0


def explain(why: Reason, limits: Limits, program: str) -> str:
    """Return a sentence that says what the program did and which limit applied."""
    size = f"{limits.output_bytes / MIB:g} MiB"
    return {
        Reason.WALL_TIME: f"{program} was still running after {limits.wall_s:g} s and was ended.",
        Reason.PROCESSOR_TIME: f"{program} used more than {limits.cpu_s:g} s of processor time and was ended.",
        Reason.MEMORY: f"{program} used more than {limits.memory_bytes / MIB:g} MiB of memory and was ended.",
        Reason.PROCESSES: f"{program} ran more than {limits.processes} processes at the same time and was ended.",
        Reason.OUTPUT: f"{program} wrote more than {size} to standard output or standard error and was ended.",
        Reason.FILE_SIZE: f"{program} wrote a file of more than {limits.file_bytes / MIB:g} MiB and was ended.",
        Reason.DISK: f"{program} used more than {limits.disk_bytes / MIB:g} MiB of disk space and was ended.",
        Reason.FILES: f"{program} made more than {limits.files} files and folders and was ended.",
        Reason.COULD_NOT_START: f"{program} is not an executable program in the sandbox.",
    }[why]
