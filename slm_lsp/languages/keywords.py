"""Reserved words of a language, from its grammar. They do not describe the subject of a file."""

from functools import cache

from slm_lsp.languages.parse import grammar_of
from slm_lsp.languages.registry import Language


@cache
def keywords(language: Language) -> frozenset[str]:
    """Return the keywords, built-in names, and block words of a language, in lower case.

    In a grammar, keywords are anonymous tokens such as `return`. Grammars of case-insensitive languages, such as
    COBOL's, have named tokens in capitals instead, often with a leading `_`. Without a grammar, only the built-in names
    and the words that open and close blocks are returned.
    """
    found = {each.lower() for each in language.builtins}
    for phrase in (*language.block_openers, *language.block_closers):
        found.update(_words(phrase))
    grammar = grammar_of(language)
    if grammar is not None:
        for number in range(grammar.node_kind_count):
            kind = grammar.node_kind_for_id(number) or ""
            if kind.isupper() or (kind.isalpha() and not grammar.node_kind_is_named(number)):
                found.update(_words(kind))
    return frozenset(found)


def _words(kind: str) -> list[str]:
    """Split a token into words in lower case: `END_IF` gives `end` and `if`."""
    spaced = "".join(each if each.isalnum() else " " for each in kind.lower())
    return spaced.split()
