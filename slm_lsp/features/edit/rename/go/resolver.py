"""Finds the symbol to which each name of a Go file refers: a local name, or a name of a package.

Fields and methods can be used through objects whose type only a compiler knows, so they are not renamed.
"""

import posixpath
import re
from collections.abc import Iterator

from slm_lsp.features.edit.rename.go.build import GoModule, build
from slm_lsp.features.edit.rename.lexical import Identifier
from slm_lsp.features.edit.rename.model import Found, Hazard, Key, Occurrence
from slm_lsp.features.edit.rename.sources import Sources
from slm_lsp.index.resolve import resolve
from slm_lsp.languages.symbols import Import

LANGUAGES = frozenset({"go"})

_NAME = re.compile(r"[^\W\d]\w*")
_KEYWORDS = frozenset({
    "break", "case", "chan", "const", "continue", "default", "defer", "else", "fallthrough", "for", "func", "go",
    "goto", "if", "import", "interface", "map", "package", "range", "return", "select", "struct", "switch", "type",
    "var", "_",
})  # fmt: skip
PREDECLARED = frozenset({
    "any", "append", "bool", "byte", "cap", "clear", "close", "comparable", "complex", "complex128", "complex64",
    "copy", "delete", "error", "false", "float32", "float64", "imag", "int", "int16", "int32", "int64", "int8", "iota",
    "len", "make", "max", "min", "new", "nil", "panic", "print", "println", "real", "recover", "rune", "string", "true",
    "uint", "uint16", "uint32", "uint64", "uint8", "uintptr",
})  # fmt: skip
"""Names of the universe block (https://go.dev/ref/spec#Predeclared_identifiers)."""

_FOUND_BY_NAME = re.compile(r"(?:main|init)$|(?:Test|Benchmark|Example|Fuzz)(?:[^a-z]|$)")
_DIRECTIVE = r"(?m)^//(?:go:\w+|export)\b[^\n]*\b{}\b"


class GoResolver:
    """Implements `Resolver` for Go. The path in a key of the kind `module` is `folder#package`."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def module(self, path: str) -> GoModule | None:
        """Return the scopes of a file; None if it is in another language or cannot be parsed."""
        return self._sources.built(path, LANGUAGES, build)

    def occurrences(self, path: str, names: frozenset[str]) -> list[Occurrence]:
        """Return all occurrences of these names in a file; see `Resolver`."""
        module = self.module(path)
        if module is None:
            return []
        return [
            Occurrence(
                each.node.start_byte,
                each.node.end_byte,
                each.name,
                self._key(module, each),
                "attribute" if each.what == "member" else "name",
            )
            for each in module.identifiers
            if each.name in names
        ]

    def name_problem(self, key: Key, name: str) -> str:
        """Return why a symbol cannot get this name; see `Resolver`."""
        if key[0] == "module" and name[:1].isupper() != key[3][:1].isupper():
            return f"`{name}` would change whether other packages can use `{key[3]}`."
        if not _NAME.fullmatch(name):
            return f"`{name}` is not a name in Go."
        if name in _KEYWORDS:
            return f"`{name}` is a keyword of Go."
        return f"`{name}` is a built-in name of Go." if name in PREDECLARED else ""

    def strings_matter(self, key: Key) -> bool:
        """Return False, because Go code cannot find local names and names of packages by a string."""
        return False

    def refusal(self, key: Key) -> str:
        """Return why a symbol cannot be renamed; see `Resolver`."""
        kind, path, _, name = key
        if kind == "external":
            if path in ("member", "other", "key"):
                return f"`{name}` cannot be renamed: in Go, only local names and names of packages can."
            return f"`{name}` is not defined in this project."
        if kind == "local":
            module = self.module(path)
            return f"{path} has syntax errors." if module is None or module.tree.root_node.has_error else ""
        if name in PREDECLARED:
            return f"`{name}` is also a built-in name."
        if _FOUND_BY_NAME.match(name):
            return f"Go finds `{name}` by its name."
        return ""

    def hazards(self, key: Key, found: Found) -> list[Hazard]:
        """Return what makes renaming a symbol uncertain; see `Resolver`."""
        return list(self._hazards(key, found))

    def _hazards(self, key: Key, found: Found) -> Iterator[Hazard]:
        name = key[3]
        for path, occurrences in found.items():
            module = self.module(path)
            if module is None:
                continue
            for each in occurrences:
                if each.key is None and each.name == name and each.role == "name":
                    yield Hazard(path, each.start, "the name may be a field, or come from a dot import")
            if key[0] != "module":
                continue
            if name in module.embedded:
                yield Hazard(path, 0, "a struct embeds the type, so that a field has its name")
            directive = re.search(_DIRECTIVE.format(re.escape(name)), module.source.decode("utf-8", "replace"))
            if directive is not None:
                start = len(module.source.decode("utf-8", "replace")[: directive.start()].encode())
                yield Hazard(path, start, "a directive uses the name")

    def _key(self, module: GoModule, each: Identifier) -> Key | None:
        if each.what == "other":
            return ("external", "other", 0, each.name)
        if each.what == "member":
            return self._member(module, each)
        local = self._local(module, each)
        if each.what == "key":
            # The key of a composite literal is a field of a struct, or an expression if the type is a map.
            known = local is not None or self._package_key(module, each.name) is not None
            return None if known else ("external", "key", 0, each.name)
        if local is not None:
            return local
        if each.name in self._import_names(module):
            return ("external", "other", 0, each.name)
        found = self._package_key(module, each.name)
        if found is not None:
            return found
        return None if module.dot_imports else ("external", "universe", 0, each.name)

    def _local(self, module: GoModule, each: Identifier) -> Key | None:
        at = each.node.start_byte
        for scope in each.scope.within():
            if scope.kind == "package":
                return None
            declared_here = f"@{at}" in scope.variables and each.name in scope.variables
            if declared_here or scope.declares(each.name, at):
                return ("local", module.path, scope.number, each.name)
        return None

    def _package_key(self, module: GoModule, name: str) -> Key | None:
        folder = posixpath.dirname(module.path)
        for path in self._sources.files.in_folder(folder or "."):
            other = self.module(path) if path.endswith(".go") else None
            if other is not None and other.package == module.package and name in other.declared:
                return ("module", f"{folder}#{module.package}", 0, name)
        return None

    def _member(self, module: GoModule, each: Identifier) -> Key | None:
        """Return the symbol after a dot: a name of an imported package, or `external` for a field or a method."""
        other: Key = ("external", "member", 0, each.name)
        if each.object is None or each.object.type not in ("identifier", "package_identifier"):
            return other
        name = module.text(each.object)
        owner = Identifier(name, each.object, each.scope, "name")
        if each.object.type == "identifier" and self._local(module, owner) is not None:
            return other
        path = self._import_names(module).get(name)
        if path is None:
            return other
        for file in resolve("go", module.path, Import(path, "", "", 0), self._sources.files):
            found = self.module(file)
            if found is not None:
                return self._package_key(found, each.name) or ("external", path, 0, each.name)
        return ("external", path, 0, each.name)

    def _import_names(self, module: GoModule) -> dict[str, str]:
        """Return the paths of the imported packages by the name that the file uses for them."""
        names = {}
        for alias, path in module.imports.items():
            if alias != path:
                names[alias] = path
                continue
            files = resolve("go", module.path, Import(path, "", "", 0), self._sources.files)
            found = self.module(files[0]) if files else None
            last = re.sub(r"/v\d+$", "", path).rpartition("/")[2]
            names[found.package if found is not None else re.sub(r"\.v\d+$", "", last)] = path
        return names
