"""Splits texts into search words: whole identifiers, and the parts of camelCase and snake_case identifiers.

SQLite's tokenizers do not split identifiers, and a custom tokenizer would need SQLite's C interface. Therefore this
module splits both indexed texts and queries, and SQLite receives words separated by spaces.
"""

import re
from functools import lru_cache

_IDENTIFIER = re.compile(r"\b[^\W\d]\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")

_BLANKED = {code: chr(code) if chr(code).isalnum() or chr(code) == "_" else " " for code in range(128)}

MAX_IDENTIFIER = 64
"""Maximum length of an indexed word, in characters. Longer words are data, not identifiers."""

CACHE_SIZE = 1 << 16
"""Maximum number of words in each of the two caches."""


def identifiers(text: str) -> list[str]:
    """Return all identifiers of a text as written, in text order."""
    return _IDENTIFIER.findall(text)


@lru_cache(CACHE_SIZE)
def split(identifier: str) -> tuple[str, ...]:
    """Return an identifier in lower case and, if it has several parts, its parts.

    For example, `getUserName` gives `getusername`, `get`, `user` and `name`.
    """
    return _split(identifier)


def words(text: str) -> str:
    """Return the distinct search words of a text, sorted and separated by spaces."""
    # For ASCII texts, `translate` is three times as fast as the regular expression. It also keeps numbers such as 0x7f
    # as one word.
    found = text.translate(_BLANKED).split() if text.isascii() else _IDENTIFIER.findall(text)
    return " ".join(sorted(set().union(*map(_word_cache.__getitem__, set(found)))))


class _WordCache(dict[str, tuple[str, ...]]):
    """Maps a word to its search words, computed at first access; empty for numbers and single letters.

    A dictionary look-up takes half the time of calling `split`. Indexing a million lines needs four million look-ups.
    """

    def __missing__(self, word: str) -> tuple[str, ...]:
        if len(self) >= CACHE_SIZE:
            self.clear()
        found = self[word] = () if len(word) == 1 or word[0].isdecimal() else _split(word)
        return found


_word_cache = _WordCache()


def _split(identifier: str) -> tuple[str, ...]:
    if len(identifier) > MAX_IDENTIFIER:
        return ()
    whole = identifier.lower()
    parts = [part.lower() for part in _PART.findall(identifier)]
    if parts == [whole]:
        return (whole,)
    return tuple(dict.fromkeys([whole, *(part for part in parts if len(part) > 1)]))
