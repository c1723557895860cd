"""Classes of a Python project: their bases, their members, and the classes to which they are related."""

import builtins
from typing import TYPE_CHECKING

from tree_sitter import Node

from slm_lsp.features.edit.rename.model import Key
from slm_lsp.features.edit.rename.python.scopes import AttributeStore, Binding, Module, decorators, is_private
from slm_lsp.features.edit.rename.python.value import Value

if TYPE_CHECKING:
    from slm_lsp.features.edit.rename.python.values import Values

WITHOUT_MEMBERS = frozenset({
    "abc.ABC", "typing.Generic", "typing.Protocol", "typing_extensions.Protocol", "typing_extensions.Generic",
})  # fmt: skip
"""Base classes of the standard library from which classes inherit no members that code uses by name."""

_PROPERTIES = frozenset({"property", "cached_property", "functools.cached_property", "abc.abstractproperty"})


class Classes:
    """Answers questions about classes; each class is a `Value` of the kind `class`."""

    def __init__(self, values: "Values") -> None:
        self._values = values
        self._members: dict[Value, dict[str, list[Binding | AttributeStore]]] = {}
        self._related: dict[Value, frozenset[Value]] = {}
        self._bases: dict[Value, tuple[Value | None, ...]] = {}

    def bases(self, cls: Value) -> tuple[Value | None, ...]:
        """Return the base classes; None for a base that is not known."""
        if cls not in self._bases:
            self._bases[cls] = ()  # a class whose bases depend on itself has none
            found = self._values.scope(cls)
            if found is not None:
                module, scope = found
                self._bases[cls] = tuple(
                    self._values.of(module, each, scope.parent or scope) for each in _superclasses(module, scope.node)
                )
        return self._bases[cls]

    def members(self, cls: Value) -> dict[str, list[Binding | AttributeStore]]:
        """Return the members that a class itself defines: in its body, or by assignments of its methods to `self`."""
        if cls not in self._members:
            members: dict[str, list[Binding | AttributeStore]] = {}
            self._members[cls] = members
            found = self._values.scope(cls)
            if found is not None:
                module, scope = found
                for name in scope.bindings:
                    members.setdefault(name, []).extend(scope.bound(name))
                for store in module.stores:
                    if store.attribute.object is None or store.attribute.scope.enclosing_class() is not scope:
                        continue
                    owner = self._values.of(module, store.attribute.object, store.attribute.scope, 6)
                    if owner is not None and (owner.path, owner.number) == (cls.path, cls.number):
                        members.setdefault(store.attribute.name, []).append(store)
        return self._members[cls]

    def related(self, cls: Value) -> frozenset[Value]:
        """Return all classes of the project that are connected with a class by inheritance, and the class itself.

        Only such classes can take part in the look-up of one attribute.
        """
        if cls not in self._related:
            group, pending = {cls}, [cls]
            while pending:
                current = pending.pop()
                near = [each for each in self.bases(current) if each is not None and each.kind == "class"]
                near += self._subclasses(current)
                for each in near:
                    if each not in group:
                        group.add(each)
                        pending.append(each)
            for each in group:
                self._related[each] = frozenset(group)
        return self._related[cls]

    def _subclasses(self, cls: Value) -> list[Value]:
        found = self._values.scope(cls)
        name = None if found is None else found[1].node.child_by_field_name("name")
        if found is None or name is None:
            return []
        candidates = [
            Value("class", module.path, scope.number)
            for module in self._values.project.containing(found[0].text(name))
            for scope in module.scopes
            if scope.kind == "class"
        ]
        return [each for each in candidates if cls in self.bases(each)]

    def key(self, cls: Value, name: str) -> Key | None:
        """Return the key of a member of a class, which all related classes share; None if none of them defines it."""
        if is_private(name):
            return ("member", cls.path, cls.number, name) if name in self.members(cls) else None
        definers = self.definers(cls, name)
        return ("member", definers[0].path, definers[0].number, name) if definers else None

    def definers(self, cls: Value, name: str) -> list[Value]:
        """Return the related classes that define a member, in a fixed order."""
        group = [each for each in self.related(cls) if name in self.members(each)]
        return sorted(group, key=lambda each: (each.path, each.number))

    def lineage(self, cls: Value) -> list[Value]:
        """Return the class and its known bases, nearest first."""
        order, pending = [], [cls]
        while pending:
            current = pending.pop(0)
            if current not in order:
                order.append(current)
                pending += [each for each in self.bases(current) if each is not None and each.kind == "class"]
        return order

    def unknown_bases(self, cls: Value, name: str) -> list[str]:
        """Return the bases of the related classes that are outside of the project and may define a member `name`."""
        found = []
        for each in sorted(self.related(cls), key=lambda each: (each.path, each.number)):
            for base in self.bases(each):
                if base is None or (base.kind == "external" and _may_define(base.path, name)):
                    found.append("a base class that is not known" if base is None else base.path)
                elif base.kind not in ("class", "external"):
                    found.append("a base class that is not known")
        return found

    def attribute(self, owner: Value, name: str, depth: int) -> Value | None:
        """Return the value of an attribute of a class or an instance."""
        start = Value("class", owner.path, owner.number)
        lineage = self.lineage(start)[1 if owner.kind == "super" else 0 :]
        for cls in lineage:
            entries = self.members(cls).get(name)
            if entries:
                found = {self._entry(cls, each, depth - 1) for each in entries}
                return found.pop() if len(found) == 1 else None
        return None

    def _entry(self, cls: Value, entry: Binding | AttributeStore, depth: int) -> Value | None:
        values = self._values
        place = values.scope(cls)
        if place is None or depth <= 0:
            return None
        module, scope = place
        if isinstance(entry, AttributeStore):
            around = entry.attribute.scope
            if entry.annotation is not None:
                return values.annotated(module, entry.annotation, around, depth)
            return values.of(module, entry.value, around, depth)
        if entry.annotation is not None:
            return values.annotated(module, entry.annotation, scope, depth)
        function = entry.value if entry.kind == "function" else None
        if function is not None and _PROPERTIES & set(decorators(module, function)):
            return values.annotated(module, function.child_by_field_name("return_type"), scope, depth)
        return values.name(module, scope, module.text(entry.node), None, depth)


def _superclasses(module: Module, node: Node) -> list[Node]:
    heads = node.child_by_field_name("superclasses")
    found = [] if heads is None else heads.named_children
    return [each for each in found if each.type not in ("keyword_argument", "comment")]


def _may_define(dotted: str, name: str) -> bool:
    """Return whether a class outside of the project may have a member."""
    if dotted in WITHOUT_MEMBERS:
        return False
    if dotted.startswith("builtins."):
        found = getattr(builtins, dotted.removeprefix("builtins."), None)
        return not isinstance(found, type) or hasattr(found, name)
    return True
