"""The script that runs one Python program of an evaluation. `process` starts the script in a separate process.

The script imports nothing of this package, so that it runs without the package on the path. An audit hook refuses to
write outside the working folder, to start processes and to use the network; limits bound memory and time. This prevents
damage by mistakes in generated programs. It does not stop a program that is written to break out; `run` does.
"""

import contextlib
import os
import sys

RAN_TO_THE_END = 87
"""The exit status of a program that ran to its end. It is not 0, because a program that exits early may return 0."""

CPU_S = 5
MEMORY_BYTES = 1024**3
FILE_BYTES = 1024**2
LIMITS = {"CPU": CPU_S, "AS": MEMORY_BYTES, "CORE": 0, "FSIZE": FILE_BYTES, "NPROC": 0}
"""Limits of the process, by the name of the constant `RLIMIT_…` without its prefix."""

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
    """Enter an empty network namespace if the system permits this."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import ctypes

        unshare = ctypes.CDLL(None).unshare
        if unshare(NEW_NETWORK) != 0:  # only root may; other users need a new user namespace, too
            unshare(NEW_NETWORK | NEW_USER)


def limit() -> None:
    """Set `LIMITS`, except those that this system does not have."""
    import resource

    for name, value in LIMITS.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def watch(folder: str) -> None:
    """From now on, refuse to write outside `folder`, to start processes and to use the network."""

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
    """Run a program; return the exit status."""
    cut_network()
    limit()
    watch(str(os.path.realpath(os.curdir)))
    try:
        exec(compile(program, "program.py", "exec"), {"__name__": "__main__"})  # noqa: S102 - running code is the purpose
    except BaseException:
        return 1
    return RAN_TO_THE_END


if __name__ == "__main__":
    os._exit(main(sys.argv[1]))
