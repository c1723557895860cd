"""A project folder as a program in the sandbox sees it: some files have other content, and some files are missing.

There are four ways to make such a view, and none of them lets an isolated program change a file of the project:

- `overlay`: the project is the lower layer of an overlay. The kernel never writes to this layer.
- `copy`: the project's own files are copied. Its large files and its folders of dependencies are mounted read-only.
- `clone` (macOS): as `copy`, but dependencies are cloned, which takes no disk space on APFS.
- `link` (without isolation): as `copy`, but dependencies are symbolic links to the originals.

Hard links are not used: a program that writes to a hard link in place changes the original.
"""

import contextlib
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from slm_lsp.errors import SandboxUnavailableError, UsageError
from slm_lsp.sandbox.folder import Folder, Mount, inside
from slm_lsp.sandbox.outcome import MIB

Way: TypeAlias = Literal["overlay", "copy", "clone", "link"]

LARGE_BYTES = 8 * MIB
"""A copied tree does not contain files of at least this size. They are mounted read-only, linked or cloned instead."""

MOST_COPIED_BYTES = 512 * MIB
"""Maximum size of the files of a view that are copied."""

MOST_COPIED_FILES = 50_000
"""Maximum number of files of a view that are copied."""

MOST_SHARED_FILES = 200
"""Maximum number of large files of a view that are not copied. Each of them is one mount."""

MTIME_STEP_S = 2.0
"""A file with other content is at least this much newer than the original. Python and make compare times, some of them
in whole seconds, to decide whether compiled code is out of date."""


@dataclass(frozen=True, slots=True)
class View:
    """What the program sees of a project folder. All paths are relative to `root` and use `/`."""

    root: Path
    """The project folder. The program starts in it. In bubblewrap, it has its own absolute path, because virtual
    environments and build outputs contain absolute paths."""
    changed: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """Content of files that differ from the project's files or do not exist there."""
    hidden: frozenset[str] = frozenset()
    """Files and folders that the program does not see."""
    dependencies: frozenset[str] = frozenset()
    """Folders that are not copied, because they are large and the program usually only reads them."""
    caches: frozenset[str] = frozenset()
    """Folders that are not copied, because programs recreate them."""


def resolved(view: View) -> View:
    """Return the view with paths without symbolic links. If a changed path is a link, its target is changed.

    Folders that contain a changed file are neither dependencies nor caches of the result, so that the change is seen.

    Raises:
        UsageError: the root is not a folder, or a path is hidden or leads out of the project.
    """
    root = view.root.resolve()
    if not root.is_dir():
        raise UsageError(f"{view.root} is not a folder.")
    changed = {}
    for path, content in view.changed.items():
        real = (root / inside(path)).resolve()
        if not real.is_relative_to(root):
            raise UsageError(f"{path} is a link that leads out of {root}.")
        changed[real.relative_to(root).as_posix()] = content
    above = {str(parent) for path in changed for parent in (Path(path), *Path(path).parents)}
    if view.hidden & above:
        raise UsageError(f"{min(view.hidden & above)} is not shown to programs, so it cannot be changed for them.")
    return replace(view, root=root, changed=changed, dependencies=view.dependencies - above, caches=view.caches - above)


def fill_with(view: View, folder: Folder, way: Way) -> Folder:
    """Put the files of a view into the run's working folder. Return the folder with the mount that the program sees.

    Raises:
        SandboxUnavailableError: the disk of the temporary folder cannot be part of an overlay.
        UsageError: the project is too large to copy, or a file cannot be written.
    """
    if way == "overlay":
        _fill_upper(view, folder)
        return replace(folder, mount=Mount(view.root, overlay=True))
    try:
        shared = _Copy(view, folder.work, way).all()
        _write_changed(view, folder.work)
    except (OSError, shutil.Error) as error:
        raise UsageError(f"The project cannot be copied into the sandbox: {error}") from error
    return replace(folder, mount=Mount(view.root, shared=shared)) if way == "copy" else folder


def _fill_upper(view: View, folder: Folder) -> None:
    """Fill the upper layer of an overlay: the changed files, and a whiteout for each hidden file.

    A whiteout is a character device with the number 0. The kernel lets every user make one since Linux 5.8.
    """
    try:
        os.setxattr(folder.work, "user.slm-lsp", b"1")  # without it, the overlay cannot replace folders
        folder.overlay.mkdir(mode=0o700)
        for path in view.hidden:
            _make_parents(view, folder.work, path)
            os.mknod(folder.work / path, stat.S_IFCHR, os.makedev(0, 0))
        _write_changed(view, folder.work)
    except OSError as error:
        raise SandboxUnavailableError(f"{folder.root} cannot be part of an overlay: {error.strerror}.") from error


def _make_parents(view: View, work: Path, path: str) -> None:
    """Make the folders above a file in the working folder, with the permissions that they have in the project."""
    for parent in reversed(Path(path).parents[:-1]):
        made = work / parent
        if made.is_symlink():
            made.unlink()
        if not made.is_dir():
            made.mkdir()
            with contextlib.suppress(OSError):
                made.chmod(0o700 | stat.S_IMODE((view.root / parent).stat().st_mode) & 0o777)


def _write_changed(view: View, work: Path) -> None:
    for path, content in view.changed.items():
        original, target = view.root / path, work / path
        _make_parents(view, work, path)
        target.unlink(missing_ok=True)
        target.write_bytes(content)
        with contextlib.suppress(OSError):
            info = original.stat()
            target.chmod(0o600 | stat.S_IMODE(info.st_mode) & 0o777)
            newer = max(time.time(), info.st_mtime + MTIME_STEP_S)
            os.utime(target, (newer, newer))


@dataclass
class _Copy:
    """Copies the files of a project into a working folder."""

    view: View
    work: Path
    way: Way
    room: int = field(default_factory=lambda: MOST_COPIED_BYTES)
    files: int = field(default_factory=lambda: MOST_COPIED_FILES)
    shared: list[str] = field(default_factory=list)

    def all(self) -> tuple[str, ...]:
        """Copy everything. Return the paths that must be mounted over the copy."""
        pending = [""]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(self.view.root / folder) as listed:
                    entries = list(listed)
            except OSError:  # the user may not read it, or it was removed meanwhile
                continue
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if path not in self.view.hidden and path not in self.view.caches and self._entry(entry, path):
                    pending.append(path)
        return tuple(self.shared)

    def _entry(self, entry: "os.DirEntry[str]", path: str) -> bool:
        """Copy or share one entry; return whether it is a folder whose entries must be copied."""
        target = self.work / path
        if entry.is_symlink():
            target.symlink_to(Path(entry.path).readlink())
        elif entry.is_dir():
            if path in self.view.dependencies:
                self._share(entry.path, path, is_folder=True)
                return False
            target.mkdir()
            return True
        elif entry.is_file():
            self._file(entry, path)
        return False

    def _file(self, entry: "os.DirEntry[str]", path: str) -> None:
        info = entry.stat()
        if info.st_size >= LARGE_BYTES and len(self.shared) < MOST_SHARED_FILES and path not in self.view.changed:
            self._share(entry.path, path, is_folder=False)
            return
        self.room -= info.st_size
        self.files -= 1
        if self.room < 0 or self.files < 0:
            raise UsageError(
                f"{self.view.root} is too large to copy: it has more than {MOST_COPIED_BYTES // MIB} MiB or "
                f"{MOST_COPIED_FILES:,} files, dependencies not included.",
                "Install bubblewrap 0.11 or later and run slm-lsp as an ordinary user, not as root: then slm-lsp "
                "copies nothing. See docs/sandbox.md.",
            )
        target = self.work / path
        with contextlib.suppress(PermissionError, FileNotFoundError):
            shutil.copyfile(entry.path, target)
            target.chmod(0o600 | stat.S_IMODE(info.st_mode) & 0o777)
            os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))

    def _share(self, source: str, path: str, *, is_folder: bool) -> None:
        target = self.work / path
        if self.way == "link":
            target.symlink_to(source)
        elif self.way == "clone":
            subprocess.run(["/bin/cp", "-cRp", source, str(target)], check=False, capture_output=True)
        else:
            self.shared.append(path)
            target.mkdir() if is_folder else target.touch()
