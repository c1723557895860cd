"""The model store. It keeps each model once, by hash, and returns a file for loading only if its content is verified.

    <root>/<sha256>.gguf       the model
    <root>/<sha256>.json       its record (see `records`); a model is installed if both files exist
    <root>/<sha256>.partial    the data of an unfinished download (see `pull`)
    <root>/<sha256>.parts/     temporary files of a download
    <root>/*.lock              locks, held while records change or a download runs

Names given by users never become part of a path.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_data_path

from slm_lsp.errors import ModelCorruptError, ModelError, ModelMissingError, UsageError
from slm_lsp.models.catalogue import Catalogue, Entry, Tier, load_catalogue
from slm_lsp.models.files import Stamp, hash_file, link_or_copy, scratch_folder, sync_folder
from slm_lsp.models.gguf import check_gguf
from slm_lsp.models.records import Record, Records, Source, is_hash


@dataclass(frozen=True)
class Installed:
    """An existing model file. `bytes` is its size.

    `intact` means that size and modification time are the same as when the hash was last verified. A file outside the
    store has no `sha256` and no `source`, and is never `intact`.
    """

    name: str
    path: Path
    bytes: int
    sha256: str | None = None
    tier: Tier | None = None
    source: Source | None = None
    intact: bool = False


@dataclass(frozen=True)
class _HashResult:
    """Whether a file's hash was correct, with the file's stamp and record at that time."""

    stamp: Stamp
    record: Record
    sound: bool


_hash_results: dict[Path, _HashResult] = {}
"""Results of the hashes that this process has computed. Without them, a file would be hashed again at every request in
two cases: the store is read-only, so that the record cannot be written, or the model is corrupt."""

_hashing = threading.Lock()
"""Held by the thread that computes a hash for `find`, so that other threads wait for its result."""


@dataclass(frozen=True)
class Verification:
    """Result of verifying one stored model. `reason` says what is wrong; it is empty if the model is sound."""

    name: str
    path: Path
    sound: bool
    reason: str = ""


def default_root() -> Path:
    """Return the default folder of the store."""
    return user_data_path("slm-lsp") / "models"


class Store:
    """The store of models in one folder.

    Args:
        root: the folder; created when the first model is stored.
        catalogue: the known models; by default, the catalogue of this package.
        clock: returns the time in seconds since 1970.
    """

    def __init__(
        self, root: Path, catalogue: Catalogue | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.root = root
        self.catalogue = load_catalogue() if catalogue is None else catalogue
        self.records = Records(root, self.catalogue)
        self._clock = clock

    def installed(self) -> list[Installed]:
        """Return the stored models: models of the catalogue first, then by name. Check only sizes and times."""
        found = [self._installed(record) for record in self.records.stored()]
        return sorted(found, key=lambda model: (model.tier is None, model.tier or "", model.name))

    def find(self, wanted: str | Path) -> Installed:
        """Return the model for a tier, a name or a path. A text is a path if it contains `/` or ends in `.gguf`.

        A stored file is hashed if its size or modification time has changed since it was last verified. A file outside
        the store is not hashed; only its header and size are checked.

        Raises:
            UnknownModelError: no model has this name.
            ModelMissingError: the model is known but not in the store.
            ModelCorruptError: the file is corrupt, or not a GGUF file.
            ModelError: a stored file cannot be read.
            UsageError: the path is not a readable file.
        """
        if isinstance(wanted, Path) or _is_path(wanted):
            return self._find_path(Path(wanted))
        record = self.records.named(wanted)
        model = None if record is None else self._checked(record)
        if model is None:
            raise self.records.missing(wanted)
        return model

    def recover(self, entry: Entry) -> Installed | None:
        """Return the stored model of an entry, even if its record is missing.

        Return None if the model is not stored or is corrupt.
        """
        path, record = self.records.path_of(entry.sha256), self.records.get(entry.sha256)
        if not path.is_file():
            return None
        if record is None:
            record = Record(entry.name, entry.bytes, entry.sha256, "added", self._clock(), None)
        try:
            return self._checked(record)
        except ModelCorruptError:
            return None

    def add(self, file: Path, name: str | None = None, on_bytes: Callable[[int], None] | None = None) -> Installed:
        """Add a GGUF file of the user to the store. The file itself is not moved or changed.

        The file is hard-linked if possible, otherwise copied. A model of the catalogue is recognized by its hash and
        keeps the catalogue's name.

        Args:
            file: the file.
            name: name of the model; by default, it is made from the file name.
            on_bytes: called with the number of bytes hashed so far.

        Raises:
            UsageError: the file cannot be read, or the name is invalid or belongs to another model.
            ModelCorruptError: the file is not a GGUF file, is truncated, or changed while it was being read.
            DiskFullError: the disk has too little space for a copy.
            ModelError: the store cannot be written.
        """
        origin = _resolved(file)
        check_gguf(origin)
        try:
            before = Stamp.of(origin)
            sha256 = hash_file(origin, on_bytes)
        except OSError as error:
            raise UsageError(f"Cannot read {file}: {error.strerror or error}.") from error
        self.prepare()
        with self._lock():
            record = Record(
                self.records.name_for(sha256, name, file.stem), before.bytes, sha256, "added", self._clock(), None
            )
            old = self.records.get(sha256)
            if self.records.path_of(sha256).is_file() and self._rehashed(record) is not None:
                kept = record if old is None else replace(old, name=record.name)
                return self._installed(self._stamped(kept, Stamp.of(self.records.path_of(sha256))))
            temporary = self.root / f"{sha256}.new"
            try:
                link_or_copy(origin, temporary, before, sha256)
                return self._place(temporary, record)
            finally:
                temporary.unlink(missing_ok=True)

    def put(self, file: Path, entry: Entry, source: Source) -> Installed:
        """Move a downloaded file into the store and write its record; raises OSError on failure.

        The caller has just verified that the file has the hash of `entry`.
        """
        with self._lock():
            return self._place(file, Record(entry.name, entry.bytes, entry.sha256, source, self._clock(), None))

    def verify(self, name: str | None = None) -> list[Verification]:
        """Hash one model, or all models. `find` refuses corrupt models until they are replaced.

        Raises:
            UnknownModelError: no model has this name.
            ModelMissingError: the model is known but not in the store.
        """
        records = self.records.stored()
        if name is not None:
            wanted = self.records.named(name)
            records = [record for record in records if record == wanted]
            if not records:
                raise self.records.missing(name)
        return [self._verification(record) for record in records]

    def remove(self, name: str) -> int:
        """Delete a model and the data of an unfinished download. Return the number of bytes deleted.

        Raises:
            UnknownModelError: no model has this name.
            ModelMissingError: the store has neither the model nor an unfinished download of it.
            ModelError: another process is downloading the model.
        """
        record, entry = self.records.named(name), self.catalogue.get(name)
        sha256 = entry.sha256 if entry is not None else "" if record is None else record.sha256
        # Delete these files before the record. A record without its file does not count as an installed model.
        files = (self.records.path_of(sha256), self.partial_of(sha256))
        if not any(path.is_file() for path in files):
            raise self.records.missing(name)
        try:
            with self.pull_lock(sha256).acquire(timeout=0), self._lock():
                freed = sum(path.stat().st_size for path in files if path.is_file())
                for path in files:
                    path.unlink(missing_ok=True)
                self.records.delete(sha256)
                shutil.rmtree(scratch_folder(self.partial_of(sha256)), ignore_errors=True)
        except Timeout:
            raise ModelError(
                f"Another process is downloading {name}.", "Wait until it has finished, or stop it first."
            ) from None
        return freed

    def prepare(self) -> None:
        """Create the store's folder.

        Raises:
            ModelError: the folder cannot be created or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = f"The model folder {self.root} cannot be created: {error.strerror or error}."
            raise ModelError(what, "Set SLM_LSP_MODELS_DIR to a writable folder.") from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            what = f"The model folder {self.root} is not writable."
            raise ModelError(what, "Set SLM_LSP_MODELS_DIR to a writable folder.")

    def pull_lock(self, sha256: str) -> FileLock:
        """Return the lock for downloading this model. It excludes other processes and threads."""
        return FileLock(self.root / f"{sha256}.lock")

    def partial_of(self, sha256: str) -> Path:
        """Return the path of the partial file of a download."""
        return self.root / f"{sha256}.partial"

    def _lock(self) -> FileLock:
        return FileLock(self.root / "store.lock")

    def _find_path(self, path: Path) -> Installed:
        file = _resolved(path)
        if is_hash(file.stem) and file.parent == self.root.resolve():  # a stored model, whose hash must be correct
            record = self.records.get(file.stem)
            model = None if record is None else self._checked(record)
            if model is None:
                raise ModelMissingError(f"{path} is not a model of the store.", self.records.cure(file.stem))
            return model
        layout = check_gguf(file)
        return Installed(path.stem, file, layout.bytes)

    def _checked(self, record: Record) -> Installed | None:
        """Check a stored model. Hash it only if its size or modification time has changed.

        Return None if the file is missing.
        """
        try:
            known = record.verified == Stamp.of(self.records.path_of(record.sha256))
            sound = record if known else self._hashed_once(record)
        except FileNotFoundError:
            return None
        except OSError as error:
            what = f"The model {self.records.path_of(record.sha256)} cannot be read: {error.strerror or error}."
            raise ModelError(what, "Check the permissions of the file.") from error
        if sound is None:
            name = self.records.name_of(record)
            what = f"{self.records.path_of(record.sha256)} is corrupt: its content differs from the model {name}."
            raise ModelCorruptError(what, self.records.cure(record.sha256))
        return self._installed(sound)

    def _hashed_once(self, record: Record) -> Record | None:
        """Do the same as `_rehashed`, but reuse an earlier result if neither the file nor its record has changed."""
        path = self.records.path_of(record.sha256)
        with _hashing:
            record = self.records.get(record.sha256) or record  # another thread may have written it meanwhile
            stamp, result = Stamp.of(path), _hash_results.get(path)
            if record.verified == stamp:
                return record
            if result is None or (result.stamp, result.record) != (stamp, record):
                return self._rehashed(record)
            return replace(record, verified=stamp) if result.sound else None

    def _rehashed(self, record: Record) -> Record | None:
        """Hash a stored model and store the result. Return its new record, or None if its size or hash is wrong."""
        path = self.records.path_of(record.sha256)
        stamp = Stamp.of(path)
        right = stamp.bytes == record.bytes and hash_file(path) == record.sha256
        stamped = self._stamped(record, stamp if right else None)
        _hash_results[path] = _HashResult(stamp, self.records.get(record.sha256) or record, right)
        return stamped if right else None

    def _stamped(self, record: Record, stamp: Stamp | None) -> Record:
        stamped = replace(record, verified=stamp)
        with suppress(OSError):  # the store may be read-only; then only this process knows the result
            self.records.write(stamped)
        return stamped

    def _verification(self, record: Record) -> Verification:
        path = self.records.path_of(record.sha256)
        try:
            if self._rehashed(record) is not None:
                return Verification(self.records.name_of(record), path, sound=True)
            reason = f"its content has changed. {self.records.cure(record.sha256)}"
        except OSError as error:
            reason = f"it cannot be read: {error.strerror or error}."
        return Verification(self.records.name_of(record), path, sound=False, reason=reason)

    def _place(self, file: Path, record: Record) -> Installed:
        """Write the record of a complete file, then move the file to its final path.

        Moving does not change the modification time, so the record is correct before and after the move. In this order,
        a crash between the two steps leaves no model without a record.
        """
        record = replace(record, verified=Stamp.of(file))
        self.records.write(record)
        file.replace(self.records.path_of(record.sha256))
        sync_folder(self.root)
        return self._installed(record)

    def _installed(self, record: Record) -> Installed:
        path, entry = self.records.path_of(record.sha256), self.catalogue.by_hash(record.sha256)
        try:
            intact = record.verified == Stamp.of(path)
        except OSError:
            intact = False
        tier = None if entry is None else entry.tier
        return Installed(self.records.name_of(record), path, record.bytes, record.sha256, tier, record.source, intact)


def _is_path(text: str) -> bool:
    return "/" in text or os.sep in text or text.startswith("~") or text.lower().endswith(".gguf")


def _resolved(path: Path) -> Path:
    """Return the absolute path, with `~` expanded and symbolic links resolved."""
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, an unknown user after `~`, a null character
        raise UsageError(f"Cannot read {str(path)!r}: {error}.") from error
