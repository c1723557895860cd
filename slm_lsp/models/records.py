"""The record of each stored model: a small JSON file next to the model, named after the same hash."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from slm_lsp.errors import ModelMissingError, UsageError
from slm_lsp.models.catalogue import Catalogue
from slm_lsp.models.files import Stamp, write_atomically

Source = Literal["hub", "parts", "added"]

# Names are never used in a path. As a second safeguard, a valid name cannot lead out of a folder.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
RESERVED = frozenset({"fast", "strong", "remote", "auto", "all"})  # these have another meaning as an option's value

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Record:
    """A stored model. `bytes` and `sha256` describe its file; `added` is a time in seconds since 1970.

    `verified` is the file's stamp at the last time when its hash was correct; None if the hash was wrong.
    """

    name: str
    bytes: int
    sha256: str
    source: Source
    added: float
    verified: Stamp | None


def is_hash(text: str) -> bool:
    """Whether a text is a SHA-256 in lower-case hexadecimal."""
    return _HASH.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether a text is a valid model name.

    A name has at most 100 characters: letters, digits, `.`, `_` and `-`. It starts with a letter or digit, is not
    reserved, and does not end in `.gguf`.
    """
    return NAME.fullmatch(text) is not None and text not in RESERVED and not text.lower().endswith(".gguf")


def name_from(stem: str, sha256: str) -> str:
    """Return a model name made from a file's stem, or from its hash if the stem gives no valid name."""
    name = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("._-")[:80]
    return name if is_name(name) else f"model-{sha256[:8]}"


class Records:
    """The records of a store, and the names of its models. Names of the catalogue take precedence.

    Args:
        root: the store's folder; it need not exist.
        catalogue: the known models.
    """

    def __init__(self, root: Path, catalogue: Catalogue) -> None:
        self.root = root
        self.catalogue = catalogue

    def path_of(self, sha256: str) -> Path:
        """Return the path for the model with this hash, whether or not the file exists."""
        return self.root / f"{sha256}.gguf"

    def get(self, sha256: str) -> Record | None:
        """Return the record of a model; None if the record is missing or invalid (the model can be pulled again)."""
        try:
            record = msgspec.json.decode(self._file(sha256).read_bytes(), type=Record)
        except (OSError, msgspec.DecodeError):
            return None
        return record if record.sha256 == sha256 and NAME.fullmatch(record.name) else None

    def all(self) -> list[Record]:
        """Return all valid records, sorted by hash."""
        names = sorted(path.name for path in self.root.iterdir()) if self.root.is_dir() else []
        hashes = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        return [record for sha256 in hashes if is_hash(sha256) and (record := self.get(sha256)) is not None]

    def stored(self) -> list[Record]:
        """Return the records of models whose file exists, even if the file is corrupt."""
        return [record for record in self.all() if self.path_of(record.sha256).is_file()]

    def named(self, name: str) -> Record | None:
        """Return the record of the model with this tier or name; None for a model of the catalogue without a record.

        Raises:
            UnknownModelError: no model has this name.
        """
        entry = self.catalogue.get(name)
        if entry is not None:
            return self.get(entry.sha256)
        others = {record.name: record for record in self.all() if self.catalogue.by_hash(record.sha256) is None}
        if name not in others:
            raise self.catalogue.unknown(name, others)
        return others[name]

    def write(self, record: Record) -> None:
        """Write or replace a record. Raise OSError on failure."""
        text = msgspec.json.format(msgspec.json.encode(record), indent=2)
        write_atomically(self._file(record.sha256), text + b"\n")

    def delete(self, sha256: str) -> None:
        """Delete a record if it exists. Raise OSError on failure."""
        self._file(sha256).unlink(missing_ok=True)

    def name_of(self, record: Record) -> str:
        """Return the name of a stored model; for models of the catalogue, the catalogue's name."""
        entry = self.catalogue.by_hash(record.sha256)
        return record.name if entry is None else entry.name

    def name_for(self, sha256: str, requested: str | None, stem: str) -> str:
        """Return the name for a model to add: `requested`, or a name made from its file's `stem`.

        Raises:
            UsageError: the requested name is invalid or belongs to another model.
        """
        if requested is not None and not is_name(requested):
            what = f"{requested!r} is not a valid model name."
            raise UsageError(
                what,
                "Use letters, digits, '.', '_' and '-'. Names of tiers and names that end in '.gguf' are reserved.",
            )
        entry = self.catalogue.by_hash(sha256)
        if entry is not None:
            if requested not in (None, entry.name):
                raise UsageError(
                    f"This file is the model {entry.name} of the catalogue. Its name cannot be changed.", "Omit --name."
                )
            return entry.name
        taken = {record.name for record in self.all() if record.sha256 != sha256}
        taken |= {known.name for known in self.catalogue.models}
        if requested is not None:
            if requested in taken:
                raise UsageError(f"Another model has the name {requested}.", "Choose another name with --name.")
            return requested
        old = self.get(sha256)
        name = name_from(stem, sha256) if old is None else old.name
        return f"{name}-{sha256[:8]}" if name in taken else name

    def missing(self, name: str) -> ModelMissingError:
        """Return the error for a known model that is not in the store."""
        entry = self.catalogue.get(name)
        if entry is None:
            return ModelMissingError(f"The model {name} is not installed.", self.cure(""))
        called = entry.name if name == entry.name else f"{name} ({entry.name})"
        return ModelMissingError(f"The model {called} is not installed.", self.cure(entry.sha256))

    def cure(self, sha256: str) -> str:
        """Return the sentence that tells the user which command installs this model."""
        entry = self.catalogue.by_hash(sha256)
        return f"Run `slm-lsp models {'add FILE' if entry is None else f'pull {entry.tier}'}`."

    def _file(self, sha256: str) -> Path:
        return self.root / f"{sha256}.json"
