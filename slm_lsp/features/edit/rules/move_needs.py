"""Find what a moved Python symbol needs from its old module, and whether the imports after the move form a cycle."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from slm_lsp.features.edit.rules.flow import reads
from slm_lsp.features.edit.rules.layout import Layout
from slm_lsp.features.edit.rules.modules import absolute, files_of
from slm_lsp.features.edit.rules.python_imports import IMPORTS, Statement, read_statement
from slm_lsp.features.edit.rules.source import Source, around, read_source, walk
from slm_lsp.index.resolve import ProjectFiles
from slm_lsp.languages.registry import languages
from slm_lsp.languages.symbols import scopes


@dataclass(frozen=True, slots=True)
class Move:
    """A symbol to move, with the files of the project."""

    files: Mapping[str, str]
    """Texts of the project's Python files by path."""
    path: str
    """File that defines the symbol."""
    name: str
    target: str
    """File to which it moves. It is created if it is not one of the files."""
    layout: Layout = field(default_factory=Layout)

    @property
    def paths(self) -> frozenset[str]:
        """All Python files, including the target."""
        return frozenset(self.files) | {self.target}


@dataclass(frozen=True, slots=True)
class Needed:
    """What the moved code uses of its old module."""

    imports: tuple[Statement, ...]
    left: tuple[str, ...]
    """Used names that the old module itself defines. They would not move with the symbol."""


def parsed(move: Move, path: str) -> Source | None:
    """Return the parsed text of a file; an empty one for a file that the move creates."""
    return read_source(languages()["python"], move.files.get(path, ""))


def needed_by(move: Move, source: Source, node: Node) -> Needed:
    """Return the imports and the definitions of the old module that the symbol uses."""
    used = set(reads(node, source)) | _in_annotations(node, source)
    imports: list[Statement] = []
    bound: set[str] = set()
    for each in source.root.named_children:
        if each.type in IMPORTS:
            statement = read_statement(each, source)
            module = absolute(statement.module, move.path, move.paths)
            future = module == "__future__"
            imports += [Statement(module, (one,)) for one in statement.names if future or one.local in used]
            bound |= {one.local for one in statement.names}
        elif (inner := each.child_by_field_name("definition") or each).type.endswith("_definition"):
            named = inner.child_by_field_name("name")
            bound |= set() if named is None else {source.of(named)}
    own = scopes(source.language, source.tree, source.raw)[0].names
    others = {source.of(one) for each in walk(source.root) if each.type in IMPORTS for one in _import_names(each)}
    defined = (own | bound | others) - {one.names[0].local for one in imports} - {move.name}
    return Needed(tuple(imports), tuple(sorted(used & defined)))


def _import_names(node: Node) -> list[Node]:
    """Return the identifiers in an import statement."""
    return [each for each in walk(node) if each.type == "identifier"]


def _in_annotations(node: Node, source: Source) -> set[str]:
    """Return the names in annotations that are written as strings."""
    texts = (one for each in walk(node) if each.type == "type" for one in walk(each) if one.type == "string")
    return {word for each in texts for word in re.findall(r"[^\W\d]\w*", source.of(each))}


def cycle(move: Move, needed: Needed, importers: Collection[str], *, still_used: bool) -> str | None:
    """Return why the imports would form a cycle after the move; None if they do not.

    Args:
        move: the move.
        needed: what the symbol needs.
        importers: other files that will import the target.
        still_used: whether the old module uses the symbol, and so will import the target.
    """
    files = ProjectFiles.of(move.paths)
    reached = _reached(move, files, move.target)
    for each in needed.imports:
        for path in files_of(each.module, each.names[0].name, move.target, files):
            for one in (path, *_packages(path, move.target, files)):
                reached |= {one, *_reached(move, files, one)}
    if still_used and move.path in reached:
        return f"{move.path} still uses `{move.name}`, and {move.target} would import {move.path}: a cycle."
    if move.target in reached - _reached(move, files, move.target):
        return f"`{move.name}` needs a file that imports {move.target}: a cycle."
    both = sorted(each for each in importers if each in reached)
    if both:
        return f"{both[0]} would import {move.target}, which imports {both[0]}: a cycle."
    return None


def _reached(move: Move, files: ProjectFiles, start: str) -> set[str]:
    """Return the files that a file imports at the top level, directly or through others."""
    found: set[str] = set()
    pending = [start]
    while pending:
        path = pending.pop()
        source = parsed(move, path)
        for node in () if source is None else walk(source.root):
            if (
                node.type not in IMPORTS
                or source is None
                or any(each.type == "function_definition" for each in around(node))
            ):
                continue
            statement = read_statement(node, source)
            for one in statement.names:
                if path == move.target and one.name == move.name:
                    continue
                module, name = (statement.module, one.name) if statement.module else (one.name, "")
                wanted = [
                    each for one in files_of(module, name, path, files) for each in (one, *_packages(one, path, files))
                ]
                new = [each for each in wanted if each not in found]
                found.update(new)
                pending += new
    return found


def _packages(path: str, importer: str, files: ProjectFiles) -> list[str]:
    """Return the `__init__.py` files that run when an importer outside of their packages imports a file."""
    parts = path.split("/")[:-1]
    folders = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    return [
        init
        for folder in folders
        if not importer.startswith(f"{folder}/") and (init := f"{folder}/__init__.py") in files and init != path
    ]
