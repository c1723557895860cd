"""Resolves an import to files of the project by comparing paths only, without reading the disk.

This module does not know the search paths in a project's build files. Therefore it compares an import that is not
relative to the importing file with the end of each file's path. The match nearest to the importing file wins.
"""

import posixpath
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from slm_lsp.languages.symbols import Import

MAX_FILES = 8
"""Maximum number of files returned for one import, because importing a folder may match any number of files."""


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """The paths of a project's files, relative to its folder and with `/`, with indexes for fast look-up."""

    _paths: dict[str, None]
    _by_tail: dict[str, list[str]]
    """Paths by their last part, and by their last two parts."""
    _by_folder: dict[str, list[str]]
    _folders_by_name: dict[str, list[str]]

    @classmethod
    def of(cls, paths: Iterable[str]) -> "ProjectFiles":
        """Build the indexes for these paths."""
        known = dict.fromkeys(paths)
        by_tail: dict[str, list[str]] = {}
        by_folder: dict[str, list[str]] = {}
        for path in known:
            folder, _, name = path.rpartition("/")
            by_tail.setdefault(name, []).append(path)
            if folder:
                by_tail.setdefault(f"{folder.rpartition('/')[2]}/{name}", []).append(path)
            by_folder.setdefault(folder, []).append(path)
        folders_by_name: dict[str, list[str]] = {}
        for folder in by_folder:
            folders_by_name.setdefault(folder.rpartition("/")[2], []).append(folder)
        return cls(known, by_tail, by_folder, folders_by_name)

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def ending(self, tail: str, near: str) -> list[str]:
        """Return the paths that end with `tail`, sorted so that the paths nearest to the path `near` come first."""
        key = "/".join(tail.split("/")[-2:])
        return _nearest((path for path in self._by_tail.get(key, ()) if _ends(path, tail)), near)

    def folders_ending(self, tail: str, near: str) -> list[str]:
        """Return the folders that directly contain files and whose path ends with `tail`, nearest to `near` first."""
        named = self._folders_by_name.get(tail.rpartition("/")[2], ())
        return _nearest((folder for folder in named if _ends(folder, tail)), near)

    def in_folder(self, folder: str) -> Sequence[str]:
        """Return the files directly in a folder; `.` is the project's folder."""
        return self._by_folder.get("" if folder == "." else folder, ())

    def first(self, candidates: Iterable[str]) -> list[str]:
        """Return a list with the first candidate that is a file of the project; empty if no candidate is."""
        return next(([path] for path in candidates if path in self._paths), [])


def resolve(language: str, importer: str, wanted: Import, files: ProjectFiles) -> tuple[str, ...]:
    """Return the files that an import refers to, most likely first; empty if it refers to code of other projects.

    Args:
        language: registry name of the importing file's language.
        importer: path of the importing file.
        wanted: the import.
        files: the files of the project.
    """
    if language not in _RESOLVERS or not wanted.module:
        return ()
    found = _RESOLVERS[language](importer, wanted, files)
    return tuple(path for path in dict.fromkeys(found) if path != importer)[:MAX_FILES]


def _python(importer: str, wanted: Import, files: ProjectFiles) -> list[str]:
    path = wanted.module.lstrip(".")
    parts = path.split(".") if path else []
    tries = [parts] if wanted.name in {"", "*"} else [[*parts, wanted.name], parts]
    if up := len(wanted.module) - len(path):
        base = posixpath.dirname(importer).split("/") if "/" in importer else []
        if up - 1 > len(base):
            return []
        base = base[: len(base) - (up - 1)]
        return files.first(end for each in tries for end in _python_files([*base, *each]))
    here = posixpath.dirname(importer)
    for end in (end for each in tries if each for end in _python_files(each)):
        for found in files.ending(end, importer):
            root = found[: -len(end)].rstrip("/")
            # A module inside a package is not on the search path. The name of a module of the standard library refers
            # to a file of the project only if that file is in the folder of the importing file.
            on_path = _under(root, "__init__.py") not in files
            if on_path and (parts[0] not in sys.stdlib_module_names or root == here):
                return [found]
    return []


def _python_files(parts: Sequence[str]) -> Iterator[str]:
    path = "/".join(parts)
    if parts:
        yield from (f"{path}.py", f"{path}.pyi")
    yield from (_under(path, "__init__.py"), _under(path, "__init__.pyi"))


_TS = (".ts", ".tsx", ".d.ts", ".mts", ".cts")
_JS = (".js", ".jsx", ".mjs", ".cjs")
_BESIDE = (".vue", ".svelte", ".json")
_WRITTEN_FOR = {".js": (".ts", ".tsx", ".d.ts"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
"""For the extension of an imported JavaScript file, the extensions of the TypeScript files that compile to this file.
An import of a TypeScript file may use the name of the JavaScript file."""


def _javascript(importer: str, wanted: Import, files: ProjectFiles) -> list[str]:
    written = wanted.module.split("?")[0]
    typed = importer.endswith(_TS)
    if written.startswith(("./", "../")) or written in {".", ".."}:
        base = _joined(importer, written)
        return [] if base is None else files.first(_javascript_files(base, typed))
    alias, _, rest = written.partition("/")
    if alias not in {"@", "~", "#", "$lib"} or not rest:
        return []
    rest = posixpath.normpath(rest)
    return next((found[:1] for end in _javascript_files(rest, typed) if (found := files.ending(end, importer))), [])


def _javascript_files(base: str, typed: bool) -> Iterator[str]:
    extensions = (*_TS, *_JS, *_BESIDE) if typed else (*_JS, *_TS, *_BESIDE)
    if base:
        stem, extension = posixpath.splitext(base)
        yield base
        yield from (stem + each for each in _WRITTEN_FOR.get(extension, ()))
        yield from (base + each for each in extensions)
    yield from (_under(base, f"index{each}") for each in extensions)


_GO_NAMES = """
archive bufio builtin bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt
go hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort
strconv strings structs sync syscall testing text time unicode unique unsafe weak
"""
_GO_STANDARD = frozenset(_GO_NAMES.split())
_GO_HOSTS = {"github.com": 3, "gitlab.com": 3, "bitbucket.org": 3, "golang.org": 3, "gopkg.in": 2}
"""For each host, the number of leading path parts that belong to the module's name and cannot be project folders."""


def _go(importer: str, wanted: Import, files: ProjectFiles) -> list[str]:
    parts = wanted.module.split("/")
    if parts[0] in _GO_STANDARD:
        return []
    for cut in range(_GO_HOSTS.get(parts[0], 1), len(parts)):
        tail = "/".join(parts[cut:])
        for folder in files.folders_ending(tail, importer):
            root = folder[: -len(tail)].rstrip("/")
            # A module's root is the top folder, a folder with a `go.mod`, or a folder named like the module.
            begins = not root or _under(root, "go.mod") in files or posixpath.basename(root) == parts[cut - 1]
            sources = [
                each for each in files.in_folder(folder) if each.endswith(".go") and not each.endswith("_test.go")
            ]
            if begins and sources:
                main = f"{folder}/{parts[-1]}.go"
                return sorted(sources, key=lambda each: (each != main, each))
    return []


_RUST_TOPS = ("lib.rs", "main.rs")
_RUST_CRATES = frozenset({"benches", "bin", "examples", "tests"})
"""Names of folders in which each file is a separate crate."""


def _rust(importer: str, wanted: Import, files: ProjectFiles) -> list[str]:
    parts = wanted.module.removeprefix("::").split("::")
    if wanted.name not in {"", "*"}:
        parts.append(wanted.name)
    folder, name = posixpath.split(importer)
    alone = name in {"mod.rs", *_RUST_TOPS} or posixpath.basename(folder) in _RUST_CRATES
    base = folder if alone else _under(folder, name.removesuffix(".rs"))
    crate = _rust_crate(folder, files)
    if parts[0] == "crate":
        return _rust_files(crate, parts[1:], files)
    if parts[0] in {"self", "super"}:
        while parts and parts[0] in {"self", "super"}:
            base = base if parts[0] == "self" else posixpath.dirname(base)
            parts = parts[1:]
        return _rust_files(base, parts, files)
    if parts[0] in {"alloc", "core", "std"}:
        return []
    found = _rust_files(base, parts, files, own=False) or _rust_files(crate, parts, files, own=False)
    if not found:
        tops = (f"{each}/src/lib.rs" for each in (parts[0], parts[0].replace("_", "-")))
        libraries = [library for top in tops for library in files.ending(top, importer)]
        own = posixpath.basename(folder) in _RUST_CRATES and not libraries
        # Tests and examples mostly import their own package, whose folder may have another name.
        library = _rust_library(folder) if own else posixpath.dirname(libraries[0]) if libraries else None
        found = _rust_files(library, parts[1:], files) if library is not None else []
    return found


def _rust_library(folder: str) -> str:
    """Return the source folder of a package, given the folder of its tests, examples or binaries."""
    package = posixpath.dirname(folder)
    return package if posixpath.basename(folder) == "bin" else _under(package, "src")


def _rust_crate(folder: str, files: ProjectFiles) -> str:
    """Return the root folder of the crate that contains `folder`; `folder` itself if no crate root is found."""
    above = folder
    while not any(_under(above, name) in files for name in _RUST_TOPS):
        if above == (above := posixpath.dirname(above)):
            return folder
    return above


def _rust_files(base: str, parts: Sequence[str], files: ProjectFiles, own: bool = True) -> list[str]:
    """Return the file of the innermost module that exists on the path `parts`, starting at the module folder `base`.

    With `own`, fall back to the file of the module `base` itself.
    """
    for count in range(len(parts), -1 if own else 0, -1):
        path = _under(base, "/".join(parts[:count])) if count else base
        tries = [f"{path}.rs", _under(path, "mod.rs")] if path else []
        if not count:
            tries += [_under(base, name) for name in _RUST_TOPS]
        if found := files.first(tries):
            return found
    return []


def _java(importer: str, wanted: Import, files: ProjectFiles) -> list[str]:
    path = wanted.module.replace(".", "/")
    if wanted.name == "*":
        for folder in files.folders_ending(path, importer):
            if classes := sorted(each for each in files.in_folder(folder) if each.endswith(".java")):
                return classes
    parts = [*path.split("/"), *([wanted.name] if wanted.name not in {"", "*"} else [])]
    # A nested class, or a static member, is defined in the file of the outer class.
    for count in range(len(parts), max(len(parts) - 3, 1), -1):
        if found := files.ending("/".join(parts[:count]) + ".java", importer):
            return found[:1]
    return []


_C_NAMES = """
assert complex ctype errno fcntl fenv float inttypes iso646 limits locale math pthread setjmp signal stdalign stdarg
stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar unistd wchar
wctype
"""
_C_STANDARD = frozenset(f"{name}.h" for name in _C_NAMES.split())


def _c(importer: str, wanted: Import, files: ProjectFiles) -> list[str]:
    if wanted.name:
        return []
    beside = _joined(importer, wanted.module)
    if beside is not None and beside in files:
        return [beside]
    path = posixpath.normpath(wanted.module)
    while path.startswith("../"):
        path = path[3:]
    return [] if path in _C_STANDARD else files.ending(path, importer)


_RESOLVERS: dict[str, Callable[[str, Import, ProjectFiles], list[str]]] = {
    "python": _python,
    "javascript": _javascript,
    "typescript": _javascript,
    "tsx": _javascript,
    "go": _go,
    "rust": _rust,
    "java": _java,
    "c": _c,
    "cpp": _c,
}


def _joined(importer: str, relative: str) -> str | None:
    """Resolve a path relative to the importing file's folder; None if the result is outside the project."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(importer), relative))
    if path == ".":
        return ""
    return None if path.startswith(("../", "/")) or path == ".." else path


def _under(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _ends(path: str, tail: str) -> bool:
    return path == tail or path.endswith(f"/{tail}")


def _nearest(paths: Iterable[str], near: str) -> list[str]:
    """Sort paths by the number of leading folders that they share with `near`, highest first, then by nesting depth."""
    around = near.split("/")[:-1]

    def distance(path: str) -> tuple[int, int, str]:
        parts = path.split("/")
        same = next((i for i, (one, other) in enumerate(zip(around, parts, strict=False)) if one != other), None)
        return -(min(len(around), len(parts)) if same is None else same), len(parts), path

    return sorted(paths, key=distance)
