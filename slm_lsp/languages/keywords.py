"""The reserved words of a language, taken from its grammar: words that say nothing about what a file is about."""

from functools import cache

from slm_lsp.languages.parse import grammar_of
from slm_lsp.languages.registry import Language


@cache
def keywords(language: Language) -> frozenset[str]:
    """Keywords and built-in names of a language, in lower case; of one without a grammar what opens and closes blocks.

    In a grammar, keywords are the tokens without a name of their own, such as `return`. Grammars of languages without
    case, such as COBOL's, name them in capitals instead, often behind a `_`.
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
    """The words of a token: `END_IF` is END and IF."""
    spaced = "".join(each if each.isalnum() else " " for each in kind.lower())
    return spaced.split()
