"""The temporary folder of one run: filled before the run, measured during the run, then read and removed."""

import contextlib
import itertools
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slm_lsp.errors import UsageError
from slm_lsp.sandbox.outcome import File, Limits

Files = Mapping[str, "bytes | str | File | Path"]
"""Content of files by their path in the working folder. A `Path` is a file of this machine that is copied."""

PREFIX = "slm-sandbox-"
DEEPEST = 100
"""Maximum depth of nested folders that a program may make. Deeper folders count as exceeding `Limits.files`."""

BLOCK_BYTES = 512
"""The unit of `st_blocks`."""

MOST_GIVEN = 1_000_000
"""Maximum number of entries that are counted in the folders before the program starts."""

Stamp = tuple[int, int, int, int]
"""Size, time of change of the content, time of change of the entry, inode number.

A program cannot set the third value, so every change of a file changes its stamp.
"""


@dataclass(frozen=True, slots=True)
class Size:
    """Number and disk space of files and folders."""

    entries: int = 0
    disk_bytes: int = 0
    too_deep: bool = False
    unreadable: bool = False
    """Whether the program has made folders that this user may not read. The other figures are then too low."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A project folder that the program sees at the project's own path instead of the plain working folder."""

    root: Path
    """The project folder, without symbolic links."""
    overlay: bool = False
    """Whether `Folder.work` is the upper layer of an overlay on `root`. Otherwise, it is a copy of `root`."""
    shared: tuple[str, ...] = ()
    """Files and folders of `root` that are mounted read-only over the copy, by their relative paths."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one run. The program uses `work` and `tmp`; only the sandbox itself uses `outside`."""

    root: Path
    mount: Mount | None = None
    """What the program sees as its working folder; None: `work` itself."""

    @property
    def work(self) -> Path:
        """The working folder of the program."""
        return self.root / "work"

    @property
    def tmp(self) -> Path:
        """The program's folder for temporary files. In bubblewrap, the program sees it as `/tmp`."""
        return self.root / "tmp"

    @property
    def outside(self) -> Path:
        """The folder of files that set up the sandbox. The program does not see it."""
        return self.root / "outside"

    @property
    def overlay(self) -> Path:
        """The folder that the kernel needs for the changes of an overlay. The program does not see it."""
        return self.outside / "overlay"


@contextlib.contextmanager
def temporary_folder() -> Iterator[Folder]:
    """Make a new folder that only this user can enter; remove it and its content at the end."""
    folder = Folder(Path(tempfile.mkdtemp(prefix=PREFIX)).resolve())
    try:
        for each in (folder.work, folder.tmp, folder.outside):
            each.mkdir(mode=0o700)
        yield folder
    finally:
        remove(folder.root)


def give_to(user: int, *folders: Path) -> None:
    """Make a user the owner of folders and of everything in them (root only)."""
    for folder in folders:
        # Bubblewrap must still be able to enter the folder: it then has no capabilities but is still in root's group.
        os.chown(folder, user, -1)
        folder.chmod(0o710)
        for inner, names, files in os.walk(folder):
            for name in (*names, *files):
                os.chown(Path(inner) / name, user, user, follow_symlinks=False)


def remove(root: Path) -> None:
    """Remove a folder, whatever permissions a program has set in it and however deep it is.

    `shutil.rmtree` fails if a program has removed the permissions of a folder, or nested folders thousands of levels
    deep. In these cases the commands `chmod` and `rm` remove the rest.
    """
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(root)
    if root.exists():
        for command in (["chmod", "-R", "u+rwX", "--", str(root)], ["rm", "-rf", "--", str(root)]):
            subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)


def fill(work: Path, files: Files | Path) -> None:
    """Put files into the working folder, or copy a folder into it.

    Raises:
        UsageError: a path leads out of the working folder, or a file cannot be read.
    """
    try:
        if isinstance(files, Path):
            shutil.copytree(files, work, symlinks=True, dirs_exist_ok=True, ignore=_special)
            return
        for name, content in files.items():
            path = work / inside(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content)
    except (OSError, shutil.Error) as error:
        raise UsageError(f"The files cannot be copied into the sandbox: {error}") from error


def inside(name: str) -> PurePosixPath:
    """Return `name` as a relative path inside the working folder.

    Raises:
        UsageError: the path is absolute or leads out of the working folder.
    """
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise UsageError(
            f"{name!r} is not a path inside the working folder of the sandbox.", "Use a relative path without `..`."
        )
    return path


def stamps(work: Path) -> dict[str, Stamp]:
    """Return a stamp of each regular file in a folder, by its relative path."""
    return {str(path.relative_to(work)): _stamp(info) for path, info in _regular_files(work)}


def changed(work: Path, before: Mapping[str, Stamp], limits: Limits) -> tuple[dict[str, File], bool]:
    """Return the regular files that were made or changed since `before`, and whether the result is complete.

    Symbolic links are omitted.
    """
    found: dict[str, File] = {}
    complete, room = True, limits.returned_bytes
    for path, info in sorted(_regular_files(work), key=lambda each: each[0]):
        name = str(path.relative_to(work))
        if before.get(name) == _stamp(info):
            continue
        if info.st_size > room or len(found) >= limits.returned_files:
            complete = False
            continue
        try:
            found[name] = File(_read(path, info.st_size), bool(info.st_mode & stat.S_IXUSR))
        except OSError:
            complete = False
        else:
            room -= info.st_size
    return found, complete


def measure(*roots: Path, stop_after: int = MOST_GIVEN) -> Size:
    """Return the number and disk space of the entries in folders. Counting stops after `stop_after` entries."""
    entries = blocks = 0
    unreadable = False
    pending = [(os.fspath(root), 0) for root in roots]
    while pending and entries <= stop_after:
        folder, depth = pending.pop()
        if depth > DEEPEST:
            return Size(entries, blocks * BLOCK_BYTES, too_deep=True)
        try:
            infos = list(_infos(folder, stop_after - entries))
        except PermissionError:
            unreadable = True
            continue
        except OSError:  # the program has removed the folder
            continue
        entries += len(infos)
        blocks += sum(info.st_blocks for _, info in infos)
        pending.extend((path, depth + 1) for path, info in infos if stat.S_ISDIR(info.st_mode))
    return Size(entries, blocks * BLOCK_BYTES, unreadable=unreadable)


def free_bytes(root: Path) -> int:
    """Return the free bytes on the disk of a folder."""
    return shutil.disk_usage(root).free


def _infos(folder: str, most: int) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the entries of a folder, at most `most` + 1 of them."""
    with os.scandir(folder) as listed:
        for each in itertools.islice(listed, most + 1):
            with contextlib.suppress(FileNotFoundError):
                yield each.path, each.stat(follow_symlinks=False)


def _write(path: Path, content: bytes | str | File | Path) -> None:
    if isinstance(content, Path):
        shutil.copyfile(content, path)
        shutil.copymode(content, path)
        path.chmod(path.stat().st_mode | stat.S_IRUSR | stat.S_IWUSR)
        return
    if isinstance(content, str):
        content = content.encode()
    file = content if isinstance(content, File) else File(content)
    path.write_bytes(file.content)
    path.chmod(0o755 if file.executable else 0o644)


def _special(folder: str, names: list[str]) -> list[str]:
    """Return the names that are neither files, folders nor symbolic links."""
    return [name for name in names if not _copied(os.lstat(os.path.join(folder, name)).st_mode)]  # noqa: PTH118


def _copied(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def _regular_files(work: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield regular files. Do not follow symbolic links: they may point to files that the program cannot read."""
    for folder, names, found in os.walk(work, followlinks=False):
        depth = len(Path(folder).relative_to(work).parts)
        if depth >= DEEPEST:
            names.clear()
        for name in found:
            path = Path(folder) / name
            with contextlib.suppress(OSError):
                info = path.lstat()
                if stat.S_ISREG(info.st_mode):
                    yield path, info


def _stamp(info: os.stat_result) -> Stamp:
    return info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino


def _read(path: Path, size: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as file:
        return file.read(size)
