"""What a Python expression denotes."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

ValueKind: TypeAlias = Literal["file", "class", "instance", "function", "super", "external"]


@dataclass(frozen=True, slots=True)
class Value:
    """A module, class, function, object or external name that an expression denotes."""

    kind: ValueKind
    path: str
    """The file that defines the class or function, or the file itself; for `external`, the dotted name."""
    number: int = 0
    """Number of the scope of the class or function."""
