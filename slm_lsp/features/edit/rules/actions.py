"""The refactorings by rules that are possible at a place of a document."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.edit.changes import FileChange, ProjectChange
from slm_lsp.features.edit.rules.extract_function import SUPPORTED as WITH_FUNCTIONS
from slm_lsp.features.edit.rules.extract_function import extract_function
from slm_lsp.features.edit.rules.extract_variable import extract_variable, select
from slm_lsp.features.edit.rules.imports import ORGANIZED, organize_imports, remove_unused_imports
from slm_lsp.features.edit.rules.inline_variable import inline_variable, variable_at
from slm_lsp.features.edit.rules.kinds import KINDS
from slm_lsp.features.edit.rules.layout import Layout
from slm_lsp.features.edit.rules.source import Refused, Source, read_source
from slm_lsp.languages.registry import Language

Kind: TypeAlias = Literal["refactor.extract", "refactor.inline", "source.organizeImports", "source.removeUnusedImports"]
"""Kinds of code actions, as editors know them."""

_IMPORTS = frozenset({"future_import_statement", "import_declaration", "import_from_statement", "import_statement"})


@dataclass(frozen=True, slots=True)
class RuleAction:
    """A refactoring that a user can choose."""

    kind: Kind
    name: str
    """Name of the rule, as `slm-lsp refactor --rule` knows it."""
    title: str
    change: Callable[[], ProjectChange | Refused]
    """Computes the change. It has no files if there is nothing to change."""


def actions_at(
    path: str,
    text: str,
    selection: tuple[int, int],
    language: Language | None,
    layout: Layout | None = None,
    kept_imports: Callable[[], Collection[str]] | None = None,
) -> tuple[RuleAction, ...]:
    """Return the refactorings that are possible at a selection or a cursor. Changes are computed when they are chosen.

    Args:
        path: path of the document in its project, with `/`.
        text: the document.
        selection: start and end, in characters. They are equal for a cursor.
        language: language of the document.
        layout: how a Python project arranges imports; by default, it is derived from the document.
        kept_imports: returns the names that other files import from the document. Imports of these names count as used.
            Without this function, removing unused imports is not offered.
    """
    if language is None or language.name not in KINDS:
        return ()
    try:
        source = read_source(language, text)
        if source is None:
            return ()
        return (*_code_actions(path, source, selection), *_import_actions(path, source, layout, kept_imports))
    except ParseTimeoutError:
        return ()


def _code_actions(path: str, source: Source, selection: tuple[int, int]) -> Iterator[RuleAction]:
    """Yield the actions for the selected code, or for the variable at the cursor."""
    if not source.text[slice(*selection)].strip():
        variable = variable_at(source, selection[0])
        if not isinstance(variable, Refused):
            title = f"Inline variable `{variable.name}`"
            make = partial(inline_variable, source, selection[0])
            yield RuleAction("refactor.inline", "inline-variable", title, partial(_made, path, source, make))
    elif not isinstance(select(source, selection), Refused):
        make = partial(extract_variable, source, selection)
        title = "Extract to a variable"
        yield RuleAction("refactor.extract", "extract-variable", title, partial(_made, path, source, make))
    elif source.language.name in WITH_FUNCTIONS and not isinstance(extract_function(source, selection), Refused):
        make = partial(extract_function, source, selection)
        title = "Extract to a function"
        yield RuleAction("refactor.extract", "extract-function", title, partial(_made, path, source, make))


def _import_actions(
    path: str, source: Source, layout: Layout | None, kept_imports: Callable[[], Collection[str]] | None
) -> Iterator[RuleAction]:
    """Yield the actions for the imports of the file."""
    if source.language.name not in ORGANIZED or not _has_imports(source):
        return
    make = partial(organize_imports, source, layout)
    yield RuleAction(
        "source.organizeImports", "organize-imports", "Organize imports", partial(_made, path, source, make)
    )
    if source.language.name == "python" and kept_imports is not None:
        keep = kept_imports
        yield RuleAction(
            "source.removeUnusedImports",
            "remove-unused-imports",
            "Remove unused imports",
            partial(_made, path, source, lambda: remove_unused_imports(source, keep())),
        )


def _made(path: str, source: Source, make: Callable[[], str | Refused]) -> ProjectChange | Refused:
    return changed(path, source.text, make())


def _has_imports(source: Source) -> bool:
    return any(each.type in _IMPORTS for each in source.root.named_children)


def changed(path: str, old: str, new: str | Refused) -> ProjectChange | Refused:
    """Return the change of one file, or the refusal."""
    if isinstance(new, Refused):
        return new
    return ProjectChange((FileChange(path, old, new),) if new != old else ())
