"""Remove definitions from a new unit that the document already contains outside the unit.

A small model often continues after the unit and repeats functions that the tests or the context mention.
"""

import re

from tree_sitter import Node

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.edit.rules.source import Source, read_source
from slm_lsp.features.edit.units import WRAPPERS
from slm_lsp.languages.symbols import Definition, definitions

_BLANK_LINES = re.compile(r"\A(?:[ \t]*(?:\r\n|\n|\r))+")


def without_repeated_definitions(request: EditRequest, new: str) -> str:
    """Return the new unit without the definitions whose name and signature a definition outside the unit also has.

    Definitions that the old unit contains stay. If nothing else is left, the new unit stays as it is.

    Args:
        request: the edit.
        new: the new unit, with any line ends.
    """
    if request.language is None:
        return new
    try:
        old = read_source(request.language, request.text)
        after = read_source(request.language, request.applied(new))
    except ParseTimeoutError:
        return new
    if old is None or after is None:
        return new
    start, end = old.byte(request.unit.start), old.byte(request.unit.end)
    listed = definitions(request.language, old.tree, old.raw)
    inside = {_key(each) for each in listed if start <= each.start and each.end <= end}
    outside = {_key(each) for each in listed if each.end <= start or end <= each.start} - inside
    new_end = start + len(new.encode("utf-8", "surrogatepass"))
    edits: list[tuple[int, int, str]] = []
    for each in definitions(request.language, after.tree, after.raw):
        if start <= each.start and each.end <= new_end and _key(each) in outside:
            first, last = _lines(after, each, start, new_end)
            if not edits or first >= edits[-1][1]:
                edits.append((first, last, ""))
    left = after.replaced(edits)
    unit = left[request.unit.start : len(left) - (len(request.text) - request.unit.end)].rstrip()
    return _BLANK_LINES.sub("", unit) if edits and unit.strip() else new


def _key(definition: Definition) -> tuple[str, str]:
    return definition.qualified, " ".join(definition.signature.split())


def _lines(source: Source, definition: Definition, start: int, end: int) -> tuple[int, int]:
    """Return the lines of a definition with its decorators, inside a range of bytes."""
    node: Node | None = source.root.descendant_for_byte_range(
        definition.start, max(definition.end - 1, definition.start)
    )
    first, last = definition.start, definition.end
    while node is not None and node.parent is not None and node.parent.type in WRAPPERS:
        node = node.parent
        first, last = min(first, node.start_byte), max(last, node.end_byte)
    return max(source.line_start(first), start), min(source.line_stop(last), end)
