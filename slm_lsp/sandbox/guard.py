"""Run by `process` as a script in a process of its own: takes away what a small program has no need of, and runs it.

It stands alone, for the process sees neither this package nor the environment. An audit hook refuses writing outside
the working folder, other processes and the network, whoever the user is; limits hold memory and time. That keeps
mistakes of generated programs from doing harm; it is no wall against a program made to break it.
"""

import contextlib
import os
import resource
import sys

RAN_TO_THE_END = 87
"""The exit status of a program that ended without an error; no program gets there by leaving early with 0."""

CPU_S = 5
MEMORY_BYTES = 1024**3
FILE_BYTES = 1024**2
LIMITS = (
    (resource.RLIMIT_CPU, CPU_S),
    (resource.RLIMIT_AS, MEMORY_BYTES),
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_FSIZE, FILE_BYTES),
    (resource.RLIMIT_NPROC, 0),
)

NEW_NETWORK = 0x40000000
NEW_USER = 0x10000000

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
REFUSED = ("socket.", "ctypes.", "subprocess.", "shutil.", "resource.", "pty.", "signal.pthread_kill")
REFUSED_OS = frozenset(
    {
        "os.chflags",
        "os.chmod",
        "os.chown",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.killpg",
        "os.link",
        "os.lockf",
        "os.mkdir",
        "os.posix_spawn",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.setxattr",
        "os.spawn",
        "os.startfile",
        "os.symlink",
        "os.system",
        "os.truncate",
        "os.utime",
    }
)


def cut_network() -> None:
    """Leave the network behind, where the system lets us: as root, or with a namespace for users."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import ctypes

        unshare = ctypes.CDLL(None).unshare
        if unshare(NEW_NETWORK) != 0:
            unshare(NEW_NETWORK | NEW_USER)


def limit() -> None:
    """Set what limits the system knows."""
    for kind, value in LIMITS:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def watch(folder: str) -> None:
    """Refuse from now on, in all of this process, what is dangerous outside `folder`."""

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if isinstance(flags, int) and flags & WRITING and not _within(folder, path):
                raise PermissionError(f"writing {path!r} is not allowed")
        elif event in REFUSED_OS or event.startswith(REFUSED):
            raise PermissionError(f"{event} is not allowed")

    sys.addaudithook(hook)


def _within(folder: str, path: object) -> bool:
    if isinstance(path, int):
        return True
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    full = os.path.realpath(os.fsdecode(path))
    return full.startswith(folder + os.sep)


def main(program: str) -> int:
    """Run a program; says whether it ran to its end."""
    cut_network()
    limit()
    watch(str(os.path.realpath(os.curdir)))
    try:
        exec(compile(program, "program.py", "exec"), {"__name__": "__main__"})  # noqa: S102 - what it is for
    except BaseException:
        return 1
    return RAN_TO_THE_END


if __name__ == "__main__":
    os._exit(main(sys.argv[1]))
