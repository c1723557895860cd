"""Small operations on files that must not be half done: hashing, writing a file whole, flushing to the disk."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from slm_lsp.errors import DiskFullError, ModelCorruptError, ModelError

CHUNK_BYTES = 1 << 20  # large enough that the loop costs nothing beside hashing and the disk


@dataclass(frozen=True)
class Stamp:
    """A file's size in bytes and its time of change in nanoseconds: equal stamps, same content (for cheap checks)."""

    bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, file: Path) -> "Stamp":
        """The stamp of a file as it is now; raises OSError if there is none."""
        state = file.stat()
        return cls(state.st_size, state.st_mtime_ns)


def hash_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of a file in lower-case hexadecimal; `on_bytes` hears how many bytes are done.

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
    """Make the names in a folder survive a power cut (the data of its files is synced by whoever wrote it)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises:
        OSError: it cannot be written; nothing is left behind.
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
    """The bytes that this user may still write on the disk that holds `folder`."""
    return shutil.disk_usage(folder).free


def scratch_of(partial: Path) -> Path:
    """The folder where a download puts what it needs besides `partial`; whoever holds the pull's lock may delete it."""
    return partial.with_suffix(".parts")


def is_disk_full(error: OSError) -> bool:
    """Whether a write failed because the disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_full(folder: Path, needed: int, free: int) -> DiskFullError:
    """The error for a disk that holds too little: `needed` and `free` in bytes."""
    return DiskFullError(
        f"The disk of {folder} has {free:,} bytes free; {needed:,} bytes are needed.",
        "Free some space or point SLM_LSP_MODELS_DIR at another disk, then try again: what was fetched is kept.",
    )


def link_or_copy(origin: Path, target: Path, before: Stamp, sha256: str) -> None:
    """Give a file whose hash was just taken a second name, or copy it, and make sure that it is still the same.

    Args:
        origin: the file; only read.
        target: the new name; what had it before is deleted.
        before: the stamp of `origin` before it was hashed.
        sha256: that hash.

    Raises:
        ModelCorruptError: the file changed meanwhile.
        DiskFullError: no room for a copy.
        ModelError: it cannot be copied.
    """
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(origin)
        same = Stamp.of(target) == before
    except OSError:  # another disk, or one without hard links
        same = _copy(origin, target) == sha256
    if not same:
        raise ModelCorruptError(f"{origin} changed while it was read.", "Try again when nothing writes to it.")


def _copy(origin: Path, target: Path) -> str:
    """Copy a file and return the SHA-256 of what was copied."""
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
