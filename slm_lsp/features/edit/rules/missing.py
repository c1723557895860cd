"""Find the import that a name of the project needs."""

import posixpath
import re

from slm_lsp.features.edit.rules.imports import SCRIPTS
from slm_lsp.features.edit.rules.modules import module_of
from slm_lsp.index.project import Project
from slm_lsp.index.reader import Symbol
from slm_lsp.languages.registry import Language, language_of

_SCRIPT_EXTENSION = re.compile(r"(?:\.d)?\.[cm]?[jt]sx?$")
_RELATIVE_IMPORT = re.compile(r"""from\s+['"]\.{1,2}/[^'"]*?(?P<extension>\.[cm]?jsx?)?['"]""")
_JAVA_ROOT = re.compile(r"(?:^|.*/)(?:java|src)/(?P<package>.+)/[^/]+\.java$")


def missing_import(project: Project, path: str, text: str, language: Language, name: str) -> tuple[str, str] | None:
    """Return the module and the name to import, for `add_import`; None if it is not clear where the name is defined.

    The index must contain exactly one definition of the name, at the top level of another file of the language.

    Args:
        project: the project.
        path: path of the file that needs the name.
        text: the text of this file.
        language: language of the file.
        name: the name.
    """
    found = project.named([name], 1)
    if len(found) != 1 or found[0].path == path or found[0].parent:
        return None
    symbol = found[0]
    other = language_of(symbol.path)
    if other is None:
        return None
    if language.name == other.name == "python":
        return module_of(symbol.path, project.files()), name
    if language.name == other.name == "java":
        match = _JAVA_ROOT.match(symbol.path)
        same = posixpath.dirname(path) == posixpath.dirname(symbol.path)
        return (match["package"].replace("/", "."), name) if match and not same else None
    if language.name in SCRIPTS and other.name in SCRIPTS and _is_exported(symbol):
        return _specifier(path, symbol.path, text), name
    return None


def _is_exported(symbol: Symbol) -> bool:
    return symbol.signature.startswith("export ") and not symbol.signature.startswith("export default")


def _specifier(importer: str, target: str, text: str) -> str:
    """Return the relative path of an import. It has an extension if the other imports of the file have one."""
    written = posixpath.relpath(_SCRIPT_EXTENSION.sub("", target), posixpath.dirname(importer) or ".")
    style = _RELATIVE_IMPORT.search(text)
    if style is not None and style["extension"]:
        written += style["extension"]
    else:
        written = written.removesuffix("/index")
    return written if written.startswith(".") else f"./{written}"
