"""The store: every model once, by content, and nothing handed out for loading whose content is in doubt.

    <root>/<sha256>.gguf       the model
    <root>/<sha256>.json       its record (`records`); a model is installed when both are there
    <root>/<sha256>.partial    what a download has got so far (`pull`)
    <root>/<sha256>.parts/     what it needs besides while it runs
    <root>/*.lock              held while records or a download change

No name given by a person ever becomes part of a path.
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
from slm_lsp.models.files import Stamp, hash_file, link_or_copy, scratch_of, sync_folder
from slm_lsp.models.gguf import check_gguf
from slm_lsp.models.records import Record, Records, Source, is_hash


@dataclass(frozen=True)
class Installed:
    """A model file that is there. `bytes` is its size.

    A file outside the store has no `sha256`, no `source` and is never `intact`; `intact` means that size and time
    of change are as they were when the hash was last found right.
    """

    name: str
    path: Path
    bytes: int
    sha256: str | None = None
    tier: Tier | None = None
    source: Source | None = None
    intact: bool = False


@dataclass(frozen=True)
class _Verdict:
    """How the full hash of a file came out, and what the file and its record were then."""

    stamp: Stamp
    record: Record
    sound: bool


_verdicts: dict[Path, _Verdict] = {}
"""Hashes computed by this process. They keep a file from being hashed at every request where no record can be written
(read-only store) or kept (corrupt model)."""

_hashing = threading.Lock()
"""Held by the thread that takes a hash on behalf of `find`; a second one waits for its verdict."""


@dataclass(frozen=True)
class Verification:
    """How the full hash of one stored model came out; `reason` is empty when it is sound."""

    name: str
    path: Path
    sound: bool
    reason: str = ""


def default_root() -> Path:
    """Where models are kept unless the settings say otherwise."""
    return user_data_path("slm-lsp") / "models"


class Store:
    """The models under one folder.

    Args:
        root: the folder; made when something is first stored.
        catalogue: the known models; the package's own by default.
        clock: the time in seconds since 1970.
    """

    def __init__(
        self, root: Path, catalogue: Catalogue | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.root = root
        self.catalogue = load_catalogue() if catalogue is None else catalogue
        self.records = Records(root, self.catalogue)
        self._clock = clock

    def installed(self) -> list[Installed]:
        """The stored models, the catalogue's first, then by name. Looks at sizes and times only."""
        found = [self._installed(record) for record in self.records.stored()]
        return sorted(found, key=lambda model: (model.tier is None, model.tier or "", model.name))

    def find(self, wanted: str | Path) -> Installed:
        """The model to load for a tier, a name or a path (what has a `/` or ends in `.gguf` is a path).

        Cheap as long as the file is as it was when last verified, otherwise its full hash is taken first. Of a file
        outside the store only the layout is checked.

        Raises:
            UnknownModelError: no such name.
            ModelMissingError: known but not in the store.
            ModelCorruptError: the file is not what it should be.
            ModelError: a stored file cannot be read.
            UsageError: the path names no readable file.
        """
        if isinstance(wanted, Path) or _is_path(wanted):
            return self._find_path(Path(wanted))
        record = self.records.named(wanted)
        model = None if record is None else self._checked(record)
        if model is None:
            raise self.records.missing(wanted)
        return model

    def recover(self, entry: Entry) -> Installed | None:
        """The sound stored file of an entry, even where its record was lost; None if it is missing or corrupt."""
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
        """Take a GGUF file of the user's into the store; the file itself is neither moved nor changed.

        A model of the catalogue is recognised by its hash and keeps its name there. The file is hard-linked where
        the disk allows it, otherwise copied. `on_bytes` hears how many bytes have been hashed.

        Raises:
            UsageError: the file cannot be read, or the name may not be used or is taken.
            ModelCorruptError: it is no GGUF file, ends too early, or changes while it is read.
            DiskFullError: no room for a copy.
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
        """Move a finished file of ours, whose hash was just found to be the entry's, into its place; raises OSError."""
        with self._lock():
            return self._place(file, Record(entry.name, entry.bytes, entry.sha256, source, self._clock(), None))

    def verify(self, name: str | None = None) -> list[Verification]:
        """Take the full hash of one model, or of all; what fails is not handed out again before it is replaced.

        Raises:
            UnknownModelError: no such name.
            ModelMissingError: known but not in the store.
        """
        records = self.records.stored()
        if name is not None:
            wanted = self.records.named(name)
            records = [record for record in records if record == wanted]
            if not records:
                raise self.records.missing(name)
        return [self._verification(record) for record in records]

    def remove(self, name: str) -> int:
        """Delete a model and what a broken-off download of it left behind; returns the bytes deleted.

        Raises:
            UnknownModelError: no such name.
            ModelMissingError: nothing of it is in the store.
            ModelError: it is being pulled.
        """
        record, entry = self.records.named(name), self.catalogue.get(name)
        sha256 = entry.sha256 if entry is not None else "" if record is None else record.sha256
        doomed = (self.records.path_of(sha256), self.partial_of(sha256))  # before the record, which makes it installed
        if not any(path.is_file() for path in doomed):
            raise self.records.missing(name)
        try:
            with self.pull_lock(sha256).acquire(timeout=0), self._lock():
                freed = sum(path.stat().st_size for path in doomed if path.is_file())
                for path in doomed:
                    path.unlink(missing_ok=True)
                self.records.delete(sha256)
                shutil.rmtree(scratch_of(self.partial_of(sha256)), ignore_errors=True)
        except Timeout:
            raise ModelError(f"{name} is being pulled right now.", "Wait for that, or stop it first.") from None
        return freed

    def prepare(self) -> None:
        """Make the store's folder.

        Raises:
            ModelError: it cannot be made or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = f"The models' folder {self.root} cannot be made: {error.strerror or error}."
            raise ModelError(what, "Point SLM_LSP_MODELS_DIR at a folder you may write.") from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            what = f"The models' folder {self.root} cannot be written."
            raise ModelError(what, "Point SLM_LSP_MODELS_DIR at a folder you may write.")

    def pull_lock(self, sha256: str) -> FileLock:
        """The lock that whoever downloads this model holds; across processes and threads, freed when they end."""
        return FileLock(self.root / f"{sha256}.lock")

    def partial_of(self, sha256: str) -> Path:
        """Where what a download has got so far is kept."""
        return self.root / f"{sha256}.partial"

    def _lock(self) -> FileLock:
        return FileLock(self.root / "store.lock")

    def _find_path(self, path: Path) -> Installed:
        file = _resolved(path)
        if is_hash(file.stem) and file.parent == self.root.resolve():  # one of ours, whose hash must be right
            record = self.records.get(file.stem)
            model = None if record is None else self._checked(record)
            if model is None:
                raise ModelMissingError(f"{path} is no model of the store.", self.records.cure(file.stem))
            return model
        layout = check_gguf(file)
        return Installed(path.stem, file, layout.bytes)

    def _checked(self, record: Record) -> Installed | None:
        """The routine check: the full hash only where size or time of change are new. None if the file is missing."""
        try:
            known = record.verified == Stamp.of(self.records.path_of(record.sha256))
            sound = record if known else self._hashed_once(record)
        except FileNotFoundError:
            return None
        except OSError as error:
            what = f"The model {self.records.path_of(record.sha256)} cannot be read: {error.strerror or error}."
            raise ModelError(what, "Check who may read it.") from error
        if sound is None:
            name = self.records.name_of(record)
            what = f"{self.records.path_of(record.sha256)} is corrupt: it is not the file that was stored as {name}."
            raise ModelCorruptError(what, self.records.cure(record.sha256))
        return self._installed(sound)

    def _hashed_once(self, record: Record) -> Record | None:
        """As `_rehashed`, but with the verdict of an earlier hash while neither the file nor the record has changed."""
        path = self.records.path_of(record.sha256)
        with _hashing:
            record = self.records.get(record.sha256) or record  # another thread may have written it meanwhile
            stamp, verdict = Stamp.of(path), _verdicts.get(path)
            if record.verified == stamp:
                return record
            if verdict is None or (verdict.stamp, verdict.record) != (stamp, record):
                return self._rehashed(record)
            return replace(record, verified=stamp) if verdict.sound else None

    def _rehashed(self, record: Record) -> Record | None:
        """Take the full hash and note how it came out; None if it is wrong. A file of another size is not read."""
        path = self.records.path_of(record.sha256)
        stamp = Stamp.of(path)
        right = stamp.bytes == record.bytes and hash_file(path) == record.sha256
        stamped = self._stamped(record, stamp if right else None)
        _verdicts[path] = _Verdict(stamp, self.records.get(record.sha256) or record, right)
        return stamped if right else None

    def _stamped(self, record: Record, stamp: Stamp | None) -> Record:
        stamped = replace(record, verified=stamp)
        with suppress(OSError):  # a store that others manage may be read-only; then only this process knows
            self.records.write(stamped)
        return stamped

    def _verification(self, record: Record) -> Verification:
        path = self.records.path_of(record.sha256)
        try:
            if self._rehashed(record) is not None:
                return Verification(self.records.name_of(record), path, sound=True)
            reason = f"the content is not what was stored. {self.records.cure(record.sha256)}"
        except OSError as error:
            reason = f"it cannot be read: {error.strerror or error}."
        return Verification(self.records.name_of(record), path, sound=False, reason=reason)

    def _place(self, file: Path, record: Record) -> Installed:
        """Move a finished file into its place, the record first.

        The file keeps its time of change when it is moved, so the record is right before and after, and a crash in
        between leaves no model without a record.
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
    """The absolute path without `~` and symbolic links."""
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, nobody's home, a null character
        raise UsageError(f"Cannot read {str(path)!r}: {error}.") from error
