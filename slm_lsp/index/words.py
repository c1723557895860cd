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
    return _split(identifier)


def words(text: str) -> str:
    """The words of a text that it is found by, each once, between blanks, in an order that depends only on the text."""
    # The first is three times as fast as the second, and takes numbers such as 0x7f for what they are.
    found = text.translate(_BLANKED).split() if text.isascii() else _IDENTIFIER.findall(text)
    return " ".join(sorted(set().union(*map(_known.__getitem__, set(found)))))


class _Known(dict[str, tuple[str, ...]]):
    """What each word of a text is found by; nothing for numbers and single letters. A word is split when first met.

    Looking up a word takes half the time of a call of `split`, and a million lines look up four million.
    """

    def __missing__(self, word: str) -> tuple[str, ...]:
        if len(self) >= CACHED:
            self.clear()
        found = self[word] = () if len(word) == 1 or word[0].isdecimal() else _split(word)
        return found


_known = _Known()


def _split(identifier: str) -> tuple[str, ...]:
    if len(identifier) > MAX_IDENTIFIER:
        return ()
    whole = identifier.lower()
    parts = [part.lower() for part in _PART.findall(identifier)]
    if parts == [whole]:
        return (whole,)
    return tuple(dict.fromkeys([whole, *(part for part in parts if len(part) > 1)]))
