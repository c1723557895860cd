"""The JavaScript and TypeScript files of a project, and the files that their imports name."""

import json
import posixpath
from functools import cached_property

from slm_lsp.features.edit.rename.javascript.handlers import build
from slm_lsp.features.edit.rename.javascript.scopes import Module
from slm_lsp.features.edit.rename.sources import Sources
from slm_lsp.index.resolve import resolve
from slm_lsp.languages.symbols import Import

LANGUAGES = frozenset({"javascript", "typescript", "tsx"})
_DEPENDENCIES = ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies")


class JavaScriptProject:
    """Builds the scopes of each file once, when they are first needed."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources

    def module(self, path: str) -> Module | None:
        """Return the scopes of a file; None if it is in another language or cannot be parsed."""
        return self.sources.built(path, LANGUAGES, build)

    def containing(self, *words: str) -> list[Module]:
        """Return the scopes of all files that contain one of these words."""
        found = (self.module(path) for path in self.sources.containing(words, LANGUAGES))
        return [each for each in found if each is not None]

    def file_of(self, importer: str, module: str) -> str | None:
        """Return the file of the module that an import names; None if it is not a file of the project."""
        language = "typescript" if importer.endswith((".ts", ".tsx", ".mts", ".cts")) else "javascript"
        found = resolve(language, importer, Import(module, "", "", 0), self.sources.files)
        return found[0] if found else None

    def is_dependency(self, module: str) -> bool:
        """Return whether a module certainly is not part of the project: Node's own, or a listed dependency."""
        if module.startswith("node:"):
            return True
        if module.startswith("."):
            return False
        parts = module.split("/")
        package = "/".join(parts[:2]) if module.startswith("@") else parts[0]
        dependencies, own = self._packages
        return package not in own and (package in dependencies or package in NODE_MODULES)

    @cached_property
    def _packages(self) -> tuple[frozenset[str], frozenset[str]]:
        """The dependencies in all files `package.json` of the project, and the names of its own packages."""
        dependencies: set[str] = set()
        own: set[str] = set()
        for path in self.sources.files:
            if posixpath.basename(path) != "package.json":
                continue
            try:
                content = json.loads(self.sources.text(path) or "{}")
            except ValueError:
                continue
            if isinstance(content, dict):
                own.add(str(content.get("name")))
                for each in _DEPENDENCIES:
                    found = content.get(each)
                    dependencies.update(found if isinstance(found, dict) else ())
        return frozenset(dependencies), frozenset(own)


NODE_MODULES = frozenset({
    "assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram",
    "diagnostics_channel", "dns", "domain", "events", "fs", "http", "http2", "https", "inspector", "module", "net",
    "os", "path", "perf_hooks", "process", "punycode", "querystring", "readline", "repl", "stream", "string_decoder",
    "timers", "tls", "tty", "url", "util", "v8", "vm", "wasi", "worker_threads", "zlib",
})  # fmt: skip
"""Modules that Node.js contains (https://nodejs.org/api)."""
