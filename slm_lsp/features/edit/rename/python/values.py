"""Infers what a Python expression denotes, where this is certain: a file, a class, an instance or a function.

The value of a variable is known only if all its bindings give the same value. Annotations are assumed to be correct.
"""

import re

from tree_sitter import Node

from slm_lsp.features.edit.rename.python.classes import Classes
from slm_lsp.features.edit.rename.python.project import PythonProject
from slm_lsp.features.edit.rename.python.scopes import Binding, Module, Scope, decorators, lookup
from slm_lsp.features.edit.rename.python.value import Value
from slm_lsp.languages.registry import languages

MAX_DEPTH = 12
"""Maximum number of steps of one inference. If more are needed, the value counts as unknown."""

BUILTINS = frozenset(languages()["python"].builtins) - {"self", "cls"}

CLASS_METHODS = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})
"""Methods whose first parameter is the class although they have no decorator."""

_WRAPPERS = frozenset({"typing.Optional", "typing.Final", "typing.ClassVar", "typing.Required", "typing.NotRequired"})
_NAME = re.compile(r"[^\W\d]\w*")


class Values:
    """Infers values over all files of a project."""

    def __init__(self, project: PythonProject) -> None:
        self.project = project
        self.classes = Classes(self)
        self._active: set[tuple[str, int, str]] = set()

    def scope(self, value: Value) -> tuple[Module, Scope] | None:
        """Return the scope of a class or function."""
        module = self.project.module(value.path)
        return None if module is None else (module, module.scopes[value.number])

    def of(self, module: Module, node: Node | None, scope: Scope, depth: int = MAX_DEPTH) -> Value | None:
        """Return the value of an expression; None if it is not certain."""
        if node is None or depth <= 0:
            return None
        kind = node.type
        if kind == "identifier":
            return self.name(module, scope, module.text(node), node.start_byte, depth - 1)
        if kind in ("parenthesized_expression", "type", "await") and len(node.named_children) == 1:
            return self.of(module, node.named_children[0], scope, depth - 1)
        if kind in ("attribute", "member_type"):
            owner, name = node.named_children[0], node.named_children[-1]
            return self.attribute(self.of(module, owner, scope, depth - 1), module, module.text(name), depth - 1)
        if kind == "call":
            return self._call(module, node, scope, depth - 1)
        if kind in ("subscript", "generic_type"):
            # `Base[int]` as a base class or as the type of a call is the class itself.
            value = self.of(module, node.named_children[0], scope, depth - 1)
            return value if value is not None and value.kind == "class" else None
        return None

    def name(self, module: Module, scope: Scope, name: str, at: int | None, depth: int = MAX_DEPTH) -> Value | None:
        """Return the value of a name in a scope."""
        owner = lookup(scope, name, at)
        if owner is None:
            for wildcard in module.wildcards:
                file = self.project.file_of(module.path, wildcard)
                if file is None:
                    return None
                if (value := self.member_of_file(file, name, depth - 1)) is not None:
                    return value
            return Value("external", f"builtins.{name}") if name in BUILTINS else None
        place = module.path, owner.number, name
        if place in self._active or depth <= 0:
            return None
        self._active.add(place)
        try:
            found = {self._bound(module, owner, each, depth - 1) for each in owner.bound(name)}
        finally:
            self._active.discard(place)
        return found.pop() if len(found) == 1 else None

    def member_of_file(self, path: str, name: str, depth: int = MAX_DEPTH) -> Value | None:
        """Return the value of an attribute of a module."""
        module = self.project.module(path)
        if module is None or depth <= 0:
            return None
        if name not in module.top.bindings:
            submodule = self.project.submodule(path, name)
            if submodule is not None:
                return Value("file", submodule)
            if name in BUILTINS and not module.wildcards:
                return None
        return self.name(module, module.top, name, None, depth - 1)

    def attribute(self, owner: Value | None, module: Module, name: str, depth: int = MAX_DEPTH) -> Value | None:
        """Return the value of `owner.name`, used in a module."""
        if owner is None or depth <= 0:
            return None
        if owner.kind == "file":
            return self.member_of_file(owner.path, name, depth - 1)
        if owner.kind == "external":
            dotted = f"{owner.path}.{name}"
            file = self.project.file_of(module.path, dotted)
            return Value("file", file) if file is not None else Value("external", dotted)
        if owner.kind in ("class", "instance", "super"):
            return self.classes.attribute(owner, name, depth - 1)
        return None

    def annotated(self, module: Module, node: Node | None, scope: Scope, depth: int = MAX_DEPTH) -> Value | None:
        """Return the instance that an annotation describes; a class for `type[Name]`."""
        while node is not None and node.type in ("type", "parenthesized_expression"):
            node = node.named_children[0] if node.named_children else None
        if node is None or depth <= 0:
            return None
        if node.type == "string":
            text = "".join(module.text(each) for each in node.named_children if each.type == "string_content")
            text = text.strip().removesuffix("| None").strip()
            value = self.name(module, scope, text, None, depth - 1) if _NAME.fullmatch(text) else None
            return _instance(value)
        if node.type in ("binary_operator", "union_type"):
            sides = [each for each in node.named_children if module.text(each) != "None"]
            return self.annotated(module, sides[0], scope, depth - 1) if len(sides) == 1 else None
        if node.type in ("subscript", "generic_type"):
            outer = self.of(module, node.named_children[0], scope, depth - 1)
            inner = node.named_children[1] if len(node.named_children) == 2 else None
            if inner is not None and inner.type == "type_parameter":
                inner = inner.named_children[0] if len(inner.named_children) == 1 else None
            if outer is not None and outer.kind == "external":
                wanted = self.annotated(module, inner, scope, depth - 1)
                if outer.path in ("builtins.type", "typing.Type") and wanted is not None and wanted.kind == "instance":
                    return Value("class", wanted.path, wanted.number)
                return wanted if outer.path in _WRAPPERS else None
            return _instance(outer)
        value = self.of(module, node, scope, depth - 1)
        if value is not None and value.kind == "external" and value.path in ("typing.Self", "typing_extensions.Self"):
            owner = scope.enclosing_class()
            return None if owner is None else Value("instance", module.path, owner.number)
        return _instance(value)

    def _bound(self, module: Module, scope: Scope, binding: Binding, depth: int) -> Value | None:
        """Return the value that one binding gives to its name."""
        if binding.imported is not None:
            return self.imported(module, binding, depth)
        if binding.kind in ("class", "function") and binding.value is not None:
            inner = module.scope_of.get(binding.value.id)
            if inner is None:
                return None
            return Value("class" if binding.kind == "class" else "function", module.path, inner.number)
        if binding.annotation is not None:
            around = scope.parent if binding.kind == "parameter" and scope.parent is not None else scope
            return self.annotated(module, binding.annotation, around, depth)
        if binding.kind == "parameter":
            return self._first_parameter(module, scope, binding)
        return self.of(module, binding.value, scope, depth)

    def imported(self, module: Module, binding: Binding, depth: int = MAX_DEPTH) -> Value | None:
        """Return the value of an imported name."""
        if binding.imported is None:
            return None
        wanted = binding.imported
        file = self.project.file_of(module.path, wanted.module)
        if not wanted.name:
            return Value("file", file) if file is not None else Value("external", wanted.module)
        if file == module.path and (inner := self.project.submodule(file, wanted.name)) is not None:
            return Value("file", inner)
        if file is not None:
            return self.member_of_file(file, wanted.name, depth)
        submodule = self.project.file_of(module.path, f"{wanted.module.rstrip('.')}.{wanted.name}")
        if wanted.module.strip(".") == "":
            submodule = self.project.file_of(module.path, wanted.module + wanted.name)
        if submodule is not None:
            return Value("file", submodule)
        return None if wanted.module.startswith(".") else Value("external", f"{wanted.module}.{wanted.name}")

    def _first_parameter(self, module: Module, scope: Scope, binding: Binding) -> Value | None:
        """Return the value of `self` or `cls`."""
        owner = scope.parent
        while owner is not None and owner.kind == "type parameters":
            owner = owner.parent
        parameters = scope.node.child_by_field_name("parameters")
        if owner is None or owner.kind != "class" or parameters is None or scope.node.type == "lambda":
            return None
        first = next((each for each in parameters.named_children if each.type != "comment"), None)
        if first is None or binding.value is None or first.id != binding.value.id:
            return None
        marks = decorators(module, scope.node)
        if "staticmethod" in marks:
            return None
        name = scope.node.child_by_field_name("name")
        is_class = "classmethod" in marks or (name is not None and module.text(name) in CLASS_METHODS)
        return Value("class" if is_class else "instance", module.path, owner.number)

    def _call(self, module: Module, node: Node, scope: Scope, depth: int) -> Value | None:
        function = node.child_by_field_name("function")
        value = self.of(module, function, scope, depth)
        if value is None:
            return None
        if value.kind == "class":
            return Value("instance", value.path, value.number)
        if value.kind == "external" and value.path == "builtins.super":
            owner = scope.enclosing_class()
            return None if owner is None else Value("super", module.path, owner.number)
        if value.kind == "function":
            return self.returned(value, awaited=node.parent is not None and node.parent.type == "await", depth=depth)
        return None

    def returned(self, function: Value, *, awaited: bool, depth: int) -> Value | None:
        """Return the value of a call of a function, from its annotation."""
        found = self.scope(function)
        if found is None:
            return None
        module, scope = found
        is_async = any(each.type == "async" for each in scope.node.children)
        if is_async != awaited or set(decorators(module, scope.node)) - {"staticmethod", "classmethod"}:
            return None
        return self.annotated(module, scope.node.child_by_field_name("return_type"), scope.parent or scope, depth)


def _instance(value: Value | None) -> Value | None:
    return Value("instance", value.path, value.number) if value is not None and value.kind == "class" else None
