"""Finds the symbol to which each name of a JavaScript or TypeScript file refers."""

import re
from collections.abc import Iterator

from slm_lsp.features.edit.rename.javascript.classes import Classes, Value, body_of
from slm_lsp.features.edit.rename.javascript.hazards import SYNTAX, Hazards
from slm_lsp.features.edit.rename.javascript.project import JavaScriptProject
from slm_lsp.features.edit.rename.javascript.scopes import Meaning, Module, Property, Scope, lookup
from slm_lsp.features.edit.rename.model import Found, Hazard, Key, Occurrence
from slm_lsp.features.edit.rename.sources import Sources
from slm_lsp.languages.registry import languages

MAX_EXPORTS = 12
"""Maximum length of a chain of files that re-export a name. Longer chains are not followed."""

_NAME = re.compile(r"#?[^\W\d][\w$]*|#?\$[\w$]*")
_KEYWORDS = frozenset({
    "any", "arguments", "await", "boolean", "break", "case", "catch", "class", "const", "constructor", "continue",
    "debugger", "default", "delete", "do", "else", "enum", "eval", "export", "extends", "false", "finally", "for",
    "function", "if", "implements", "import", "in", "instanceof", "interface", "let", "never", "new", "null", "number",
    "object", "package", "private", "protected", "public", "require", "return", "static", "string", "super", "switch",
    "symbol", "this", "throw", "true", "try", "typeof", "undefined", "unknown", "var", "void", "while", "with", "yield",
})  # fmt: skip
"""Words that JavaScript or TypeScript reserves, or that name a type or a value of the language."""

GLOBALS = frozenset(languages()["typescript"].builtins)


class JavaScriptResolver:
    """Implements `Resolver` for JavaScript and TypeScript."""

    def __init__(self, sources: Sources) -> None:
        self.project = JavaScriptProject(sources)
        self.classes = Classes(self)
        self._hazards = Hazards(self)

    def occurrences(self, path: str, names: frozenset[str]) -> list[Occurrence]:
        """Return all occurrences of these names in a file; see `Resolver`."""
        module = self.project.module(path)
        if module is None:
            return []
        return sorted(dict.fromkeys(self._all(module, names)), key=lambda each: each.start)

    def name_problem(self, key: Key, name: str) -> str:
        """Return why a symbol cannot get this name; see `Resolver`."""
        if name.startswith("#") != key[3].startswith("#"):
            return "A name with `#` is private, and a name without `#` is not."
        if not _NAME.fullmatch(name):
            return f"`{name}` is not a name in JavaScript."
        if name in _KEYWORDS:
            return f"`{name}` has a special meaning in JavaScript."
        if name in GLOBALS:
            return f"`{name}` is a built-in name of JavaScript."
        return ""

    def refusal(self, key: Key) -> str:
        """Return why a symbol cannot be renamed; see `Resolver`."""
        return self._hazards.refusal(key)

    def hazards(self, key: Key, found: Found) -> list[Hazard]:
        """Return what makes renaming a symbol uncertain; see `Resolver`."""
        return list(self._hazards.of(key, found))

    def strings_matter(self, key: Key) -> bool:
        """Return whether a string with the name may refer to the symbol; see `Resolver`."""
        if key[0] == "member":
            return not key[3].startswith("#")
        module = self.project.module(key[1])
        return key[0] == "module" and (module is None or not module.is_module or self.is_exported(module, key[3]))

    def is_exported(self, module: Module, name: str) -> bool:
        """Return whether a file exports a name of its own scope under this or another name."""
        return any(each.local == name and not each.module for each in module.exports.values())

    def _all(self, module: Module, names: frozenset[str]) -> Iterator[Occurrence]:
        for use in module.uses:
            if use.name in names:
                key = self.name_key(module, use.scope, use.name, use.meaning)
                yield Occurrence(use.node.start_byte, use.node.end_byte, use.name, key, "name", use.template)
        for each in module.names:
            if each.name in names:
                key = self._imported_key(module, each.module, each.name)
                yield Occurrence(each.node.start_byte, each.node.end_byte, each.name, key)
        for known in module.known:
            if known.name in names:
                other: Key = ("external", SYNTAX, 0, known.name)
                yield Occurrence(known.node.start_byte, known.node.end_byte, known.name, other)
        for each_property in module.properties:
            if each_property.name in names:
                node, key = each_property.node, self.property_key(module, each_property)
                yield Occurrence(
                    node.start_byte, node.end_byte, each_property.name, key, "attribute", each_property.template
                )

    def name_key(self, module: Module, scope: Scope, name: str, meaning: Meaning) -> Key | None:
        """Return the symbol to which a name in a scope refers."""
        owner = lookup(scope, name, meaning)
        if owner is None:
            return ("builtin", "", 0, name)
        return self.binding_key(module, owner, name)

    def binding_key(self, module: Module, owner: Scope, name: str, depth: int = MAX_EXPORTS) -> Key | None:
        """Return the symbol that a scope binds to a name. For an import without `as`, this is the imported symbol."""
        imported = [each.imported for each in owner.bindings.get(name, ()) if each.imported is not None]
        if len(imported) == 1 and imported[0].name == name:
            return self._imported_key(module, imported[0].module, name, depth)
        if any(each.kind == "augmentation" for each in owner.within()):
            return None
        if owner.kind == "module":
            return ("module", module.path, 0, name)
        return ("local", module.path, owner.number, name)

    def _imported_key(self, module: Module, origin: str, name: str, depth: int = MAX_EXPORTS) -> Key | None:
        file = self.project.file_of(module.path, origin)
        if file is None:
            return None if origin.startswith(".") else ("external", origin, 0, name)
        return self.export_key(file, name, depth - 1)

    def export_key(self, path: str, name: str, depth: int = MAX_EXPORTS) -> Key | None:
        """Return the symbol that a file exports under a name.

        If the exported name differs from the symbol's own name, because of `as` or `default`, return a key of the kind
        `external`: renaming the symbol must not change the exported name.
        """
        found = self.export_target(path, name, depth)
        if found is None:
            return None
        target, other_name = found
        return ("external", path, 0, name) if other_name else target

    def export_target(self, path: str, name: str, depth: int = MAX_EXPORTS) -> tuple[Key, bool] | None:
        """Return the symbol that an exported name denotes, and whether it has another name where it is defined."""
        module = self.project.module(path)
        if module is None or depth <= 0:
            return None
        exported = module.exports.get(name)
        if exported is None:
            for origin in module.wildcards:
                file = self.project.file_of(path, origin)
                found = None if file is None or name == "default" else self.export_target(file, name, depth - 1)
                if found is not None:
                    return found
            return None
        file = self.project.file_of(path, exported.module) if exported.module else None
        if exported.local == "*":
            return None if file is None else (("file", file, 0, ""), False)
        if exported.module:
            if file is None:
                return ("external", exported.module, 0, exported.local), False
            found = self.export_target(file, exported.local, depth - 1)
            return None if found is None else (found[0], found[1] or exported.local != name)
        if exported.local not in module.top.bindings:
            return None
        key = self.binding_key(module, module.top, exported.local, depth)
        return None if key is None else (key, exported.local != name)

    def property_key(self, module: Module, each: Property) -> Key | None:
        """Return the symbol of a property; None if the class of its object is not known."""
        if each.name.startswith("#"):
            for scope in each.scope.within():
                cls = Value("class", module.path, scope.number)
                if scope.kind == "class" and (key := self.classes.key(cls, each.name)) is not None:
                    return key
            return None
        body = body_of(each.node)
        if body is not None and body.parent is not None:
            owner = module.scope_of.get(body.parent.id)
            return None if owner is None else self.classes.key(Value("class", module.path, owner.number), each.name)
        value = self.classes.of(module, each.object, each.scope)
        if value is None:
            return None
        if value.kind == "module":
            return self.export_key(value.path, each.name)
        return self.classes.key(Value("class", value.path, value.number), each.name)
