"""Where the prompt's prefix ends: the anchor. What was typed behind it stands behind the sentinel of the middle.

While the anchor stays, prefix and suffix stay, and a keystroke costs the evaluation of a token or two, however long
the suffix is. (The idea is that of EFIM, arXiv 2505.21889; token healing makes it work without its training.)
"""

import re
from dataclasses import dataclass

from slm_lsp.context.cursor import Cursor

MAX_TYPED_CHARACTERS = 600
"""With more than this behind the anchor it moves to the cursor's line; about 200 tokens."""

_LAST_PIECE = re.compile(r"(?:\w+|[^\S\n]+|[^\w\s]+)\Z")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in a document, and what stood before and behind the cursor when it was chosen."""

    offset: int
    before: str
    after: str


def at_line(cursor: Cursor) -> Anchor:
    """The anchor at the start of the cursor's line: deleting and typing in the line stay behind it."""
    start = max(cursor.text.rfind("\n", 0, cursor.offset), cursor.text.rfind("\r", 0, cursor.offset)) + 1
    return _anchor(cursor, max(start, cursor.offset - MAX_TYPED_CHARACTERS))


def at_word(cursor: Cursor) -> Anchor:
    """The anchor just before the word at the cursor: the ordinary prompt, but for what healing takes off its end."""
    found = _LAST_PIECE.search(cursor.text, max(0, cursor.offset - MAX_TYPED_CHARACTERS), cursor.offset)
    return _anchor(cursor, found.start() if found else cursor.offset)


def follow(cursor: Cursor, earlier: Anchor | None) -> Anchor:
    """The earlier anchor as long as only text between it and the cursor changed; else one at the cursor's line."""
    if earlier is not None and _holds(cursor, earlier):
        return earlier
    return at_line(cursor)


def _holds(cursor: Cursor, earlier: Anchor) -> bool:
    return (
        earlier.offset <= cursor.offset <= earlier.offset + MAX_TYPED_CHARACTERS
        and cursor.text[cursor.offset :] == earlier.after
        and cursor.text[: earlier.offset] == earlier.before
    )


def _anchor(cursor: Cursor, offset: int) -> Anchor:
    return Anchor(offset, cursor.text[:offset], cursor.text[cursor.offset :])
