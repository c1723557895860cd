"""Decides which Python symbols cannot be renamed, and finds the places that make a renaming uncertain.

Code can refer to a symbol in ways that scopes do not show: through objects of unknown classes, through strings, and
through frameworks that find code by its name.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from slm_lsp.features.edit.rename.model import Found, Hazard, Key, Occurrence
from slm_lsp.features.edit.rename.python.definitions import (
    foreign,
    found_by_name,
    is_dotted_import,
    is_method,
    may_give,
)
from slm_lsp.features.edit.rename.python.parameters import Parameters
from slm_lsp.features.edit.rename.python.scopes import AttributeStore, Binding, Module, decorators, is_special
from slm_lsp.features.edit.rename.python.value import Value
from slm_lsp.features.edit.rename.python.values import BUILTINS

if TYPE_CHECKING:
    from slm_lsp.features.edit.rename.python.resolver import PythonResolver

_OF_SCOPE = frozenset({"locals", "vars", "dir"})
"""Built-in functions that, without arguments, return the names of the scope in which they are called."""

_CODE = frozenset({"eval", "exec"})
"""Built-in functions that run a text as code, which can use all names around the call."""

_ATTRIBUTES_BY_NAME = frozenset({"getattr", "setattr", "hasattr", "delattr"})
_MODULES_BY_NAME = ("import_module", "sys.modules", "__import__")
_FIELD_DICTIONARIES = frozenset({"__dict__", "_fields", "_asdict", "_replace", "__annotations__"})
_FIELD_READERS = frozenset({"vars", "asdict", "astuple", "fields", "dir"})


class Hazards:
    """Implements `refusal` and `hazards` of `Resolver`."""

    def __init__(self, resolver: "PythonResolver") -> None:
        self._resolver = resolver
        self._project = resolver.project
        self._values = resolver.values
        self._parameters = Parameters(resolver)

    def refusal(self, key: Key) -> str:
        """Return why a symbol cannot be renamed; empty if it can."""
        kind, path, number, name = key
        if kind not in ("module", "local", "parameter", "member"):
            return foreign(key)
        if is_special(name):
            return f"`{name}` has a special meaning in Python."
        module = self._project.module(path)
        if module is None or module.tree.root_node.has_error:
            return f"{path} has syntax errors."
        definitions = self._definitions(module, key)
        if any(is_dotted_import(each) for each in definitions if isinstance(each, Binding)):
            return f"`{name}` is bound by `import {name}.…`, which cannot bind another name."
        if kind == "parameter":
            return self._parameters.refusal(module, module.scopes[number], name)
        if kind == "local":
            return ""
        by_name = found_by_name(module, definitions, name)
        return by_name or (self._member_refusal(key) if kind == "member" else self._module_refusal(path, name))

    def _definitions(self, module: Module, key: Key) -> "list[Binding | AttributeStore]":
        kind, path, number, name = key
        if kind == "member":
            return list(self._values.classes.members(Value("class", path, number)).get(name, ()))
        return list(module.scopes[number].bindings.get(name, ()))

    def _module_refusal(self, path: str, name: str) -> str:
        if name in BUILTINS:
            return f"`{name}` is also a built-in name, so slm-lsp cannot distinguish the uses."
        if path.endswith(".py") and f"{path}i" in self._project.sources.files:
            return f"{path}i declares the names of {path}, and the two would no longer agree."
        return ""

    def _member_refusal(self, key: Key) -> str:
        _, path, number, name = key
        classes = self._values.classes
        cls = Value("class", path, number)
        if name.startswith("__"):
            return ""
        unknown = classes.unknown_bases(cls, name)
        if unknown:
            return f"The class of `{name}` inherits from {unknown[0]}, which may define or use this name."
        for each in classes.related(cls):
            if any(base is not None and base.path.endswith(".Protocol") for base in classes.bases(each)):
                return f"`{name}` is part of a protocol, which classes can implement without naming it."
        for definer in classes.definers(cls, name):
            found = self._values.scope(definer)
            if found is None:
                continue
            marks = decorators(found[0], found[1].node)
            is_field = any(not is_method(each) for each in classes.members(definer)[name])
            if is_field and any(not mark.endswith("dataclass") for mark in marks):
                return f"A decorator of the class may use the field `{name}` by its name."
        return ""

    def of(self, key: Key, found: Found) -> Iterator[Hazard]:
        """Yield the places that make renaming a symbol uncertain."""
        kind, path, number, name = key
        module = self._project.module(path)
        if module is None:
            return
        for file, occurrences in found.items():
            other = self._project.module(file)
            for each in occurrences:
                if other is not None and each.key == key and each.start in other.printed:
                    yield Hazard(file, each.start, "`=` in this f-string prints the name")
        yield from self._namespaces(module, key)
        if kind == "module":
            yield from self._module(key, found)
        elif kind == "member":
            yield from self._member(key, found)
        elif kind == "parameter":
            yield from self._parameters.hazards(module, module.scopes[number], name, found)

    def _namespaces(self, module: Module, key: Key) -> Iterator[Hazard]:
        """Yield calls such as `locals()` that make the names of the symbol's scope visible as data."""
        owner = module.scopes[key[2]]
        if key[0] == "member":
            return
        for call, scope in module.calls:
            function, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
            name = "" if function is None else module.text(function)
            around = next(each for each in scope.within() if each.kind != "comprehension")
            plain = arguments is None or not arguments.named_children
            if (
                (name in _OF_SCOPE and plain and owner in (scope, around))
                or (name in _CODE and owner in scope.within())
                or (name == "globals" and owner.kind == "module")
            ):
                yield Hazard(module.path, call.start_byte, f"`{name}` can reach names as data")

    def _module(self, key: Key, found: Found) -> Iterator[Hazard]:
        name = key[3]
        for path, occurrences in found.items():
            module = self._project.module(path)
            for each in occurrences:
                if module is None or each.key is not None or each.name != name:
                    continue
                if each.role == "name":
                    yield Hazard(path, each.start, "a wildcard import or a missing definition may bind this name")
                elif each.role == "attribute" and self._may_be_module(module, each.start, each.end):
                    yield Hazard(path, each.start, "the object may be the module")

    def _may_be_module(self, module: Module, start: int, end: int) -> bool:
        node = module.tree.root_node.descendant_for_byte_range(start, end)
        owner = None if node is None or node.parent is None else node.parent.child_by_field_name("object")
        if owner is None:
            return False
        texts = [module.text(owner)]
        if owner.type == "identifier":
            if not any(texts[0] in scope.bindings for scope in module.scopes):
                return True  # a package's module that an import has loaded, or a name of a wildcard import
            for scope in module.scopes:
                for binding in scope.bindings.get(texts[0], ()):
                    if binding.value is not None and binding.kind == "variable":
                        texts.append(module.text(binding.value))
                    if binding.imported is not None:
                        return True
        return any(each in text for each in _MODULES_BY_NAME for text in texts)

    def _member(self, key: Key, found: Found) -> Iterator[Hazard]:
        _, path, number, name = key
        classes = self._values.classes
        cls = Value("class", path, number)
        definers = classes.definers(cls, name) or [cls]
        fields = any(not is_method(each) for one in definers for each in classes.members(one).get(name, ()))
        if not fields and not any(self._is_use(file, each, key) for file, own in found.items() for each in own):
            why = "no code outside of the class uses the method, so a library may call it"
            yield Hazard(path, self._start_of(definers[0], name), why)
        for file, occurrences in found.items():
            for each in occurrences:
                if each.key is None and each.name == name and each.role == "attribute":
                    yield Hazard(file, each.start, "the class of the object is not known")
                if each.key is None and each.name == name and each.role == "keyword" and self._has_marks(definers):
                    yield Hazard(file, each.start, "the called function is not known")
        related = classes.related(cls)
        for file in sorted({each.path for each in related}):
            module = self._project.module(file)
            if module is not None:
                yield from self._dynamic(module, related, name, fields=fields)

    def _dynamic(self, module: Module, related: frozenset[Value], name: str, *, fields: bool) -> Iterator[Hazard]:
        """Yield the places of a file that use attributes of these classes by computed names."""
        for call, scope in module.calls:
            function, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
            given = [] if arguments is None else arguments.named_children
            called = "" if function is None else module.text(function).rpartition(".")[2]
            by_name = called in _ATTRIBUTES_BY_NAME and len(given) > 1 and may_give(module, given[1], name)
            if not by_name and not (fields and called in _FIELD_READERS):
                continue
            value = self._values.of(module, given[0], scope) if given else None
            if value is not None and Value("class", value.path, value.number) not in related:
                continue
            what = "computes the name of an attribute" if by_name else "reads the names of attributes"
            yield Hazard(module.path, call.start_byte, f"`{called}` {what}")
        for attribute in module.attributes if fields else ():
            if attribute.name in _FIELD_DICTIONARIES:
                yield Hazard(
                    module.path, attribute.node.start_byte, f"`{attribute.name}` shows the names of attributes"
                )

    def _is_use(self, path: str, occurrence: Occurrence, key: Key) -> bool:
        """Return whether an occurrence shows that the project itself calls a method.

        For a public method, uses in related classes do not count: such classes may implement an interface, whose
        callers are in a library.
        """
        module = self._project.module(path)
        if occurrence.key != key or module is None or occurrence.start in module.binding_offsets:
            return False
        related = self._values.classes.related(Value("class", key[1], key[2]))
        for attribute in module.attributes:
            if attribute.node.start_byte == occurrence.start:
                owner = attribute.scope.enclosing_class()
                inside = owner is not None and Value("class", path, owner.number) in related
                return key[3].startswith("_") or not inside
        return True

    def _start_of(self, cls: Value, name: str) -> int:
        return self._values.classes.members(cls)[name][0].node.start_byte

    def _has_marks(self, definers: list[Value]) -> bool:
        places = (self._values.scope(each) for each in definers)
        return any(place is not None and decorators(place[0], place[1].node) for place in places)
