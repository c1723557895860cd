"""Scopes of a JavaScript or TypeScript file, its exports, and where names and properties are used.

The rules are those of ECMAScript modules in strict mode. Types and values have separate name spaces, but a type and a
value of one scope that have the same name are one symbol, because imports and exports treat them as one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tree_sitter import Node, Tree

ScopeKind: TypeAlias = Literal["module", "function", "block", "class", "namespace", "augmentation"]
BindingKind: TypeAlias = Literal[
    "variable", "parameter", "function", "class", "enum", "interface", "type", "import", "namespace"
]
Meaning: TypeAlias = Literal["value", "type", "any"]

TYPES_ONLY = frozenset({"interface", "type"})
VALUES_ONLY = frozenset({"variable", "parameter", "function"})


@dataclass(frozen=True, slots=True)
class Imported:
    """The module, or the name in a module, that an import refers to. `name` is `*` for the module itself."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Binding:
    """One place that binds a name."""

    kind: BindingKind
    node: Node
    value: Node | None = None
    """The declaration, or the initial value of a variable."""
    annotation: Node | None = None
    imported: Imported | None = None

    def has(self, meaning: Meaning) -> bool:
        """Return whether the binding can be used in this meaning."""
        if meaning == "any":
            return True
        return self.kind not in (TYPES_ONLY if meaning == "value" else VALUES_ONLY)


@dataclass(eq=False)
class Scope:
    """A scope and the names that it binds."""

    number: int
    kind: ScopeKind
    node: Node
    parent: "Scope | None"
    bindings: dict[str, list[Binding]] = field(default_factory=dict)

    def within(self) -> "Iterator[Scope]":
        """Yield this scope and the scopes around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


@dataclass(frozen=True, slots=True)
class Use:
    """An identifier that refers to a name of a scope, or binds it."""

    name: str
    node: Node
    scope: Scope
    meaning: Meaning
    template: str = "{}"


@dataclass(frozen=True, slots=True)
class Property:
    """The name of a property. `object` is None where the object is not an expression, as in `{name: value}`."""

    name: str
    node: Node
    object: Node | None
    scope: Scope
    template: str = "{}"


@dataclass(frozen=True, slots=True)
class Exported:
    """A name that a file exports: a name of its own scope, or a name of another module."""

    local: str
    module: str = ""


@dataclass(frozen=True, slots=True)
class ModuleName:
    """A name in `import {name} from "module"` or `export {name} from "module"`."""

    name: str
    node: Node
    module: str


@dataclass(frozen=True, slots=True)
class Known:
    """An identifier that is not a name of a scope: a label, an HTML element, or the name after `as` in an export."""

    name: str
    node: Node


@dataclass(eq=False)
class Module:
    """The scopes, imports, exports, uses and properties of a file."""

    path: str
    source: bytes
    tree: Tree
    scopes: list[Scope] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    properties: list[Property] = field(default_factory=list)
    names: list[ModuleName] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)
    exports: dict[str, Exported] = field(default_factory=dict)
    wildcards: list[str] = field(default_factory=list)
    """Modules of `export * from "module"`."""
    calls: list[tuple[Node, Scope]] = field(default_factory=list)
    scope_of: dict[int, Scope] = field(default_factory=dict)
    """Scopes by the id of their node."""
    is_module: bool = False
    """Whether the file imports or exports something. Otherwise the file is a script; scripts share their top-level
    names."""

    @property
    def top(self) -> Scope:
        """The module's scope."""
        return self.scopes[0]

    def text(self, node: Node) -> str:
        """Return the text of a node."""
        return self.source[node.start_byte : node.end_byte].decode("utf-8", errors="replace")


def lookup(scope: Scope, name: str, meaning: Meaning) -> Scope | None:
    """Return the innermost scope around a use that binds the name; None for a global name."""
    for each in scope.within():
        if any(binding.has(meaning) for binding in each.bindings.get(name, ())):
            return each
    return None
