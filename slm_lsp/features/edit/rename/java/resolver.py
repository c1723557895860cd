"""Finds the symbol to which each name of a Java file refers: a variable, a parameter or a private member.

Other members and types can be used in other files through objects whose class only a compiler knows, so they are not
renamed.
"""

import re
from collections.abc import Iterator

from tree_sitter import Node

from slm_lsp.features.edit.rename.java.build import JavaModule, TypeScope, build
from slm_lsp.features.edit.rename.lexical import Identifier, LexicalScope
from slm_lsp.features.edit.rename.model import Found, Hazard, Key, Occurrence
from slm_lsp.features.edit.rename.sources import Sources

LANGUAGES = frozenset({"java"})

HARMLESS_ANNOTATIONS = frozenset({
    "Deprecated", "FunctionalInterface", "NonNull", "Nonnull", "NotNull", "Nullable", "Override", "SafeVarargs",
    "SuppressWarnings", "VisibleForTesting",
})  # fmt: skip
"""Annotations, by the last part of their name, that let no tool use the name of the annotated declaration."""

SERIALIZED_METHODS = frozenset({"readObject", "readObjectNoData", "readResolve", "writeObject", "writeReplace"})
"""Private methods that serialization finds by their names."""

_NAME = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
_KEYWORDS = frozenset({
    "abstract", "assert", "boolean", "break", "byte", "case", "catch", "char", "class", "const", "continue", "default",
    "do", "double", "else", "enum", "exports", "extends", "false", "final", "finally", "float", "for", "goto", "if",
    "implements", "import", "instanceof", "int", "interface", "long", "module", "native", "new", "null", "package",
    "permits", "private", "protected", "public", "record", "requires", "return", "sealed", "short", "static",
    "strictfp", "super", "switch", "synchronized", "this", "throw", "throws", "transient", "true", "try", "var", "void",
    "volatile", "while", "yield", "_",
})  # fmt: skip


class JavaResolver:
    """Implements `Resolver` for Java. Keys of members have the kinds `field` and `method`."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def module(self, path: str) -> JavaModule | None:
        """Return the scopes of a file; None if it is in another language or cannot be parsed."""
        return self._sources.built(path, LANGUAGES, build)

    def occurrences(self, path: str, names: frozenset[str]) -> list[Occurrence]:
        """Return all occurrences of these names in a file; see `Resolver`."""
        module = self.module(path)
        return [] if module is None else sorted(self._all(module, names), key=lambda each: each.start)

    def name_problem(self, key: Key, name: str) -> str:
        """Return why a symbol cannot get this name; see `Resolver`."""
        if not _NAME.fullmatch(name):
            return f"`{name}` is not a name in Java."
        return f"`{name}` is a keyword of Java." if name in _KEYWORDS else ""

    def strings_matter(self, key: Key) -> bool:
        """Return whether a string with the name may refer to the symbol; see `Resolver`."""
        return key[0] in ("field", "method")

    def refusal(self, key: Key) -> str:
        """Return why a symbol cannot be renamed; see `Resolver`."""
        kind, path, number, name = key
        module = self.module(path)
        if kind == "external":
            return f"`{name}` cannot be renamed: in Java, only variables, parameters and private members can."
        if module is None or module.tree.root_node.has_error:
            return f"{path} has syntax errors."
        scope = module.scopes[number]
        if kind == "local":
            return self._local_refusal(module, scope, name)
        if not isinstance(scope, TypeScope):
            return ""
        declarations = (scope.fields if kind == "field" else scope.methods)[name]
        if not all(_is_private(each) for each in declarations):
            return f"`{name}` is not private, so other files may use it in ways that only a compiler can resolve."
        if any(_marked(module, each) for each in (*declarations, scope.node)):
            return f"An annotation may use `{name}` by its name."
        if kind == "method" and name in SERIALIZED_METHODS:
            return f"Serialization finds `{name}` by its name."
        if kind == "field" and "Serializable" in module.text(scope.node).partition("{")[0]:
            return f"The class of `{name}` is serialized with the names of its fields."
        return ""

    def _local_refusal(self, module: JavaModule, scope: LexicalScope, name: str) -> str:
        for each in module.identifiers:
            parent = each.node.parent
            if each.name != name or parent is None or each.scope is not scope:
                continue
            if parent.type in ("formal_parameter", "spread_parameter") and _marked(module, parent):
                return f"An annotation of the parameter may use `{name}` by its name."
            pattern = parent.type in ("type_pattern", "record_pattern_component", "instanceof_expression")
            owners = [outer for outer in scope.within() if isinstance(outer, TypeScope)]
            if pattern and any(name in outer.fields or outer.has_supertypes for outer in owners):
                return f"`{name}` is a variable of a pattern and may also be a field."
        return ""

    def hazards(self, key: Key, found: Found) -> list[Hazard]:
        """Return what makes renaming a symbol uncertain; see `Resolver`."""
        member = key[0] in ("field", "method")
        why = "the class of the object is not known" if member else "the name may be inherited"
        return [
            Hazard(key[1], each.start, why)
            for each in found.get(key[1], ())
            if each.key is None and each.name == key[3] and (member or each.role == "name")
        ]

    def _all(self, module: JavaModule, names: frozenset[str]) -> Iterator[Occurrence]:
        for each in module.identifiers:
            if each.name in names:
                key = self._key(module, each)
                start, end = each.node.start_byte, each.node.end_byte
                yield Occurrence(start, end, each.name, key, "name" if each.object is None else "attribute")

    def _key(self, module: JavaModule, each: Identifier) -> Key | None:
        other: Key = ("external", each.what, 0, each.name)
        if each.what in ("other", "type"):
            return other
        if each.what == "variable":
            found = self._variable(module, each)
            return other if found is None and not self._may_inherit(each) else found
        kind = "field" if each.what.startswith("field") else "method"
        if each.what.endswith("declaration"):
            owner = next((scope for scope in each.scope.within() if isinstance(scope, TypeScope)), None)
            return other if owner is None else (kind, module.path, owner.number, each.name)
        if each.object is None:
            return self._inherited(module, each, kind)
        if each.object.type == "this":
            scope = next((scope for scope in each.scope.within() if isinstance(scope, TypeScope)), None)
            return None if scope is None else self._member(module, scope, kind, each.name)
        known, scope = self._type_of(module, each.object, each.scope)
        if scope is not None:
            return self._member(module, scope, kind, each.name)
        return other if known else None

    def _member(self, module: JavaModule, scope: TypeScope, kind: str, name: str) -> Key | None:
        members = scope.fields if kind == "field" else scope.methods
        if name in members:
            return (kind, module.path, scope.number, name)
        return None if scope.has_supertypes else ("external", kind, 0, name)

    def _variable(self, module: JavaModule, each: Identifier) -> Key | None:
        """Return the symbol of a plain name in an expression; None if a supertype may define it."""
        inherits = False
        for scope in each.scope.within():
            if isinstance(scope, TypeScope):
                if each.name in scope.fields:
                    return None if inherits else ("field", module.path, scope.number, each.name)
                inherits = inherits or scope.has_supertypes
            elif scope.declares(each.name, each.node.start_byte):
                return None if inherits else ("local", module.path, scope.number, each.name)
        return None

    def _may_inherit(self, each: Identifier) -> bool:
        return any(isinstance(scope, TypeScope) and scope.has_supertypes for scope in each.scope.within())

    def _inherited(self, module: JavaModule, each: Identifier, kind: str) -> Key | None:
        """Return the symbol of a member that is used without an object; None if it may be inherited."""
        for scope in each.scope.within():
            if isinstance(scope, TypeScope):
                if each.name in scope.methods:
                    return (kind, module.path, scope.number, each.name)
                if scope.has_supertypes:
                    return None
        return ("external", kind, 0, each.name)

    def _type_of(self, module: JavaModule, node: Node, scope: LexicalScope) -> tuple[bool, TypeScope | None]:
        """Return whether the type of an expression is known, and its scope if this file declares it."""
        if node.type == "parenthesized_expression" and len(node.named_children) == 1:
            return self._type_of(module, node.named_children[0], scope)
        if node.type in ("object_creation_expression", "cast_expression"):
            return self._named(module, node.child_by_field_name("type"), scope)
        if node.type == "super":
            return True, None  # private members are not inherited
        if node.type == "identifier":
            return self._type_of_name(module, node, scope)
        owner, name = node.child_by_field_name("object"), node.child_by_field_name("field")
        around = next((each for each in scope.within() if isinstance(each, TypeScope)), None)
        if owner is not None and owner.type == "this" and name is not None and around is not None:
            return self._declared(module, around, module.text(name), scope)
        return False, None

    def _type_of_name(self, module: JavaModule, node: Node, scope: LexicalScope) -> tuple[bool, TypeScope | None]:
        """Return the type of a variable, or the type that has this name itself."""
        name, inherits = module.text(node), False
        for each in scope.within():
            if isinstance(each, TypeScope):
                if name in each.fields:
                    return (False, None) if inherits else self._declared(module, each, name, scope)
                inherits = inherits or each.has_supertypes
            elif each.declares(name, node.start_byte):
                return (False, None) if inherits else self._declared(module, each, name, scope)
        if inherits and not name[:1].isupper():
            return False, None
        types = module.types.get(name, [])
        return (True, types[0]) if len(types) == 1 else (not types, None)

    def _declared(
        self, module: JavaModule, owner: LexicalScope, name: str, scope: LexicalScope
    ) -> tuple[bool, TypeScope | None]:
        found = module.declared_types.get((owner.number, name), [])
        return self._named(module, found[0], scope) if len(found) == 1 else (False, None)

    def _named(self, module: JavaModule, node: Node | None, scope: LexicalScope) -> tuple[bool, TypeScope | None]:
        if node is not None and node.type == "generic_type":
            node = node.named_children[0]
        if node is None or node.type not in ("type_identifier", "array_type", "scoped_type_identifier"):
            return node is not None and node.type.endswith("_type"), None
        name = module.text(node).rpartition(".")[2]
        if node.type == "array_type":
            return True, None
        if _is_type_parameter(module, name, scope):
            return False, None
        types = module.types.get(name, [])
        return (True, types[0]) if len(types) == 1 else (not types, None)


def _is_type_parameter(module: JavaModule, name: str, scope: LexicalScope) -> bool:
    for each in scope.within():
        parameters = each.node.child_by_field_name("type_parameters")
        for parameter in [] if parameters is None else parameters.named_children:
            if name in module.text(parameter).replace("<", " ").split()[:1]:
                return True
    return False


def _modifiers(declaration: Node) -> list[Node]:
    return [inner for each in declaration.children if each.type == "modifiers" for inner in each.children]


def _is_private(declaration: Node) -> bool:
    return any(each.type == "private" for each in _modifiers(declaration))


def _marked(module: JavaModule, declaration: Node) -> bool:
    """Return whether a declaration has an annotation that may use its name."""
    marks = [each for each in _modifiers(declaration) if each.type in ("annotation", "marker_annotation")]
    names = [each.child_by_field_name("name") for each in marks]
    return any(name is not None and module.text(name).rpartition(".")[2] not in HARMLESS_ANNOTATIONS for name in names)
