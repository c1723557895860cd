"""Extract consecutive statements to a new function, with the rules of the file's language."""

from slm_lsp.features.edit.rules import extract_python, extract_script
from slm_lsp.features.edit.rules.kinds import KINDS
from slm_lsp.features.edit.rules.source import Refused, Source
from slm_lsp.features.edit.rules.statements import selected_run

SUPPORTED = frozenset({"javascript", "python", "tsx", "typescript"})
"""Names of the languages with rules for functions."""


def extract_function(source: Source, selection: tuple[int, int], name: str = "") -> str | Refused:
    """Return the text with statements moved to a new function, and a call in their place.

    The parameters of the function are the variables that the statements read; its results are the variables that are
    used later. The function is inserted before the top-level statement that contains the selection. If the statements
    use the object of a method, it is inserted after this method.

    Args:
        source: the text.
        selection: start and end of the statements, in characters.
        name: name of the function; if it is empty, `extracted`.
    """
    if source.language.name not in SUPPORTED:
        return Refused("slm-lsp extracts functions only in Python, JavaScript and TypeScript.")
    if source.root.has_error:
        return Refused("The file has syntax errors.")
    run = selected_run(source, selection, KINDS[source.language.name])
    if isinstance(run, Refused):
        return run
    if source.language.name == "python":
        return extract_python.extract(source, run, name)
    return extract_script.extract(source, run, name)
