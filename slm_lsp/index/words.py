"""Identifiers as words to search for: whole, and split where people would split them.

SQLite's tokenizers know neither camelCase nor snake_case, and a tokenizer of our own would need its C interface. So
texts are split here, on the way into the index and for queries alike; the index sees words between blanks.
"""

import re
from functools import lru_cache

_IDENTIFIER = re.compile(r"\b[^\W\d]\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")

_BLANKED = {code: chr(code) if chr(code).isalnum() or chr(code) == "_" else " " for code in range(128)}

MAX_IDENTIFIER = 64
"""Longer ones are data."""

CACHED = 1 << 16


def identifiers(text: str) -> list[str]:
    """Every identifier of a text, in order, as it is written."""
    return _IDENTIFIER.findall(text)


@lru_cache(CACHED)
def split(identifier: str) -> tuple[str, ...]:
    """An identifier in lower case, then its parts where it has several: `getUserName` is also get, user and name."""
    whole = identifier.lower()
    if len(identifier) > MAX_IDENTIFIER:
        return ()
    parts = [part.lower() for part in _PART.findall(identifier)]
    return (whole, *dict.fromkeys(part for part in parts if len(part) > 1 and part != whole))


def words(text: str) -> str:
    """The words of a text that it is found by, each once, between blanks, in an order that depends only on the text."""
    if text.isascii():
        # Three times as fast as the regular expression, and takes numbers such as 0x7f for what they are.
        found = {word for word in set(text.translate(_BLANKED).split()) if len(word) > 1 and not word[0].isdigit()}
    else:
        found = set(_IDENTIFIER.findall(text))
    return " ".join(sorted(set().union(*map(split, found))))
