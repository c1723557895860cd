"""Imports that an edited unit needs. They are a second edit, which rules make outside the unit."""

from dataclasses import dataclass

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.edit.rules.imports import add_import, hoist_imports
from slm_lsp.features.verify.names import names_of
from slm_lsp.languages.registry import Language
from slm_lsp.languages.standard_library import standard_imports


@dataclass(frozen=True, slots=True)
class EditedUnit:
    """A document after an edit of one unit."""

    text: str
    """The document after the edit."""
    start: int
    """Start of the new unit, in characters."""
    end: int
    """End of the new unit, in characters."""
    old: str
    """The document before the edit."""
    old_unit: str


def with_imports(edited: EditedUnit, language: Language | None) -> str:
    """Return the document with the imports that the new unit needs.

    - Imports that the model wrote at the start of the unit move to the imports of the file.
    - Names of the standard library that are undefined only since the edit are imported. The check `names` reports other
      undefined names. Finding undefined names requires the language's built-in names, which are known for Python only.

    Args:
        edited: the document after the edit.
        language: language of the document.
    """
    text = hoist_imports(edited.text, edited.start, edited.end, language, edited.old_unit)
    if language is None:
        return text
    before, after = names_of(language, edited.old), names_of(language, text)
    if before is None or after is None or not after.complete:
        return text
    unit = edited.text[edited.start : edited.end]
    for name in sorted(after.undefined - before.undefined):
        for module, member in standard_imports(language.name, name, unit)[:1]:
            try:
                text = add_import(text, language, module, member)
            except ParseTimeoutError:
                return text
    return text
