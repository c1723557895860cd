"""Where the prompt's prefix ends: the anchor. What was typed behind it stands behind the sentinel of the middle.

While the anchor stays, prefix and suffix stay, and a keystroke costs the evaluation of a token or two, however long
the suffix is. (The idea is that of EFIM, arXiv 2505.21889; token healing makes it work without its training.)
"""

import re
from dataclasses import dataclass

from slm_lsp.context.fim import Place

MAX_TYPED_CHARACTERS = 600
"""With more than this behind the anchor it moves to the cursor's line; about 200 tokens."""

_LAST_PIECE = re.compile(r"(?:\w+|[^\S\n]+|[^\w\s]+)\Z")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in a document, and what stood before and behind the cursor when it was chosen."""

    offset: int
    before: str
    after: str


def at_line(place: Place) -> Anchor:
    """The anchor at the start of the cursor's line: deleting and typing in the line stay behind it."""
    start = max(place.text.rfind("\n", 0, place.offset), place.text.rfind("\r", 0, place.offset)) + 1
    return _anchor(place, max(start, place.offset - MAX_TYPED_CHARACTERS))


def at_word(place: Place) -> Anchor:
    """The anchor just before the word at the cursor: the ordinary prompt, but for what healing takes off its end."""
    found = _LAST_PIECE.search(place.text, max(0, place.offset - MAX_TYPED_CHARACTERS), place.offset)
    return _anchor(place, found.start() if found else place.offset)


def follow(place: Place, earlier: Anchor | None) -> Anchor:
    """The earlier anchor as long as only text between it and the cursor changed; else one at the cursor's line."""
    if earlier is not None and _holds(place, earlier):
        return earlier
    return at_line(place)


def _holds(place: Place, earlier: Anchor) -> bool:
    return (
        earlier.offset <= place.offset <= earlier.offset + MAX_TYPED_CHARACTERS
        and place.text[place.offset :] == earlier.after
        and place.text[: earlier.offset] == earlier.before
    )


def _anchor(place: Place, offset: int) -> Anchor:
    return Anchor(offset, place.text[:offset], place.text[place.offset :])
