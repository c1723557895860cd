"""The interface between renaming and the rules of each language: occurrences of names, their symbols, and hazards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Key: TypeAlias = tuple[str, str, int, str]
"""Identity of a symbol: its kind, the path of the file that defines it, the number of the scope in this file, its name.

Scopes are numbered in text order, so renaming does not change the number. Kinds:

- `module`: a name at the top level of a file, which other files may import.
- `local`: a name in a function. Only its own file can use it.
- `parameter`: a parameter of a function, which calls in other files may name.
- `member`: a method or an attribute of a class.
- `field`, `method`: a private member of a Java class. Only its own file can use it.
- `file`, `external`, `builtin`: a file of the project, a name of another project, a name of the language. They cannot
  be renamed.
"""

Role: TypeAlias = Literal["name", "attribute", "keyword"]
"""How code refers to a symbol: by its name, as `receiver.name`, or as `name=` in a call."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A place in a file where a name is written. Offsets are in bytes of the UTF-8 text."""

    start: int
    end: int
    name: str
    key: Key | None
    """The symbol; None if the rules cannot tell which it is."""
    role: Role = "name"
    template: str = "{}"
    """The text that a renaming writes here, with `{}` in place of the new name. For example, if the variable `a` in the
    JavaScript object `{a}` is renamed, the property keeps the name `a`, so the template is `a: {}`."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """A place that a renaming could break, because it may refer to the symbol."""

    path: str
    start: int
    why: str
    """Phrase for the user, such as `the object is not known`."""


Found: TypeAlias = Mapping[str, Sequence[Occurrence]]
"""All occurrences of the old and the new name, by the path of the file."""


class Resolver(Protocol):
    """The rules of one language."""

    def occurrences(self, path: str, names: frozenset[str]) -> list[Occurrence]:
        """Return all occurrences of these names in a file, in text order. A file that cannot be parsed has none."""

    def name_problem(self, key: Key, name: str) -> str:
        """Return a sentence that says why a symbol cannot get this name; empty if it can."""

    def refusal(self, key: Key) -> str:
        """Return a sentence that says why a symbol cannot be renamed; empty if it can."""

    def hazards(self, key: Key, found: Found) -> list[Hazard]:
        """Return the places that make renaming this symbol uncertain."""

    def strings_matter(self, key: Key) -> bool:
        """Return whether a string that consists of the name may refer to the symbol."""
