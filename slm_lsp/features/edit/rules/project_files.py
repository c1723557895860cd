"""Read the Python files of a project for rules that change several files."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from slm_lsp.features.edit.rules.layout import Layout, layout_of
from slm_lsp.features.edit.rules.modules import files_of
from slm_lsp.features.edit.rules.python_imports import IMPORTS, read_statement
from slm_lsp.features.edit.rules.source import read_source, walk
from slm_lsp.index.resolve import ProjectFiles
from slm_lsp.index.source import read_source as read_bytes
from slm_lsp.index.walk import SourceFile
from slm_lsp.index.walk import walk as walk_files
from slm_lsp.languages.registry import languages


def python_files(root: Path) -> dict[str, str]:
    """Return the texts of all Python files below a folder, except those that ignore files and privacy rules exclude."""
    found: dict[str, str] = {}
    for each in walk_files(root):
        if isinstance(each, SourceFile) and each.path.endswith(".py"):
            raw = read_bytes(root, each.path)
            if isinstance(raw, bytes):
                found[each.path] = raw.decode("utf-8-sig")
    return found


def project_layout(root: Path, files: Mapping[str, str]) -> Layout:
    """Return how the project in a folder arranges its imports."""
    try:
        text = (root / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    return layout_of(files, text)


def imported_from(path: str, files: Mapping[str, str]) -> frozenset[str]:
    """Return the names that other Python files import from a file, or access as its attributes.

    Args:
        path: the file.
        files: texts of the project's Python files by path.
    """
    pure = PurePosixPath(path)
    stem = pure.parent.name if pure.stem == "__init__" else pure.stem
    word = re.compile(rf"\b{re.escape(stem)}\b")
    paths = ProjectFiles.of(files)
    found: set[str] = set()
    for importer, text in files.items():
        source = read_source(languages()["python"], text) if importer != path and word.search(text) else None
        if source is None:
            continue
        found.update(re.findall(rf"\b{re.escape(stem)}\s*\.\s*(\w+)", text))
        for node in walk(source.root):
            if node.type in IMPORTS:
                statement = read_statement(node, source)
                if statement.module and path in files_of(statement.module, "*", importer, paths):
                    found |= {each.name for each in statement.names}
    return frozenset(found)
