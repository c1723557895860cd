"""Check that a document still parses after an edit."""

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.completion.syntax import errors_of
from slm_lsp.features.verify.verdict import Check
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language


def check_parsed(language: Language | None, old: str, new: str) -> Check:
    """Return the check `parsed`: the new text has no more syntax errors than the old one."""
    if language is None or language.grammar is None:
        return Check("parsed", "not available", "there is no parser for this language")
    try:
        before, after = _errors(language, old), _errors(language, new)
    except ParseTimeoutError as error:
        return Check("parsed", "not available", error.what)
    if after > before:
        return Check("parsed", "failed", f"{after} syntax errors, {before} before the edit")
    return Check("parsed", "passed", "no new syntax errors" if after else "no syntax errors")


def _errors(language: Language, text: str) -> int:
    tree = parse(language, text.encode("utf-8", errors="replace"))
    return 0 if tree is None else errors_of(tree.root_node)
