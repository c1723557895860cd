"""The members of a module: its functions, methods and classes, with the names by which a plan refers to them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tree_sitter import Node

from slm_lsp.features.edit.units import Extent, Unit, named_units
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language
from slm_lsp.languages.symbols import Definition, definitions, references
from slm_lsp.text import Lines


@dataclass(frozen=True, slots=True)
class Member:
    """A function, method or class. Functions inside of functions are not members, but part of the outer function."""

    symbol: str
    """The qualified name. If a text defines a name several times, the second definition is `NAME#2`, and so on."""
    definition: Definition
    unit: Unit
    first: int
    """Number of the first line, counted from 1."""
    last: int
    """Number of the last line, inclusive."""
    node: Node
    calls: frozenset[str]
    """Unqualified names of the functions that the member calls."""

    @property
    def is_class(self) -> bool:
        """Whether the member is a class or another type."""
        return self.unit.extent is Extent.CLASS

    @property
    def lines(self) -> int:
        """Number of lines."""
        return self.last - self.first + 1

    def contains(self, other: "Member") -> bool:
        """Return whether another member is inside this one."""
        return self is not other and self.unit.start <= other.unit.start and other.unit.end <= self.unit.end


def members_of(text: str, language: Language) -> tuple[Member, ...]:
    """Return the members of a text, in text order. Empty if the language has no query for definitions.

    Raises:
        ParseTimeoutError: parsing takes too long.
    """
    source = text.encode("utf-8", errors="replace")
    tree = parse(language, source)
    if tree is None:
        return ()
    called = sorted((each.start, each.name) for each in references(language, tree, source) if each.kind == "call")
    lines = Lines(text)
    counts: Counter[str] = Counter()
    found = []
    for definition, unit in _outside_functions(named_units(text, source, tree, definitions(language, tree, source))):
        node = tree.root_node.descendant_for_byte_range(definition.start, max(definition.end - 1, definition.start))
        if node is None:
            continue
        counts[definition.qualified] += 1
        number = counts[definition.qualified]
        inside = slice(bisect_left(called, (definition.start, "")), bisect_left(called, (definition.end, "")))
        found.append(
            Member(
                symbol=definition.qualified if number == 1 else f"{definition.qualified}#{number}",
                definition=definition,
                unit=unit,
                first=lines.position(unit.start).line + 1,
                last=lines.position(unit.end).line + 1,
                node=node,
                calls=frozenset(name for _, name in called[inside]),
            )
        )
    return tuple(found)


def find_member(text: str, language: Language, symbol: str) -> Member | None:
    """Return the member of a text with this symbol. Errors as in `members_of`."""
    return next((each for each in members_of(text, language) if each.symbol == symbol), None)


def _outside_functions(found: Sequence[tuple[Definition, Unit]]) -> list[tuple[Definition, Unit]]:
    """Return the definitions that are not inside of a function."""
    kept: list[tuple[Definition, Unit]] = []
    end = 0
    for definition, unit in found:
        if unit.start >= end:
            kept.append((definition, unit))
            if unit.extent is Extent.FUNCTION:
                end = unit.end
    return kept
