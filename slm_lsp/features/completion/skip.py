"""Decides at which positions nothing is suggested automatically. An explicit request still gets a suggestion."""

from slm_lsp.config import CompletionSettings
from slm_lsp.context.cursor import Cursor
from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.completion.around import Surroundings
from slm_lsp.features.completion.syntax import PARSE_S

OFF = "completion is switched off for {}"
IN_WORD = "the cursor is inside a word"
IN_COMMENT = "the cursor is in a comment"
IN_STRING = "the cursor is in a string"
ACCEPTED = "a suggestion was accepted just now"

_CODE_IN_STRING = ("interpolation", "substitution", "template_expression", "format_expression")
"""A syntax tree node holds code inside a string if its type contains one of these strings."""


def skip_reason(cursor: Cursor, around: Surroundings, settings: CompletionSettings) -> str | None:
    """Return why nothing should be suggested automatically at the cursor; None if something may be suggested."""
    if around.language is not None and around.language.name in settings.languages_off:
        return OFF.format(around.language.name)
    if _is_word_character(around.before[-1:]) and _is_word_character(around.after[:1]):
        return IN_WORD
    return _in_comment_or_string(cursor, around)


def _is_word_character(character: str) -> bool:
    return character.isalnum() or character == "_"


def _in_comment_or_string(cursor: Cursor, around: Surroundings) -> str | None:
    """Return the reason if the cursor is in a comment, or in a string that continues after the cursor; None if not."""
    language = around.language
    if language is None:
        return None
    if around.before.lstrip().startswith(language.line_comments):
        return IN_COMMENT
    if language.grammar is None or not around.before.strip():
        return None
    at = len(cursor.text[: cursor.offset].encode("utf-8", errors="replace"))
    try:
        tree = around.syntax.tree(PARSE_S)
    except ParseTimeoutError:
        return None
    node = tree.root_node.descendant_for_byte_range(max(at - 1, 0), at) if tree is not None else None
    while node is not None:
        kind = node.type
        if any(each in kind for each in _CODE_IN_STRING):
            return None
        if "comment" in kind and node.end_byte >= at and node.child_count == 0:
            return IN_COMMENT
        if "string" in kind and node.start_byte < at < node.end_byte:
            return IN_STRING
        node = node.parent
    return None
