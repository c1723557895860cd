"""Finds the symbol to which each name of a Python file refers."""

import keyword
from collections.abc import Iterator

from slm_lsp.features.edit.rename.model import Found, Hazard, Key, Occurrence
from slm_lsp.features.edit.rename.python.hazards import Hazards
from slm_lsp.features.edit.rename.python.project import PythonProject
from slm_lsp.features.edit.rename.python.scopes import (
    Attribute,
    ImportedName,
    Keyword,
    Module,
    Scope,
    is_private,
    is_special,
    lookup,
)
from slm_lsp.features.edit.rename.python.value import Value
from slm_lsp.features.edit.rename.python.values import BUILTINS, Values
from slm_lsp.features.edit.rename.sources import Sources

MAX_IMPORTS = 12
"""Maximum length of a chain of files that import a name from one another. Longer chains are not followed."""


class PythonResolver:
    """Implements `Resolver` for Python."""

    def __init__(self, sources: Sources) -> None:
        self.project = PythonProject(sources)
        self.values = Values(self.project)
        self._hazards = Hazards(self)

    def occurrences(self, path: str, names: frozenset[str]) -> list[Occurrence]:
        """Return all occurrences of these names in a file; see `Resolver`."""
        module = self.project.module(path)
        if module is None:
            return []
        found = [*self._names(module, names), *self._imports(module, names), *self._members(module, names)]
        return sorted(dict.fromkeys(found), key=lambda each: each.start)

    def name_problem(self, key: Key, name: str) -> str:
        """Return why a symbol cannot get this name; see `Resolver`."""
        if is_private(name) != is_private(key[3]):
            return "A name that begins with `__` is private in Python. A renaming cannot add or remove this prefix."
        if not name.isidentifier():
            return f"`{name}` is not a name in Python."
        if keyword.iskeyword(name):
            return f"`{name}` is a keyword of Python."
        if name in BUILTINS:
            return f"`{name}` is a built-in name of Python."
        if is_special(name):
            return f"`{name}` has a special meaning in Python."
        return ""

    def refusal(self, key: Key) -> str:
        """Return why a symbol cannot be renamed; see `Resolver`."""
        return self._hazards.refusal(key)

    def hazards(self, key: Key, found: Found) -> list[Hazard]:
        """Return what makes renaming a symbol uncertain; see `Resolver`."""
        return list(self._hazards.of(key, found))

    def strings_matter(self, key: Key) -> bool:
        """Return whether a string with the name may refer to the symbol; see `Resolver`."""
        return key[0] in ("module", "member")

    def _names(self, module: Module, names: frozenset[str]) -> Iterator[Occurrence]:
        for use in module.uses:
            if use.name in names:
                at = None if use.start in module.binding_offsets else use.start
                yield Occurrence(use.start, use.end, use.name, self.name_key(module, use.scope, use.name, at))
        for listed in module.listed:
            if listed.name in names:
                key = (
                    self.name_key(module, module.top, listed.name, None)
                    if listed.scope.kind != "class"
                    else self.values.classes.key(Value("class", module.path, listed.scope.number), listed.name)
                )
                yield Occurrence(listed.node.start_byte, listed.node.end_byte, listed.name, key)

    def _imports(self, module: Module, names: frozenset[str]) -> Iterator[Occurrence]:
        for each in module.imports:
            if each.name not in names:
                continue
            start, end, name = each.node.start_byte, each.node.end_byte, each.name
            target = self.import_key(module, each)
            own = self._own_key(module, each)
            if own is None or own == target:
                yield Occurrence(start, end, name, target)
            else:
                # The statement names the imported symbol and also binds another symbol of this file.
                yield Occurrence(start, end, name, target, template=f"{{}} as {name}")
                yield Occurrence(start, end, name, own, template=f"{name} as {{}}")

    def _own_key(self, module: Module, imported: ImportedName) -> Key | None:
        if not imported.binds:
            return None
        owner = lookup(imported.scope, imported.name)
        return None if owner is None else self.binding_key(module, owner, imported.name)

    def _members(self, module: Module, names: frozenset[str]) -> Iterator[Occurrence]:
        for attribute in module.attributes:
            if attribute.name in names:
                node, key = attribute.node, self.attribute_key(module, attribute)
                yield Occurrence(node.start_byte, node.end_byte, attribute.name, key, "attribute")
        for each in module.keywords:
            if each.name in names:
                node, key = each.node, self.keyword_key(module, each)
                yield Occurrence(node.start_byte, node.end_byte, each.name, key, "keyword")

    # Keys

    def name_key(self, module: Module, scope: Scope, name: str, at: int | None) -> Key | None:
        """Return the symbol to which a name in a scope refers; None if a wildcard import may bind it."""
        owner = lookup(scope, name, at)
        if owner is not None:
            return self.binding_key(module, owner, name)
        if module.wildcards:
            for wildcard in reversed(module.wildcards):
                file = self.project.file_of(module.path, wildcard)
                if file is None:
                    return ("builtin", "", 0, name) if name in BUILTINS else None
                if not name.startswith("_") and (key := self.member_of_file(file, name)) is not None:
                    return key
        return ("builtin", "", 0, name)

    def binding_key(self, module: Module, owner: Scope, name: str, depth: int = MAX_IMPORTS) -> Key:
        """Return the symbol that a scope binds to a name. For an import without `as`, this is the imported symbol."""
        bindings = owner.bound(name)
        if owner.kind == "class":
            found = self.values.classes.key(Value("class", module.path, owner.number), name)
            return found or ("member", module.path, owner.number, name)
        imported = [each.imported for each in bindings if each.imported is not None and not each.imported.aliased]
        if bindings and len(imported) == len(bindings) and depth > 0:
            targets = {
                self._imported_key(
                    module, each.module if each.name else each.module.partition(".")[0], each.name, depth
                )
                for each in imported
            }
            target = targets.pop()
            if not targets and target is not None:
                return target
        if owner.kind == "module":
            return ("module", module.path, 0, name)
        parameter = any(each.kind == "parameter" for each in bindings) and owner.node.type == "function_definition"
        return ("parameter" if parameter else "local", module.path, owner.number, name)

    def import_key(self, module: Module, token: ImportedName) -> Key | None:
        """Return the symbol to which a name of an import statement refers."""
        return self._imported_key(module, token.imported.module, token.imported.name, MAX_IMPORTS)

    def _imported_key(self, module: Module, origin: str, name: str, depth: int) -> Key | None:
        file = self.project.file_of(module.path, origin)
        if not name:
            return ("file", file, 0, "") if file is not None else ("external", origin, 0, "")
        if file == module.path and (inner := self.project.submodule(file, name)) is not None:
            return ("file", inner, 0, "")  # `from . import name` in a package
        if file is not None:
            return self.member_of_file(file, name, depth - 1)
        joined = f"{origin}{name}" if origin.strip(".") == "" else f"{origin}.{name}"
        submodule = self.project.file_of(module.path, joined)
        if submodule is not None:
            return ("file", submodule, 0, "")
        return None if origin.startswith(".") else ("external", origin, 0, name)

    def member_of_file(self, path: str, name: str, depth: int = MAX_IMPORTS) -> Key | None:
        """Return the symbol that other files get as the attribute `name` of a module."""
        module = self.project.module(path)
        if module is None or depth <= 0:
            return None
        if name in module.top.bindings:
            return self.binding_key(module, module.top, name, depth)
        for wildcard in reversed(module.wildcards):
            file = self.project.file_of(path, wildcard)
            if file is None:
                return None
            if (key := self.member_of_file(file, name, depth - 1)) is not None:
                return key
        submodule = self.project.submodule(path, name)
        return None if submodule is None else ("file", submodule, 0, "")

    def attribute_key(self, module: Module, attribute: Attribute) -> Key | None:
        """Return the symbol of the name after a dot; None if its object is not known."""
        if is_private(attribute.name) and (owner := attribute.scope.enclosing_class()) is not None:
            return ("member", module.path, owner.number, attribute.name)
        value = self.values.of(module, attribute.object, attribute.scope)
        if value is None:
            return None
        if value.kind == "file":
            return self.member_of_file(value.path, attribute.name)
        if value.kind == "external":
            file = self.project.file_of(module.path, f"{value.path}.{attribute.name}")
            return ("external", value.path, 0, attribute.name) if file is None else ("file", file, 0, "")
        if value.kind == "function":
            return None
        return self.values.classes.key(Value("class", value.path, value.number), attribute.name)

    def keyword_key(self, module: Module, each: Keyword) -> Key | None:
        """Return the parameter to which a keyword argument belongs; None if the called function is not known."""
        if each.call is None:
            return None
        value = self.values.of(module, each.call.child_by_field_name("function"), each.scope)
        if value is None:
            return None
        if value.kind in ("class", "instance"):
            cls = Value("class", value.path, value.number)
            method = "__init__" if value.kind == "class" else "__call__"
            called = self.values.classes.attribute(cls, method, MAX_IMPORTS)
            if called is None and value.kind == "class" and not self._defines(cls, method):
                return self.values.classes.key(cls, each.name)
            value = called
        if value is None or value.kind != "function":
            return None
        found = self.values.scope(value)
        bindings = [] if found is None else found[1].bindings.get(each.name, [])
        if not any(binding.kind == "parameter" for binding in bindings):
            return None
        return ("parameter", value.path, value.number, each.name)

    def _defines(self, cls: Value, name: str) -> bool:
        return any(name in self.values.classes.members(each) for each in self.values.classes.lineage(cls))
