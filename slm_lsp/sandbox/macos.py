"""The sandbox on macOS: a profile for `sandbox-exec`.

The profile was written after the example of Apple's own profiles and has not been tested on a Mac. `slm-lsp doctor`
tests it.
"""

from collections.abc import Sequence
from pathlib import Path

PROGRAM = Path("/usr/bin/sandbox-exec")

SYSTEM = (
    *(
        "/usr",
        "/bin",
        "/sbin",
        "/System",
        "/Library/Developer",
        "/Library/Java",
        "/Library/Perl",
        "/Library/Frameworks",
    ),
    *("/opt/homebrew", "/opt/local", "/Applications/Xcode.app", "/private/var/db/dyld", "/private/etc/localtime"),
    *("/private/var/db/timezone", "/private/var/select", "/private/var/db/xcode_select_link"),
)
"""Programs and libraries that may be read and executed."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/dtracehelper", "/dev/tty")

RULES = """\
(version 1)
(deny default)
(allow process-fork)
(allow process-info* (target same-sandbox))
(allow signal (target same-sandbox))
(allow sysctl-read)
(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))
(allow mach-lookup (global-name "com.apple.system.logger"))
(allow ipc-posix-sem)
(allow file-read-metadata)
(allow file-read-data (literal "/"))
(allow file-read* file-write-data (literal "/dev/null") (literal "/dev/zero"))
"""
"""Rules for every program. Everything that no rule allows is denied, including the network. Programs may read names,
sizes and times of other files, but not their content."""


def profile(writable: Sequence[Path], readable: Sequence[Path]) -> str:
    """Return the profile that lets a program read and write `writable`, and read `readable` and the system's files.

    Args:
        writable: the program's folders, with symbolic links resolved, because macOS compares resolved paths.
        readable: other files and folders that the program may read, also with symbolic links resolved.
    """
    read = [f"(subpath {_quoted(each)})" for each in [*SYSTEM, *map(str, readable), *map(str, writable)]]
    read += [f"(literal {_quoted(each)})" for each in DEVICES]
    write = [f"(subpath {_quoted(str(each))})" for each in writable]
    rules = [RULES.rstrip(), f"(allow file-read* {' '.join(read)})", f"(allow process-exec {' '.join(read)})"]
    return "\n".join([*rules, f"(allow file-write* {' '.join(write)})", ""])


def arguments(writable: Sequence[Path], readable: Sequence[Path]) -> list[str]:
    """Return the beginning of a command line; the command that is appended to it runs under the profile."""
    return [str(PROGRAM), "-p", profile(writable, readable)]


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
