"""Add, sort, remove and move import statements, with the rules of the file's language."""

from collections.abc import Collection

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.edit.rules import line_imports, python_add, python_organize, script_imports
from slm_lsp.features.edit.rules.layout import Layout
from slm_lsp.features.edit.rules.source import Refused, Source, errors_in, read_source
from slm_lsp.languages.registry import Language

SCRIPTS = frozenset({"javascript", "tsx", "typescript"})
"""Names of the languages with the import statements of JavaScript."""

SUPPORTED = frozenset({"go", "java", "python", *SCRIPTS})
"""Names of the languages to which imports can be added."""

ORGANIZED = frozenset({"java", "python", *SCRIPTS})
"""Names of the languages whose imports can be sorted."""

_NO_RULES = "slm-lsp has no rules for the imports of this language."


def add_import(text: str, language: Language, module: str, name: str, layout: Layout | None = None) -> str:
    """Return the text with an added import, which has the place and the style of the file's other imports.

    If the file has this import, or if imports of the language are not supported, the text stays as it is.

    Args:
        text: the whole file.
        language: language of the file.
        module: the module, such as `os.path`, `./shapes.js`, `java.util` or `net/http`.
        name: the name to import from the module; empty for the module itself. `default` is not a special name.
        layout: how a Python project arranges imports; by default, it is derived from the file.

    Raises:
        ParseTimeoutError: parsing takes too long.
    """
    if language.name == "java":
        return line_imports.add_java(text, f"{module}.{name}" if name else module)
    if language.name == "go":
        return line_imports.add_go(text, f'"{module}"')
    source = read_source(language, text) if language.name in SUPPORTED else None
    if source is None:
        return text
    if language.name == "python":
        return python_add.add(source, python_add.import_of(module, name), layout or Layout())
    if script_imports.uses_require(source):
        return script_imports.add_require(source, module, name)
    return script_imports.add(source, script_imports.Script(module, names=(name,) if name else ()))


def hoist_imports(
    text_with_edit: str,
    unit_start: int,
    unit_end: int,
    language: Language | None,
    old_unit: str = "",
    layout: Layout | None = None,
) -> str:
    """Return the text with the imports at the start of an edited unit moved to the imports of the file.

    An import that the file has already is removed from the unit. An import stays in the unit if it was there before
    the edit, if its name means something else at the top level, or if it depends on a condition.

    Args:
        text_with_edit: the whole file after the edit.
        unit_start: start of the new unit, in characters.
        unit_end: end of the new unit, in characters.
        language: language of the file.
        old_unit: the unit before the edit.
        layout: how a Python project arranges imports; by default, it is derived from the file.
    """
    if language is None or language.name not in SUPPORTED or "import" not in text_with_edit[unit_start:unit_end]:
        return text_with_edit
    try:
        new = _hoisted(text_with_edit, (unit_start, unit_end), language, old_unit, layout or Layout())
        broken = new != text_with_edit and errors_in(language, new) > errors_in(language, text_with_edit)
    except ParseTimeoutError:
        return text_with_edit
    return text_with_edit if broken else new


def _hoisted(text: str, unit: tuple[int, int], language: Language, old_unit: str, layout: Layout) -> str:
    if language.name in {"go", "java"}:
        return line_imports.hoist(text, *unit, language.name)
    source = read_source(language, text)
    if source is None:
        return text
    start, end = (source.byte(at) for at in unit)
    if language.name == "python":
        return python_add.hoist(source, start, end, old_unit, layout)
    return script_imports.hoist(source, start, end)


def organize_imports(source: Source, layout: Layout | None = None) -> str | Refused:
    """Return the text with its imports sorted, and merged where a module is imported twice.

    For Go, `gofmt` does this.
    """
    if source.language.name == "python":
        return python_organize.organize(source, layout or Layout())
    if source.language.name in SCRIPTS:
        return script_imports.organize(source)
    if source.language.name == "java":
        return line_imports.organize_java(source.text)
    return Refused(_NO_RULES)


def remove_unused_imports(source: Source, keep: Collection[str] = ()) -> str | Refused:
    """Return a Python text without the imports that are certainly unused.

    Args:
        source: the text.
        keep: names that other files import from this file.
    """
    if source.language.name != "python":
        return Refused("slm-lsp finds unused imports only in Python.")
    return python_organize.remove_unused(source, keep)
