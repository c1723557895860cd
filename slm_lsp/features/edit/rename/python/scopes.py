"""Scopes of a Python file: which names each scope binds, and where names, attributes and keywords are used.

The rules are those of Python's compiler (https://docs.python.org/3/reference/executionmodel.html). Nothing here looks
into other files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tree_sitter import Node, Tree

ScopeKind: TypeAlias = Literal["module", "class", "function", "comprehension", "type parameters"]
BindingKind: TypeAlias = Literal["class", "function", "parameter", "import", "variable", "deletion"]


@dataclass(frozen=True, slots=True)
class Imported:
    """The module, or the name in a module, that an import refers to."""

    module: str
    """The module as written, with leading dots."""
    name: str
    """The imported name; empty if the module itself is imported."""
    aliased: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """One place that binds a name."""

    kind: BindingKind
    node: Node
    """The identifier."""
    since: int
    """Byte offset from which code of a class body sees the binding."""
    value: Node | None = None
    """The definition, the assigned expression, or the parameter."""
    annotation: Node | None = None
    imported: Imported | None = None


@dataclass(eq=False)
class Scope:
    """A scope and the names that it binds."""

    number: int
    """Number in text order; the module's scope has 0."""
    kind: ScopeKind
    node: Node
    parent: "Scope | None"
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)

    def bound(self, name: str) -> "list[Binding]":
        """Return the places that give a value to a name. `del` binds a name for the compiler but gives no value."""
        return [each for each in self.bindings.get(name, ()) if each.kind != "deletion"]

    def within(self) -> "Iterator[Scope]":
        """Yield this scope and the scopes around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def enclosing_class(self) -> "Scope | None":
        """Return the innermost class around or at this scope."""
        return next((each for each in self.within() if each.kind == "class"), None)


@dataclass(frozen=True, slots=True)
class Use:
    """An identifier that refers to a name of a scope, or binds it."""

    name: str
    start: int
    end: int
    scope: Scope


@dataclass(frozen=True, slots=True)
class Attribute:
    """The name of an attribute: after a dot, or the keyword of a class pattern such as `Point(x=0)`.

    `object` is the expression before the dot; it is None in a pattern of a `match` statement.
    """

    name: str
    node: Node
    object: Node | None
    scope: Scope


@dataclass(frozen=True, slots=True)
class AttributeStore:
    """An assignment to an attribute."""

    attribute: Attribute
    value: Node | None
    annotation: Node | None

    @property
    def node(self) -> Node:
        """The name of the attribute."""
        return self.attribute.node


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword argument. `call` is None in the head of a class."""

    name: str
    node: Node
    call: Node | None
    scope: Scope


@dataclass(frozen=True, slots=True)
class ImportedName:
    """A name in `from module import name`, or a part of `import package.module`."""

    name: str
    node: Node
    imported: Imported
    """For a part of a module's path, `module` is the path up to this part, and `name` is empty."""
    scope: Scope
    binds: bool
    """Whether the token also binds the name in `scope`."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A string in a list of names: `__all__` of a module, or `__slots__` or `__match_args__` of a class."""

    name: str
    node: Node
    scope: Scope


@dataclass(eq=False)
class Module:
    """The scopes, imports, uses and attributes of a file."""

    path: str
    source: bytes
    tree: Tree
    scopes: list[Scope] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    stores: list[AttributeStore] = field(default_factory=list)
    keywords: list[Keyword] = field(default_factory=list)
    imports: list[ImportedName] = field(default_factory=list)
    listed: list[Listed] = field(default_factory=list)
    wildcards: list[str] = field(default_factory=list)
    """Modules of `from module import *`, in text order."""
    calls: list[tuple[Node, Scope]] = field(default_factory=list)
    binding_offsets: set[int] = field(default_factory=set)
    """Offsets of identifiers that bind a name."""
    printed: set[int] = field(default_factory=set)
    """Offsets of identifiers in `f"{name=}"`, which prints the name."""
    scope_of: dict[int, Scope] = field(default_factory=dict)
    """Scopes of functions and classes, by the id of their node."""

    @property
    def top(self) -> Scope:
        """The module's scope."""
        return self.scopes[0]

    def text(self, node: Node) -> str:
        """Return the text of a node."""
        return self.source[node.start_byte : node.end_byte].decode("utf-8", errors="replace")


def lookup(scope: Scope, name: str, at: int | None = None) -> Scope | None:
    """Return the scope that binds a used name; None if only a wildcard import or a built-in can bind it.

    Args:
        scope: the scope of the use.
        name: the name.
        at: offset of the use, because a binding of a class body is visible only after it. None for an identifier that
            binds the name itself.
    """
    for each in scope.within():
        if name in each.global_names:
            return list(each.within())[-1]
        if name in each.nonlocal_names:
            continue
        if name not in each.bindings:
            continue
        if each.kind == "class":
            if each is not scope:
                continue
            if at is not None and at < min(binding.since for binding in each.bindings[name]):
                continue
        return each
    return None


def decorators(module: Module, definition: Node) -> tuple[str, ...]:
    """Return the decorators of a function or class as written, without arguments."""
    wrapper = definition.parent
    if wrapper is None or wrapper.type != "decorated_definition":
        return ()
    found = [module.text(each) for each in wrapper.named_children if each.type == "decorator"]
    return tuple(each.removeprefix("@").partition("(")[0].strip() for each in found)


def is_special(name: str) -> bool:
    """Return whether a name is one of Python's special names, such as `__init__`."""
    return name.startswith("__") and name.endswith("__")


def is_private(name: str) -> bool:
    """Return whether Python mangles this member name, as it turns `__count` into `_Class__count`."""
    return name.startswith("__") and not name.endswith("__")
