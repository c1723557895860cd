"""Update the imports of a moved Python symbol in the files that use it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from slm_lsp.features.edit.rules.layout import Layout
from slm_lsp.features.edit.rules.modules import files_of, module_of, renamed
from slm_lsp.features.edit.rules.python_add import add
from slm_lsp.features.edit.rules.python_imports import IMPORTS, Statement, is_plain, read_statement, top_imports
from slm_lsp.features.edit.rules.python_organize import kept_sorted
from slm_lsp.features.edit.rules.source import Source, read_source, walk
from slm_lsp.index.resolve import ProjectFiles


@dataclass(frozen=True, slots=True)
class Importer:
    """A symbol that has moved to another file, and the project whose imports are updated."""

    source: str
    """File that defined the symbol before the move."""
    target: str
    """File that defines the symbol after the move."""
    name: str
    paths: frozenset[str]
    """All Python files of the project."""
    layout: Layout


def redirected(source: Source, path: str, moved: Importer) -> tuple[str, list[str]]:
    """Return the text of a file with its imports of the symbol updated, and notes about uses that were not changed.

    Args:
        source: the file.
        path: its path.
        moved: the symbol.
    """
    files = ProjectFiles.of(moved.paths)
    notes: list[str] = []
    edits: list[tuple[int, int, str]] = []
    added: list[Statement] = []
    top = {each.id for each in top_imports(source)}
    for node in walk(source.root):
        if node.type not in IMPORTS:
            continue
        statement = read_statement(node, source)
        line = source.line(node.start_byte)
        if not statement.module:
            notes += _accesses(source, path, statement, moved, files)
            continue
        if moved.source not in files_of(statement.module, "*", path, files):
            notes += _submodule(source, path, statement, moved, files)
            continue
        if statement.names[0].name == "*":
            notes.append(f"{path}:{line}: `import *` no longer imports `{moved.name}`")
        ours = tuple(each for each in statement.names if each.name == moved.name)
        if not ours:
            continue
        kept = tuple(each for each in statement.names if each.name != moved.name)
        module = renamed(statement.module, moved.source, moved.target, path, moved.paths)
        if not kept:
            found = node.child_by_field_name("module_name")
            if found is not None:
                edits.append((found.start_byte, found.end_byte, module))
        elif not is_plain(node, source):
            notes.append(f"{path}:{line}: the import has a comment, so it was not changed")
        else:
            rest = Statement(statement.module, kept, statement.several_lines)
            parts = _Split(rest, Statement(module, ours), node.id in top)
            edits.append(_shortened(node, source, parts, moved.layout.line_length))
            added += [Statement(module, (each,)) for each in ours] if parts.at_top else []
    text = source.replaced(edits)
    for each in added:
        again = read_source(source.language, text)
        text = text if again is None else add(again, each, moved.layout)
    return kept_sorted(source, text, moved.layout), notes + list(_texts(source, path, moved))


@dataclass(frozen=True, slots=True)
class _Split:
    """An import statement that is split in two: the second one imports the moved symbol."""

    kept: Statement
    taken: Statement
    at_top: bool
    """Whether the new import can be placed among the imports at the top of the file."""


def _shortened(node: Node, source: Source, parts: _Split, length: int) -> tuple[int, int, str]:
    """Return the edit that removes the symbol from an import. If the new import cannot be at the top, it follows."""
    indent = source.before(node.start_byte)
    new = parts.kept.text(length, indent, source.line_end)
    if not parts.at_top:
        new += source.line_end + indent + parts.taken.text(length, indent, source.line_end)
    return node.start_byte, node.end_byte, new


def _accesses(source: Source, path: str, statement: Statement, moved: Importer, files: ProjectFiles) -> Iterator[str]:
    """Yield notes about `module.name` for `import module`."""
    for each in statement.names:
        if moved.source in files_of(each.name, "", path, files):
            yield from _attributes(source, path, each.alias or each.name, moved.name)


def _submodule(source: Source, path: str, statement: Statement, moved: Importer, files: ProjectFiles) -> Iterator[str]:
    """Yield notes about `module.name` for `from package import module`."""
    for each in statement.names:
        if each.name != "*" and moved.source in files_of(statement.module, each.name, path, files):
            yield from _attributes(source, path, each.alias or each.name, moved.name)


def _attributes(source: Source, path: str, module: str, name: str) -> Iterator[str]:
    for node in walk(source.root):
        if node.type == "attribute" and re.sub(r"\s", "", source.of(node)) == f"{module}.{name}":
            yield f"{path}:{source.line(node.start_byte)}: `{module}.{name}` was not changed"


def _texts(source: Source, path: str, moved: Importer) -> Iterator[str]:
    """Yield notes about strings that contain the symbol with its module, such as targets of `mock.patch`."""
    dotted = f"{module_of(moved.source, moved.paths)}.{moved.name}"
    for node in walk(source.root):
        if node.type == "string" and dotted in source.of(node):
            yield f"{path}:{source.line(node.start_byte)}: a string contains `{dotted}`"
