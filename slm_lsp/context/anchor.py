"""The anchor: the position in a document at which the prompt's prefix ends.

Text that the user has typed after the anchor follows the prompt's middle token. While the anchor stays in place, prefix
and suffix do not change, so a keystroke costs the evaluation of one or two tokens, however long the suffix is. (The
idea comes from EFIM, arXiv 2505.21889. EFIM trains the model for this order; slm-lsp uses token healing instead.)
"""

import re
from dataclasses import dataclass

from slm_lsp.context.cursor import Cursor

MAX_TYPED_CHARACTERS = 600
"""Maximum number of characters between anchor and cursor, about 200 tokens. If there are more, the anchor moves to the
cursor's line."""

_LAST_PIECE = re.compile(r"(?:\w+|[^\S\n]+|[^\w\s]+)\Z")


@dataclass(frozen=True, slots=True)
class Anchor:
    """An offset in a document, with the text around the cursor at the time the anchor was set.

    Args:
        offset: position of the anchor, in characters.
        before: the text before the anchor.
        after: the text after the cursor.
    """

    offset: int
    before: str
    after: str


def at_line(cursor: Cursor) -> Anchor:
    """Return an anchor at the start of the cursor's line, so that edits in this line leave the prefix unchanged."""
    start = max(cursor.text.rfind("\n", 0, cursor.offset), cursor.text.rfind("\r", 0, cursor.offset)) + 1
    return _anchor(cursor, max(start, cursor.offset - MAX_TYPED_CHARACTERS))


def at_word(cursor: Cursor) -> Anchor:
    """Return an anchor before the word at the cursor.

    Token healing completes this word; the rest of the prompt is as usual.
    """
    found = _LAST_PIECE.search(cursor.text, max(0, cursor.offset - MAX_TYPED_CHARACTERS), cursor.offset)
    return _anchor(cursor, found.start() if found else cursor.offset)


def follow(cursor: Cursor, earlier: Anchor | None) -> Anchor:
    """Return the earlier anchor if only text between it and the cursor has changed, else a new one (`at_line`)."""
    if earlier is not None and _is_valid(earlier, cursor):
        return earlier
    return at_line(cursor)


def _is_valid(anchor: Anchor, cursor: Cursor) -> bool:
    return (
        anchor.offset <= cursor.offset <= anchor.offset + MAX_TYPED_CHARACTERS
        and cursor.text[cursor.offset :] == anchor.after
        and cursor.text[: anchor.offset] == anchor.before
    )


def _anchor(cursor: Cursor, offset: int) -> Anchor:
    return Anchor(offset, cursor.text[:offset], cursor.text[cursor.offset :])
