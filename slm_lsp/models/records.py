"""What the store remembers of each model it keeps: a small JSON file beside the model, named by the same hash."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from slm_lsp.errors import ModelMissingError, UsageError
from slm_lsp.models.catalogue import Catalogue
from slm_lsp.models.files import Stamp, write_whole

Source = Literal["hub", "parts", "added"]

# A name is shown, typed and kept in a record. It never becomes part of a path, and could not leave a folder if it did.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
RESERVED = frozenset({"fast", "strong", "remote", "auto", "all"})  # mean something else where a model is named

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Record:
    """One stored model. `bytes` and `sha256` are those of its file; `added` is in seconds since 1970.

    `verified` is the file's stamp when its hash was last found right, null once it was found wrong.
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
    """Whether a text may be a model's name: letters, digits, `.`, `_`, `-`, at most 100, the first no punctuation."""
    return NAME.fullmatch(text) is not None and text not in RESERVED and not text.lower().endswith(".gguf")


def name_from(stem: str, sha256: str) -> str:
    """A name for a file that came without one: its own as far as that may be a name, else the start of its hash."""
    name = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("._-")[:80]
    return name if is_name(name) else f"model-{sha256[:8]}"


class Records:
    """The records of one store, and the names its models go by: those of the catalogue come before any other.

    Args:
        root: the store's folder, which need not be there.
        catalogue: the known models.
    """

    def __init__(self, root: Path, catalogue: Catalogue) -> None:
        self.root = root
        self.catalogue = catalogue

    def path_of(self, sha256: str) -> Path:
        """Where the model with this hash is kept, whether it is there or not."""
        return self.root / f"{sha256}.gguf"

    def get(self, sha256: str) -> Record | None:
        """The record of a model; None if there is none or it cannot be understood (the model can be pulled anew)."""
        try:
            record = msgspec.json.decode(self._file(sha256).read_bytes(), type=Record)
        except (OSError, msgspec.DecodeError):
            return None
        return record if record.sha256 == sha256 and NAME.fullmatch(record.name) else None

    def all(self) -> list[Record]:
        """Every record that can be understood, by hash."""
        names = sorted(path.name for path in self.root.iterdir()) if self.root.is_dir() else []
        hashes = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        return [record for sha256 in hashes if is_hash(sha256) and (record := self.get(sha256)) is not None]

    def stored(self) -> list[Record]:
        """The records whose model is there, be it sound or not."""
        return [record for record in self.all() if self.path_of(record.sha256).is_file()]

    def named(self, name: str) -> Record | None:
        """The record that a tier or a name stands for; None for a model of the catalogue that has none.

        Raises:
            UnknownModelError: nothing goes by this name.
        """
        entry = self.catalogue.get(name)
        if entry is not None:
            return self.get(entry.sha256)
        others = {record.name: record for record in self.all() if self.catalogue.by_hash(record.sha256) is None}
        if name not in others:
            raise self.catalogue.unknown(name, others)
        return others[name]

    def write(self, record: Record) -> None:
        """Write or replace a record; raises OSError."""
        text = msgspec.json.format(msgspec.json.encode(record), indent=2)
        write_whole(self._file(record.sha256), text + b"\n")

    def delete(self, sha256: str) -> None:
        """Delete a record, if there is one; raises OSError."""
        self._file(sha256).unlink(missing_ok=True)

    def name_of(self, record: Record) -> str:
        """The name a stored model goes by."""
        entry = self.catalogue.by_hash(record.sha256)
        return record.name if entry is None else entry.name

    def name_for(self, sha256: str, asked: str | None, stem: str) -> str:
        """The name for a model to be added: `asked`, or one made from its file's `stem`.

        Raises:
            UsageError: the name asked for may not be used or is another model's.
        """
        if asked is not None and not is_name(asked):
            what = f"{asked!r} cannot be the name of a model."
            raise UsageError(what, "Use letters, digits, '.', '_' and '-', no tier's name, and no '.gguf' at the end.")
        entry = self.catalogue.by_hash(sha256)
        if entry is not None:
            if asked not in (None, entry.name):
                raise UsageError(
                    f"This file is {entry.name} of the catalogue and keeps that name.", "Leave out --name."
                )
            return entry.name
        taken = {record.name for record in self.all() if record.sha256 != sha256}
        taken |= {known.name for known in self.catalogue.models}
        if asked is not None:
            if asked in taken:
                raise UsageError(f"Another model is called {asked} already.", "Choose another name with --name.")
            return asked
        old = self.get(sha256)
        name = name_from(stem, sha256) if old is None else old.name
        return f"{name}-{sha256[:8]}" if name in taken else name

    def missing(self, name: str) -> ModelMissingError:
        """The error for a known model that is not in the store."""
        entry = self.catalogue.get(name)
        if entry is None:
            return ModelMissingError(f"The model {name} is not installed.", self.cure(""))
        called = entry.name if name == entry.name else f"{name} ({entry.name})"
        return ModelMissingError(f"The model {called} is not installed.", self.cure(entry.sha256))

    def cure(self, sha256: str) -> str:
        """How to get this model (again)."""
        entry = self.catalogue.by_hash(sha256)
        return f"Run `slm-lsp models {'add FILE' if entry is None else f'pull {entry.tier}'}`."

    def _file(self, sha256: str) -> Path:
        return self.root / f"{sha256}.json"
