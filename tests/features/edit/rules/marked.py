"""Texts of test cases, in which `«` and `»` mark a selection, and `‸` a cursor."""

from slm_lsp.features.edit.rules.source import Source, read_source
from slm_lsp.languages.registry import languages


def marked(text: str) -> tuple[str, tuple[int, int]]:
    """Return the text without marks, and the selection."""
    if "‸" in text:
        at = text.index("‸")
        return text.replace("‸", ""), (at, at)
    start, end = text.index("«"), text.index("»") - 1
    return text.replace("«", "").replace("»", ""), (start, end)


def parsed(language: str, text: str) -> Source:
    """Return a parsed text."""
    source = read_source(languages()[language], text)
    assert source is not None
    return source


def has_errors(language: str, text: str) -> bool:
    """Return whether a text has syntax errors."""
    return parsed(language, text).root.has_error
