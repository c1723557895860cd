"""Changes of several files that belong together: apply all of them, or leave every file as it was."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from slm_lsp.errors import SlmError, StaleEditError, UsageError
from slm_lsp.features.edit.files import FileVersion, read_version, write_version


@dataclass(frozen=True, slots=True)
class FileChange:
    """New text of one file, made from one version of it."""

    path: str
    """Path of the file in the project, with `/`."""
    old: str
    """The text from which the change was made; empty for a file that the change creates."""
    new: str
    created: bool = False


@dataclass(frozen=True, slots=True)
class ProjectChange:
    """Changes of several files that belong together."""

    files: tuple[FileChange, ...]
    notes: tuple[str, ...] = ()
    """Notes for the user: which uses were not changed, and why, each with `path:line`."""


def apply_change(root: Path, change: ProjectChange) -> None:
    """Write the new texts of all files.

    All files are read first, and nothing is written if one of them has changed. Each file is then replaced in one step.
    If writing a file fails, the files that were already written get their old texts back.

    Args:
        root: the project's folder.
        change: the change. Texts have no byte order mark; a file keeps the mark that it has.

    Raises:
        StaleEditError: a file has changed since the change was made, or a file to create exists.
        UsageError: a file cannot be read or written.
    """
    versions = [_version(root, each) for each in change.files]
    written: list[tuple[FileChange, FileVersion | None]] = []
    try:
        for each, version in zip(change.files, versions, strict=True):
            if version is None:
                _create(root / each.path, each.new)
            else:
                write_version(version, each.new)
            written.append((each, version))
    except (SlmError, OSError):
        for each, version in reversed(written):
            _put_back(root / each.path, each, version)
        raise


def _version(root: Path, change: FileChange) -> FileVersion | None:
    """Return the version of a file on disk, after checking that the change was made from it; None for a new file."""
    path = root / change.path
    if change.created:
        if os.path.lexists(path):
            raise StaleEditError(f"{path} exists already.", "Run the command again.")
        return None
    version = read_version(path)
    if version.text != change.old:
        raise StaleEditError(f"{path} has changed since the edit was made.", "Run the command again.")
    return version


def _create(path: Path, text: str) -> None:
    """Create a file with its whole content in one step.

    Raises:
        StaleEditError: the file exists.
        UsageError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            _link(path, temporary)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def _link(path: Path, temporary: Path) -> None:
    """Give the temporary file its final name. A hard link fails if the name is taken; a renaming would not."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError as error:
        raise StaleEditError(f"{path} exists already.", "Run the command again.") from error


def _put_back(path: Path, change: FileChange, version: FileVersion | None) -> None:
    """Undo a written change, unless another program has changed the file since."""
    now = read_version(path)
    if now.text != change.new:
        return
    if version is None:
        path.unlink()
    else:
        write_version(now, change.old)
