"""Classes and enumerations of a JavaScript or TypeScript project, and the classes of objects where they are known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tree_sitter import Node

from slm_lsp.features.edit.rename.javascript.scopes import Binding, Module, Scope, lookup
from slm_lsp.features.edit.rename.model import Key

if TYPE_CHECKING:
    from slm_lsp.features.edit.rename.javascript.resolver import JavaScriptResolver

MAX_DEPTH = 10
"""Maximum number of steps of one inference."""

OWN_THIS = frozenset({
    "function_declaration", "function_expression", "generator_function_declaration", "generator_function",
})  # fmt: skip
"""Functions with a `this` of their own."""

MEMBER_NODES = frozenset({
    "method_definition", "field_definition", "public_field_definition", "method_signature",
    "abstract_method_signature", "property_signature", "enum_assignment",
})  # fmt: skip
BODIES = frozenset({"class_body", "enum_body"})


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression denotes: a class or an enumeration, an object of a class, or a module."""

    kind: Literal["class", "instance", "module"]
    path: str
    number: int = 0


class Classes:
    """Answers questions about classes; each class is a `Value` of the kind `class`."""

    def __init__(self, resolver: "JavaScriptResolver") -> None:
        self._resolver = resolver
        self._project = resolver.project
        self._members: dict[Value, frozenset[str]] = {}
        self._related: dict[Value, frozenset[Value]] = {}
        self._active: set[tuple[str, int, str]] = set()

    def of(self, module: Module, node: Node | None, scope: Scope, depth: int = MAX_DEPTH) -> Value | None:
        """Return the value of an expression or of the name of a type; None if it is not certain."""
        if node is None or depth <= 0:
            return None
        if node.type in ("identifier", "type_identifier"):
            return self._name(module, scope, node, depth - 1)
        if node.type in ("parenthesized_expression", "non_null_expression", "type_annotation"):
            inner = node.named_children[0] if len(node.named_children) == 1 else None
            return self.of(module, inner, scope, depth - 1)
        if node.type in ("this", "super"):
            return self._this(module, node, scope)
        if node.type == "new_expression":
            value = self.of(module, node.child_by_field_name("constructor"), scope, depth - 1)
            return Value("instance", value.path, value.number) if value is not None and value.kind == "class" else None
        if node.type == "generic_type":
            return self.of(module, node.named_children[0], scope, depth - 1)
        if node.type in ("member_expression", "nested_type_identifier", "nested_identifier"):
            owner = node.child_by_field_name("object") or node.child_by_field_name("module")
            name = node.child_by_field_name("property") or node.child_by_field_name("name")
            value = self.of(module, owner, scope, depth - 1)
            if value is not None and value.kind == "module" and name is not None:
                return self.exported(value.path, module.text(name), depth - 1)
        return None

    def exported(self, path: str, name: str, depth: int = MAX_DEPTH) -> Value | None:
        """Return the value of an exported name."""
        found = self._resolver.export_target(path, name)
        key = None if found is None else found[0]
        if key is None or key[0] not in ("module", "file") or depth <= 0:
            return None
        if key[0] == "file":
            return Value("module", key[1])
        owner = self._project.module(key[1])
        return None if owner is None else self._bound(owner, owner.top, key[3], depth - 1)

    def _name(self, module: Module, scope: Scope, node: Node, depth: int) -> Value | None:
        name = module.text(node)
        owner = lookup(scope, name, "type" if node.type == "type_identifier" else "value")
        return None if owner is None else self._bound(module, owner, name, depth)

    def _bound(self, module: Module, owner: Scope, name: str, depth: int) -> Value | None:
        place = module.path, owner.number, name
        if place in self._active or depth <= 0:
            return None
        self._active.add(place)
        try:
            found = {self._binding(module, owner, each, depth - 1) for each in owner.bindings.get(name, ())}
        finally:
            self._active.discard(place)
        return found.pop() if len(found) == 1 and not self._is_assigned(module, owner, name) else None

    def _is_assigned(self, module: Module, owner: Scope, name: str) -> bool:
        """Return whether a variable without an annotation is assigned again after its declaration."""
        bindings = owner.bindings.get(name, ())
        if all(each.kind != "variable" or each.annotation is not None or _is_const(each.node) for each in bindings):
            return False
        for use in module.uses:
            parent = use.node.parent
            if use.name == name and parent is not None and parent.type.endswith("assignment_expression"):
                left = parent.child_by_field_name("left")
                if left is not None and left.id == use.node.id:
                    return True
        return False

    def _binding(self, module: Module, owner: Scope, binding: Binding, depth: int) -> Value | None:
        if binding.imported is not None:
            file = self._project.file_of(module.path, binding.imported.module)
            if file is None:
                return None
            if binding.imported.name == "*":
                return Value("module", file)
            return self.exported(file, binding.imported.name, depth)
        if binding.kind in ("class", "enum") and binding.value is not None:
            inner = module.scope_of.get(binding.value.id)
            return None if inner is None else Value("class", module.path, inner.number)
        if binding.annotation is not None:
            value = self.of(module, binding.annotation, owner, depth)
            return Value("instance", value.path, value.number) if value is not None and value.kind == "class" else None
        if binding.kind == "variable" and binding.value is not None:
            return self.of(module, binding.value, owner, depth)
        return None

    def _this(self, module: Module, node: Node, scope: Scope) -> Value | None:
        for each in scope.within():
            if each.node.type in OWN_THIS:
                return None
            if each.kind == "function" and each.node.type == "method_definition":
                body = each.node.parent
                if body is None or body.type != "class_body":
                    return None  # a method of an object
            if each.kind == "class" and each.node.type != "enum_declaration":
                return Value("instance", module.path, each.number)
        return None

    def bases(self, cls: Value) -> list[Value | None]:
        """Return the base classes; None for a base that is not known."""
        module = self._project.module(cls.path)
        if module is None:
            return []
        scope = module.scopes[cls.number]
        found: list[Value | None] = []
        for heritage in (each for each in scope.node.named_children if each.type == "class_heritage"):
            for clause in heritage.named_children:
                if clause.type == "implements_clause":
                    continue
                base = clause.child_by_field_name("value") if clause.type == "extends_clause" else clause
                found.append(self.of(module, base, scope))
        return found

    def base_texts(self, cls: Value) -> list[str]:
        """Return the text of each base class that is not known."""
        module = self._project.module(cls.path)
        if module is None:
            return []
        scope = module.scopes[cls.number]
        return [
            module.text(each).removeprefix("extends").strip()
            for each in scope.node.named_children
            if each.type == "class_heritage" and None in self.bases(cls)
        ]

    def members(self, cls: Value) -> frozenset[str]:
        """Return the names of a class's members: those in its body, and those that its code assigns to `this`."""
        if cls not in self._members:
            module = self._project.module(cls.path)
            self._members[cls] = frozenset()
            if module is not None:
                scope = module.scopes[cls.number]
                body = scope.node.child_by_field_name("body")
                names = {
                    each.name
                    for each in module.properties
                    if (owner := body_of(each.node)) is not None and body is not None and owner.id == body.id
                }
                for each in module.properties:
                    parent = each.node.parent
                    assigned = None if parent is None else parent.parent
                    if (
                        each.object is not None
                        and each.object.type == "this"
                        and assigned is not None
                        and assigned.type == "assignment_expression"
                        and self._this(module, each.object, each.scope) == Value("instance", cls.path, cls.number)
                    ):
                        names.add(each.name)
                self._members[cls] = frozenset(names)
        return self._members[cls]

    def related(self, cls: Value) -> frozenset[Value]:
        """Return all classes that are connected with a class by inheritance, and the class itself."""
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
        module = self._project.module(cls.path)
        name = None if module is None else module.scopes[cls.number].node.child_by_field_name("name")
        if module is None or name is None:
            return []
        candidates = [
            Value("class", other.path, scope.number)
            for other in self._project.containing(module.text(name))
            for scope in other.scopes
            if scope.kind == "class"
        ]
        return [each for each in candidates if cls in self.bases(each)]

    def key(self, cls: Value, name: str) -> Key | None:
        """Return the key of a member, which all related classes share; None if none of them defines it."""
        if name.startswith("#"):
            return ("member", cls.path, cls.number, name) if name in self.members(cls) else None
        group = [each for each in self.related(cls) if name in self.members(each)]
        first = min(group, key=lambda each: (each.path, each.number), default=None)
        return None if first is None else ("member", first.path, first.number, name)


def body_of(name: Node) -> Node | None:
    """Return the body of a class or enumeration if the node is the name of one of its members; otherwise None."""
    parent = name.parent
    if parent is not None and parent.type == "enum_body":
        return parent
    if parent is None or parent.type not in MEMBER_NODES or parent.parent is None:
        return None
    named = parent.child_by_field_name("name") or parent.child_by_field_name("property")
    return parent.parent if parent.parent.type in BODIES and named is not None and named.id == name.id else None


def _is_const(name: Node) -> bool:
    above = name.parent
    while above is not None and above.type != "lexical_declaration":
        if above.type in ("statement_block", "program"):
            return False
        above = above.parent
    return above is not None and bool(above.children) and above.children[0].type == "const"
