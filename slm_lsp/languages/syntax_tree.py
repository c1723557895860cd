"""The syntax tree of a text. The text is parsed once, at the first access, by reusing the tree of an earlier text."""

from functools import cached_property
from threading import Lock

from tree_sitter import Tree

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.languages.parse import parse, parse_again
from slm_lsp.languages.registry import Language

WAIT_S = 0.5
"""Maximum seconds to wait for another thread that is parsing the same text."""


class SyntaxTree:
    """The tree of one version of a text. It may be used in several threads.

    Args:
        language: language of the text; None if it is unknown.
        text: the text.
        earlier: the tree of an earlier version of the text, or of a similar text.
    """

    def __init__(self, language: Language | None, text: str, earlier: "SyntaxTree | None" = None) -> None:
        self.language = language
        self.text = text
        self._earlier = _parsed(earlier) if earlier is not None and earlier.language is language else None
        self._tree: Tree | None = None
        self._exceeded_s = 0.0
        self._parsing = Lock()

    @cached_property
    def source(self) -> bytes:
        """The text in UTF-8."""
        return self.text.encode("utf-8", errors="replace")

    def tree(self, limit_s: float) -> Tree | None:
        """Return the tree; None for a language without a grammar.

        Args:
            limit_s: maximum processor time for parsing, in seconds.

        Raises:
            ParseTimeoutError: parsing exceeds the limit. Later calls with the same limit fail without parsing.
        """
        if self._tree is not None or self.language is None or self.language.grammar is None:
            return self._tree
        if not self._parsing.acquire(timeout=WAIT_S):
            raise ParseTimeoutError(f"Another thread has been parsing the text for {WAIT_S:g} s.")
        try:
            if self._tree is None:
                self._tree = self._parse(self.language, limit_s)
                self._earlier = None
            return self._tree
        finally:
            self._parsing.release()

    def _parse(self, language: Language, limit_s: float) -> Tree | None:
        if limit_s <= self._exceeded_s:
            raise ParseTimeoutError(f"Parsing the text took more than {self._exceeded_s:g} s of processor time.")
        earlier = self._earlier
        try:
            if earlier is None or earlier._tree is None:
                return parse(language, self.source, limit_s)
            return parse_again(language, earlier._tree, earlier.source, self.source, limit_s)
        except ParseTimeoutError:
            self._exceeded_s = limit_s
            raise


def syntax_tree(language: Language | None, text: str, known: SyntaxTree | None) -> SyntaxTree:
    """Return `known` if it is the tree of this text. Otherwise, return a new tree that reuses `known` when parsed."""
    if known is not None and known.language is language and known.text == text:
        return known
    return SyntaxTree(language, text, known)


def _parsed(tree: SyntaxTree) -> SyntaxTree:
    """Return the nearest earlier version that is parsed, or the first version if none is.

    This keeps the chain of earlier versions short: it has at most two links, even if many versions were never parsed.
    """
    before = tree._earlier
    return tree if tree._tree is not None or before is None else before
