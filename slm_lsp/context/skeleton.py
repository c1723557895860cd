"""Definitions without their bodies: what one needs to know to use them, in few tokens."""

import re
from collections.abc import Collection, Sequence

from slm_lsp.index.reader import Symbol
from slm_lsp.index.words import split
from slm_lsp.languages.symbols import CALLABLE, TYPES, VALUES

MAX_MEMBERS = 24
"""Of a type; what is left out is said."""

MEMBER_CHARACTERS = 110
"""A longer signature of a member is cut: its name and first parameters say most."""

MAX_DOC = 80
INDENTATION = "    "

CONSTRUCTORS = frozenset({"__init__", "__new__", "constructor", "__construct", "initialize"})
"""How to make an object is the first thing to know about its type."""

_SELF = re.compile(r"\((?:self|cls), ?")


def outline(
    symbol: Symbol, members: Sequence[Symbol], comment: str = "#", words: Collection[str] = (), most: int = MAX_MEMBERS
) -> str:
    """A definition's signature with the first words of its documentation; of a type also its members' signatures.

    Args:
        symbol: the definition.
        members: what is defined right inside.
        comment: how a comment begins in this language.
        words: where there are more members than are shown, those come first that share words with these.
        most: members that are shown.
    """
    lines = [symbol.signature + (f"  {comment} {symbol.doc[:MAX_DOC]}" if symbol.doc else "")]
    if symbol.kind in TYPES:
        members = [each for each in members if each.kind in CALLABLE | TYPES | VALUES]
        shown = _most_telling(members, words, most)
        lines += [INDENTATION + _member(each) for each in shown]
        if len(members) > len(shown):
            lines.append(f"{INDENTATION}{comment} and {len(members) - len(shown)} more")
    return "\n".join(lines) + "\n"


def file_outline(symbols: Sequence[Symbol], most: int, words: Collection[str] = ()) -> str:
    """The signatures of a file's outermost definitions, which `symbols` are, at most so many."""
    top = [each for each in symbols if each.kind in CALLABLE | TYPES | VALUES]
    return "".join(_member(each) + "\n" for each in _most_telling(top, words, most))


def _most_telling(symbols: Sequence[Symbol], words: Collection[str], most: int) -> list[Symbol]:
    """At most so many, in the order of the text: constructors, what shares words, what is public, what comes first."""
    if len(symbols) <= most:
        return list(symbols)

    def rank(number: int) -> tuple[bool, float, bool, int]:
        name = symbols[number].name
        parts = split(name)
        shared = sum(part in words for part in parts) / max(len(parts), 1)
        return name not in CONSTRUCTORS, -shared, name.startswith("_"), number

    return [symbols[number] for number in sorted(sorted(range(len(symbols)), key=rank)[:most])]


def _member(symbol: Symbol) -> str:
    text = _SELF.sub("(", symbol.signature, count=1)
    return text if len(text) <= MEMBER_CHARACTERS else text[: MEMBER_CHARACTERS - 3].rstrip() + "..."
