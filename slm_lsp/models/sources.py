"""Types shared by all download sources: the partial file, the progress, and the error that selects the next source."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from slm_lsp.errors import ModelError
from slm_lsp.models.catalogue import Entry
from slm_lsp.models.files import CHUNK_BYTES, disk_full, free_bytes, is_disk_full

SourceName = Literal["hub", "parts"]
Stage = Literal["waiting", "checking", "downloading"]


@dataclass(frozen=True)
class Progress:
    """Progress of a pull: `done` of `total` bytes of the model.

    The stages are `waiting` (for another pull of the same model), `checking` (hashing the existing partial file) and
    `downloading`.
    """

    done: int
    total: int
    source: SourceName | None
    stage: Stage


OnProgress = Callable[[Progress], None]


class SourceError(Exception):
    """A source cannot provide the model. The text says why, without a full stop. `pull` catches this error."""


class Source(Protocol):
    """A place from which models can be downloaded."""

    @property
    def name(self) -> SourceName:
        """The name of the source in options and messages."""
        ...

    def scratch_bytes(self, entry: Entry) -> int:
        """Return the temporary disk space that a download needs in addition to the model, in bytes."""
        ...

    def fetch(self, entry: Entry, partial: "Partial", on_bytes: Callable[[int], None]) -> None:
        """Append the missing bytes to `partial`.

        Args:
            entry: the model.
            partial: the partial file.
            on_bytes: called with the number of bytes of the model received so far.

        Raises:
            SourceError: the source cannot provide the model. Bytes received so far remain in `partial`.
        """
        ...


class Partial:
    """The first bytes of a model on disk, and their SHA-256.

    All sources provide the same bytes, so the next source can continue where an earlier source stopped.

    Args:
        path: the file; created if it does not exist.
        total: size of the whole model in bytes.
        on_bytes: called with the number of existing bytes that have been read and hashed.
    """

    def __init__(self, path: Path, total: int, on_bytes: Callable[[int], None]) -> None:
        self.path = path
        self.total = total
        self.size = 0
        self._digest = hashlib.sha256()
        try:
            # Unbuffered, so that closing the file does not try again to write data that a full disk has refused.
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from error
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            self._digest.update(chunk)
            self.size += len(chunk)
            on_bytes(self.size)
        if self.size > total:
            self.restart()

    @property
    def complete(self) -> bool:
        """Whether the file has the size of the model."""
        return self.size == self.total

    def sha256(self) -> str:
        """Return the hash of the bytes written so far, in lower-case hexadecimal."""
        return self._digest.hexdigest()

    def append(self, data: bytes) -> None:
        """Write the next bytes.

        Raises:
            SourceError: the file would become larger than the model.
            DiskFullError: the disk is full. The bytes written before remain.
            ModelError: the file cannot be written.
        """
        if self.size + len(data) > self.total:
            raise SourceError(f"the source sends more than the model's {self.total:,} bytes")
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self._failed(error) from error
        self._digest.update(data)
        self.size += len(data)

    def restart(self) -> None:
        """Delete all bytes written so far."""
        self._file.truncate(0)
        self._file.seek(0)
        self._digest = hashlib.sha256()
        self.size = 0

    def finish(self) -> None:
        """Sync the file to disk.

        Raises:
            DiskFullError: the disk is full.
            ModelError: the file cannot be written.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def _failed(self, error: OSError) -> ModelError:
        if is_disk_full(error):
            return disk_full(self.path.parent, self.total - self.size, free_bytes(self.path.parent))
        return _unwritable(self.path, error)


def _unwritable(path: Path, error: OSError) -> ModelError:
    what = f"{path} cannot be written: {error.strerror or error}."
    return ModelError(what, "Set SLM_LSP_MODELS_DIR to a writable folder.")
