"""The Python files of a project: their scopes, and the files that their imports name."""

import posixpath

from slm_lsp.features.edit.rename.python.scopes import Module
from slm_lsp.features.edit.rename.python.syntax import build
from slm_lsp.features.edit.rename.sources import Sources
from slm_lsp.index.resolve import resolve
from slm_lsp.languages.symbols import Import

LANGUAGES = frozenset({"python"})


class PythonProject:
    """Builds the scopes of each file once, when they are first needed."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._found: dict[tuple[str, str], str | None] = {}

    def module(self, path: str) -> Module | None:
        """Return the scopes of a file; None if it is not a Python file of the project or cannot be parsed."""
        return self.sources.built(path, LANGUAGES, build)

    def containing(self, *words: str) -> list[Module]:
        """Return the scopes of all files that contain one of these words."""
        found = (self.module(path) for path in self.sources.containing(words, LANGUAGES))
        return [each for each in found if each is not None]

    def file_of(self, importer: str, module: str) -> str | None:
        """Return the file of the module that an import statement names; None if it is not in the project."""
        place = importer, module
        if place not in self._found:
            self._found[place] = self._file_of(importer, module)
        return self._found[place]

    def _file_of(self, importer: str, module: str) -> str | None:
        if not module.startswith("."):
            found = resolve("python", importer, Import(module, "", "", 0), self.sources.files)
            return found[0] if found else None
        # `resolve` never returns the importing file. But in `__init__.py`, `from . import name` names this file itself.
        path = module.lstrip(".")
        folder = posixpath.dirname(importer)
        for _ in range(len(module) - len(path) - 1):
            if not folder:
                return None
            folder = posixpath.dirname(folder)
        base = posixpath.join(folder, *path.split(".")) if path else folder
        tries = [f"{base}.py", f"{base}.pyi"] if path else []
        tries += [posixpath.join(base, "__init__.py"), posixpath.join(base, "__init__.pyi")]
        return next((each for each in tries if each in self.sources.files), None)

    def submodule(self, package: str, name: str) -> str | None:
        """Return the file of a module in a package, given the package's `__init__.py`."""
        folder, file = posixpath.split(package)
        if not file.startswith("__init__."):
            return None
        base = posixpath.join(folder, name)
        tries = (f"{base}.py", f"{base}.pyi", f"{base}/__init__.py", f"{base}/__init__.pyi")
        return next((each for each in tries if each in self.sources.files), None)
