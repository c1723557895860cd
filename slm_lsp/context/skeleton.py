"""Writes outlines: definitions without their bodies, so that few tokens show how to use them."""

import re
from collections.abc import Collection, Sequence

from slm_lsp.index.reader import Symbol
from slm_lsp.index.words import split
from slm_lsp.languages.symbols import CALLABLE, TYPES, VALUES

MAX_MEMBERS = 24
"""Maximum number of members in the outline of a type. A comment gives the number of omitted members."""

MEMBER_CHARACTERS = 110
"""Maximum length of a member's signature, in characters. A longer signature is cut at its end, because the name and the
first parameters matter most."""

MAX_DOC = 80
"""Maximum length of the documentation beside a signature, in characters."""

INDENTATION = "    "

CONSTRUCTORS = frozenset({"__init__", "__new__", "constructor", "__construct", "initialize"})
"""Names of constructors. They come first, because most uses of a type start with creating an object."""

_SELF = re.compile(r"\((?:self|cls), ?")


def outline(
    symbol: Symbol, members: Sequence[Symbol], comment: str = "#", words: Collection[str] = (), limit: int = MAX_MEMBERS
) -> str:
    """Return a definition's signature and the start of its documentation; for a type, also its members' signatures.

    Args:
        symbol: the definition.
        members: the definitions directly inside it.
        comment: start of a line comment in this language.
        words: words near the cursor. Members that share words with them are preferred.
        limit: maximum number of members.
    """
    lines = [symbol.signature + (f"  {comment} {symbol.doc[:MAX_DOC]}" if symbol.doc else "")]
    if symbol.kind in TYPES:
        members = [each for each in members if each.kind in CALLABLE | TYPES | VALUES]
        selected = _select(members, words, limit)
        lines += [INDENTATION + _member(each) for each in selected]
        if len(members) > len(selected):
            lines.append(f"{INDENTATION}{comment} and {len(members) - len(selected)} more")
    return "\n".join(lines) + "\n"


def file_outline(symbols: Sequence[Symbol], limit: int, words: Collection[str] = ()) -> str:
    """Return the signatures of at most `limit` top-level definitions of a file."""
    top = [each for each in symbols if each.kind in CALLABLE | TYPES | VALUES]
    return "".join(_member(each) + "\n" for each in _select(top, words, limit))


def _select(symbols: Sequence[Symbol], words: Collection[str], limit: int) -> list[Symbol]:
    """Return at most `limit` definitions, in file order.

    Constructors are preferred, then names that share words with `words`, then public names, then definitions near the
    start of the file.
    """
    if len(symbols) <= limit:
        return list(symbols)

    def rank(number: int) -> tuple[bool, float, bool, int]:
        name = symbols[number].name
        parts = split(name)
        shared = sum(part in words for part in parts) / max(len(parts), 1)
        return name not in CONSTRUCTORS, -shared, name.startswith("_"), number

    return [symbols[number] for number in sorted(sorted(range(len(symbols)), key=rank)[:limit])]


def _member(symbol: Symbol) -> str:
    text = _SELF.sub("(", symbol.signature, count=1)
    return text if len(text) <= MEMBER_CHARACTERS else text[: MEMBER_CHARACTERS - 3].rstrip() + "..."
