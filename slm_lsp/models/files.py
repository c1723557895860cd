"""File operations of the store: hashing, atomic writes, syncing, linking, and checks of free disk space."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from slm_lsp.errors import DiskFullError, ModelCorruptError, ModelError

CHUNK_BYTES = 1 << 20  # large enough that the loop's overhead is negligible


@dataclass(frozen=True)
class Stamp:
    """A file's size in bytes and modification time in nanoseconds. Equal stamps are assumed to mean equal content."""

    bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, file: Path) -> "Stamp":
        """Return the current stamp of a file. Raise OSError if the file does not exist."""
        state = file.stat()
        return cls(state.st_size, state.st_mtime_ns)


def hash_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """Return the SHA-256 of a file in lower-case hexadecimal.

    Args:
        path: the file.
        on_bytes: called with the number of bytes hashed so far.

    Raises:
        OSError: the file cannot be read.
    """
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            if on_bytes is not None:
                on_bytes(done)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that created and renamed files in it survive a power failure, but not their content."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file atomically: readers see either the old content or the new content.

    Raises:
        OSError: the file cannot be written. No temporary file remains.
    """
    temporary = path.with_name(f".new-{uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def free_bytes(folder: Path) -> int:
    """Return the number of bytes that the user can still write to the disk of `folder`."""
    return shutil.disk_usage(folder).free


def scratch_folder(partial: Path) -> Path:
    """Return the folder for temporary files of a download. Only the holder of the pull lock may use or delete it."""
    return partial.with_suffix(".parts")


def is_disk_full(error: OSError) -> bool:
    """Whether a write failed because the disk is full or the user's quota is used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_full(folder: Path, needed: int, free: int) -> DiskFullError:
    """Return the error for too little free disk space. `needed` and `free` are in bytes."""
    return DiskFullError(
        f"The disk of {folder} has {free:,} bytes free; {needed:,} bytes are needed.",
        "Free some space, or set SLM_LSP_MODELS_DIR to a folder on another disk. Then run the command again: "
        "the data downloaded so far is kept.",
    )


def link_or_copy(origin: Path, target: Path, before: Stamp, sha256: str) -> None:
    """Hard-link or copy a file that was just hashed, and check that it has not changed since.

    Args:
        origin: the file; it is only read.
        target: path of the link or copy; an existing file is deleted.
        before: the stamp of `origin` before it was hashed.
        sha256: the hash of `origin`.

    Raises:
        ModelCorruptError: the file changed after it was hashed.
        DiskFullError: the disk has too little space for a copy.
        ModelError: the file cannot be copied.
    """
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(origin)
        same = Stamp.of(target) == before
    except OSError:  # the store is on another disk, or its file system has no hard links
        same = _copy(origin, target) == sha256
    if not same:
        raise ModelCorruptError(
            f"{origin} changed while it was being read.", "Try again when no program writes to the file."
        )


def _copy(origin: Path, target: Path) -> str:
    """Copy a file and return the SHA-256 of the copied bytes."""
    needed, free = origin.stat().st_size, free_bytes(target.parent)
    if free < needed:
        raise disk_full(target.parent, needed, free)
    digest = hashlib.sha256()
    try:
        with origin.open("rb") as source, target.open("wb") as copy:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(target.parent, needed, free_bytes(target.parent)) from error
        raise ModelError(f"{origin} cannot be copied into the store: {error.strerror or error}.") from error
    return digest.hexdigest()
