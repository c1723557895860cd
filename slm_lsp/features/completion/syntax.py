"""Whether a document still parses with a suggestion in it; where it does not, how much of the suggestion may stay."""

from contextlib import suppress
from functools import lru_cache

from tree_sitter import Node

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.completion.around import DEFAULT_UNIT, Surroundings, indentation, opens_block, width
from slm_lsp.features.completion.below import cuts_off
from slm_lsp.features.completion.filters import OPENERS, Draft, Nothing
from slm_lsp.languages.registry import Language
from slm_lsp.languages.syntax_tree import SyntaxTree

BREAKS = "the file would not parse with it"
CUTS_OFF = "it would cut off the lines below"

PARSE_S = 0.05
"""Processor time in seconds for parsing a document; enough for about 10,000 lines. Checks of a document that takes
longer are skipped."""

MAX_CUTS = 6
"""So many shorter forms of a suggestion are tried."""

_CLOSERS = {opener: closer for closer, opener in OPENERS.items()}
_PIECE_ENDS = ")]}\"'`"


def keep_what_parses(draft: Draft, around: Surroundings) -> Draft | Nothing:
    """Cut back to the last point with which the document parses no worse than without the cursor's line.

    What the cursor's line and the suggestion leave open is closed for the check: who opens a block goes on to close it.
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
    return Nothing(BREAKS)


def breaks(text: str, over: int, around: Surroundings) -> bool:
    """Whether the document parses worse with a text at the cursor than without the cursor's line, or as it is.

    Args:
        text: the suggestion.
        over: so many characters behind the cursor are replaced.
        around: what stands round the cursor.

    Raises:
        ParseTimeoutError: it takes too long to tell.
    """
    language = around.language
    if language is None or language.grammar is None:
        return False
    before = min(
        _errors(around, around.head + around.tail.lstrip("\r\n")),
        _errors(around, around.head + closed(around.before + around.after, "", around) + around.tail),
    )
    return _errors(around, _with(text, over, around)) > before


def keep_what_is_below(draft: Draft, around: Surroundings) -> Draft | Nothing:
    """A last line that keeps the lines below from being reached is cut."""
    lines = draft.text.split("\n")
    try:
        if around.language is None or not around.next_line or not _cuts_off(draft, around, around.language):
            return draft
    except ParseTimeoutError:
        return draft
    kept = "\n".join(lines[:-1])
    return Draft(kept, 0, draft.whole) if kept.strip() else Nothing(CUTS_OFF)


def _cuts_off(draft: Draft, around: Surroundings, language: Language) -> bool:
    text = _with(draft.text, draft.over, around)
    syntax = _changed(around.syntax, text)
    tree = syntax.tree(PARSE_S)
    start = len(_bytes(around.head + around.before))
    stop = start + len(_bytes(draft.text.rstrip()))
    return tree is not None and cuts_off(tree, syntax.source, start, stop, language)


def _with(text: str, over: int, around: Surroundings) -> str:
    """The document with a text at the cursor, what it opens closed."""
    return around.head + closed(around.before + text, around.after[over:], around) + around.tail


def _errors(around: Surroundings, text: str) -> int:
    """Return the number of places in a changed version of the document that do not parse.

    Raises:
        ParseTimeoutError: parsing takes too long.
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
    """How many places of a tree did not parse; those inside others do not count."""
    if node.is_missing or node.is_error:
        return 1
    return sum(errors_of(each) for each in node.children if each.has_error) if node.has_error else 0


def closed(written: str, rest: str, around: Surroundings) -> str:
    """The written lines, what stands behind the cursor, and what closes whatever is left open."""
    last = written.rpartition("\n")[2]
    opened = left_open(written + rest)
    closing = "".join(_CLOSERS[each] for each in reversed(opened))
    if around.language is not None and ":" in around.language.block_openers and not rest.strip():
        deeper = width(indentation(around.next_line)) > width(indentation(last))
        if opens_block(last, around.language) and not opened and not (around.next_line and deeper):
            return f"{written}{rest}\n{indentation(last)}{DEFAULT_UNIT}pass"
    return written + rest + closing


def left_open(text: str) -> list[str]:
    """Brackets that a text opens and does not close; those in strings of one line do not count."""
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
    """A suggestion and its beginnings, the longest first: whole lines of a block, whole pieces of a line."""
    lines = text.split("\n")
    if len([line for line in lines if line.strip()]) > 1:
        return ["\n".join(lines[:count]).rstrip() for count in range(len(lines), 0, -1) if lines[count - 1].strip()]
    cuts = [at + 1 for at in range(len(text.rstrip()) - 1) if text[at] in _PIECE_ENDS]
    return [text, *(text[:at] for at in reversed(cuts))]
