"""Nested scopes of languages in which a declaration is visible from its place to the end of its block."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tree_sitter import Node


@dataclass(eq=False)
class LexicalScope:
    """A scope and the variables that it declares."""

    number: int
    """Number in text order; the file's scope has 0."""
    kind: str
    node: Node
    parent: "LexicalScope | None"
    variables: dict[str, list[int]] = field(default_factory=dict)
    """For each variable, the byte offsets from which its declarations are visible."""

    def within(self) -> "Iterator[LexicalScope]":
        """Yield this scope and the scopes around it."""
        scope: LexicalScope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def declare(self, name: str, since: int) -> None:
        """Add a declaration that is visible from an offset."""
        self.variables.setdefault(name, []).append(since)

    def declares(self, name: str, at: int) -> bool:
        """Return whether a variable of this scope is visible at an offset."""
        return any(since <= at for since in self.variables.get(name, ()))


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier, its scope, and its role (`what`), which follows from its place in the syntax tree."""

    name: str
    node: Node
    scope: LexicalScope
    what: str
    object: Node | None = None
    """For a member, the expression in front of the dot."""
