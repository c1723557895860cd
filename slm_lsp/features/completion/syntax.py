"""Checks that a suggestion does not add syntax errors to the document, and shortens or rejects one that does."""

from contextlib import suppress
from functools import lru_cache

from tree_sitter import Node

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.completion.around import DEFAULT_UNIT, Surroundings, indentation, opens_block, width
from slm_lsp.features.completion.below import cuts_off
from slm_lsp.features.completion.filters import OPENERS, Draft, Rejected
from slm_lsp.languages.registry import Language
from slm_lsp.languages.syntax_tree import SyntaxTree

BREAKS = "the suggestion would cause a syntax error"
CUTS_OFF = "the suggestion would make the lines below unreachable or wrongly indented"

PARSE_S = 0.05
"""Time limit for parsing a document, in seconds of processor time; enough for about 10,000 lines. A document that takes
longer is not checked."""

MAX_CUTS = 6
"""Maximum number of shorter forms of a suggestion to check for syntax errors."""

_CLOSERS = {opener: closer for closer, opener in OPENERS.items()}
_PIECE_ENDS = ")]}\"'`"


def cut_to_what_parses(draft: Draft, around: Surroundings) -> Draft | Rejected:
    """Shorten the text until it adds no syntax errors; reject it if no shorter form works.

    For the check, brackets and blocks that the text opens are closed, because the user will close them later.
    """
    try:
        for number, text in enumerate(_shorter(draft.text)):
            if number > MAX_CUTS:
                break
            over = draft.over if text == draft.text else 0
            if not breaks(text, over, around):
                return Draft(text, over, draft.whole)
    except ParseTimeoutError:
        return draft
    return Rejected(BREAKS)


def breaks(text: str, over: int, around: Surroundings) -> bool:
    """Return whether the document has more syntax errors with a text at the cursor.

    The comparison is with the document without the text, or without the cursor's whole line, whichever has fewer
    errors.

    Args:
        text: the suggestion.
        over: number of characters after the cursor that the text replaces.
        around: the document around the cursor.

    Raises:
        ParseTimeoutError: parsing takes longer than `PARSE_S`.
    """
    language = around.language
    if language is None or language.grammar is None:
        return False
    before = min(
        _errors(around, around.head + around.tail.lstrip("\r\n")),
        _errors(around, around.head + closed(around.before + around.after, "", around) + around.tail),
    )
    return _errors(around, _with(text, over, around)) > before


def cut_line_that_cuts_off(draft: Draft, around: Surroundings) -> Draft | Rejected:
    """Remove the last line of the suggestion if it makes the code below the cursor unreachable or wrongly indented.

    Reject the suggestion if nothing is left.
    """
    lines = draft.text.split("\n")
    try:
        if around.language is None or not around.next_line or not _cuts_off(draft, around, around.language):
            return draft
    except ParseTimeoutError:
        return draft
    kept = "\n".join(lines[:-1])
    return Draft(kept, 0, draft.whole) if kept.strip() else Rejected(CUTS_OFF)


def _cuts_off(draft: Draft, around: Surroundings, language: Language) -> bool:
    text = _with(draft.text, draft.over, around)
    syntax = _changed(around.syntax, text)
    tree = syntax.tree(PARSE_S)
    start = len(_bytes(around.head + around.before))
    stop = start + len(_bytes(draft.text.rstrip()))
    return tree is not None and cuts_off(tree, syntax.source, start, stop, language)


def _with(text: str, over: int, around: Surroundings) -> str:
    """Return the document with a text at the cursor, and with its open brackets and blocks closed."""
    return around.head + closed(around.before + text, around.after[over:], around) + around.tail


def _errors(around: Surroundings, text: str) -> int:
    """Count the syntax errors of a changed version of the document.

    Raises:
        ParseTimeoutError: parsing takes longer than `PARSE_S`.
    """
    tree = _changed(around.syntax, text).tree(PARSE_S)
    return errors_of(tree.root_node) if tree is not None else 0


@lru_cache(8)
def _changed(document: SyntaxTree, text: str) -> SyntaxTree:
    """Return the tree of a changed version of a document. Cached, since the filters need some versions repeatedly."""
    with suppress(ParseTimeoutError):
        document.tree(PARSE_S)  # Parsed first, so that the tree of each changed version is made from it.
    return SyntaxTree(document.language, text, document)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")


def errors_of(node: Node) -> int:
    """Count the syntax errors below a node. Errors within an error do not count."""
    if node.is_missing or node.is_error:
        return 1
    return sum(errors_of(each) for each in node.children if each.has_error) if node.has_error else 0


def closed(written: str, rest: str, around: Surroundings) -> str:
    """Return a text and the rest of its line, with open brackets closed.

    In Python, an empty block gets the body `pass`.

    Args:
        written: the text up to the end of the suggestion.
        rest: the rest of the line after the suggestion.
        around: the document around the cursor.
    """
    last = written.rpartition("\n")[2]
    opened = left_open(written + rest)
    closing = "".join(_CLOSERS[each] for each in reversed(opened))
    if around.language is not None and ":" in around.language.block_openers and not rest.strip():
        deeper = width(indentation(around.next_line)) > width(indentation(last))
        if opens_block(last, around.language) and not opened and not (around.next_line and deeper):
            return f"{written}{rest}\n{indentation(last)}{DEFAULT_UNIT}pass"
    return written + rest + closing


def left_open(text: str) -> list[str]:
    """Return the brackets that a text opens and does not close. Brackets in single-line strings do not count."""
    depth: list[str] = []
    quote = ""
    previous = ""
    for each in text:
        if quote:
            if (each == quote and previous != "\\") or each == "\n":
                quote = ""
        elif each in "\"'":
            quote = each
        elif each in _CLOSERS:
            depth.append(each)
        elif each in OPENERS and depth and depth[-1] == OPENERS[each]:
            depth.pop()
        previous = each
    return depth


def _shorter(text: str) -> list[str]:
    """Return a suggestion and its beginnings, the longest first.

    Several lines are cut at line ends, a single line before closing brackets and quotes.
    """
    lines = text.split("\n")
    if len([line for line in lines if line.strip()]) > 1:
        return ["\n".join(lines[:count]).rstrip() for count in range(len(lines), 0, -1) if lines[count - 1].strip()]
    cuts = [at + 1 for at in range(len(text.rstrip()) - 1) if text[at] in _PIECE_ENDS]
    return [text, *(text[:at] for at in reversed(cuts))]
