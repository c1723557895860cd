"""What every source of a download shares: the growing file, progress, and the error that sends us to the next one."""

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
    """How far a pull is: `done` of `total` bytes of the model.

    `waiting` for another pull of the same model, `checking` what is there already, `downloading` the rest.
    """

    done: int
    total: int
    source: SourceName | None
    stage: Stage


Report = Callable[[Progress], None]


class SourceError(Exception):
    """A source cannot give the model; the text says why, without a full stop. Never leaves `pull`."""


class Source(Protocol):
    """Somewhere a model's bytes can be had."""

    @property
    def name(self) -> SourceName:
        """What the user calls it."""
        ...

    def scratch_bytes(self, entry: Entry) -> int:
        """Room on the disk in bytes that it needs besides the model itself."""
        ...

    def fetch(self, entry: Entry, partial: "Partial", report: Callable[[int], None]) -> None:
        """Append to `partial` what it lacks; `report` hears how many bytes of the model are there.

        Raises:
            SourceError: it cannot; what was got so far stays in `partial`.
        """
        ...


class Partial:
    """The bytes of a model that have come so far, in order, with their SHA-256 carried along.

    Whichever source they come from, they are the same bytes: a second source goes on where the first one stopped.

    Args:
        path: the file; made if it is not there.
        total: the bytes that the whole model has.
        report: hears how many bytes of what is there already have been read.
    """

    def __init__(self, path: Path, total: int, report: Callable[[int], None]) -> None:
        self.path = path
        self.total = total
        self.size = 0
        self._digest = hashlib.sha256()
        try:
            # Without a buffer: what a full disk refuses must not come up again when the file is closed.
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise _unwritable(path, error) from error
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            self._digest.update(chunk)
            self.size += len(chunk)
            report(self.size)
        if self.size > total:
            self.restart()

    @property
    def complete(self) -> bool:
        """Whether as many bytes are there as the model has."""
        return self.size == self.total

    def sha256(self) -> str:
        """The hash of what is there, in lower-case hexadecimal."""
        return self._digest.hexdigest()

    def append(self, data: bytes) -> None:
        """Write the next bytes.

        Raises:
            SourceError: they are more than the model has.
            DiskFullError: no room; what was written before stays.
            ModelError: the file cannot be written.
        """
        if self.size + len(data) > self.total:
            raise SourceError(f"it sends more than the {self.total:,} bytes that the model has")
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self._failed(error) from error
        self._digest.update(data)
        self.size += len(data)

    def restart(self) -> None:
        """Throw away what is there."""
        self._file.truncate(0)
        self._file.seek(0)
        self._digest = hashlib.sha256()
        self.size = 0

    def finish(self) -> None:
        """Get everything onto the disk.

        Raises:
            DiskFullError: no room.
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
    return ModelError(what, "Point SLM_LSP_MODELS_DIR at a folder you may write.")
