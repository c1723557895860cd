"""Finds the documentation of a definition: the text captured as `@doc`, or the comments directly above it."""

import re
from collections.abc import Sequence

from tree_sitter import Node

from slm_lsp.languages.ends import last_row
from slm_lsp.languages.names import one_line

MAX_DOC = 200
"""Maximum length of a documentation text, in characters."""

_MAY_INTERVENE = frozenset({"annotation", "attribute_item", "decorator", "signature", "spec", "type_annotation"})
"""Node types that may occur between a definition and its comment."""

_LISTS = frozenset({"declarations", "imports"})
"""Node types of lists in Haskell's grammar. The comment on a list's first child is either before the list or the last
child of the previous list."""

_TAGS = re.compile(r"</?(?:summary|remarks|para|p)\s*/?>")
_BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001))))
_PREFIX, _SUFFIX = _BLANKS + "/*#;!%'\"(-", _BLANKS + "*/'\")"
"""Characters to strip from the start and the end of each comment line. Stripping is three times as fast as a regular
expression."""

_BRACES = re.compile(r"\{-?\s*[|^]?(?P<text>.*?)-?\}", re.DOTALL)
_HADDOCK = re.compile(r"^\s*--+\s*[|^]")
_COMMENT_LINES = {
    "cobol": re.compile(r"^(?:.{6}[*/]|\s*\*)>?(?P<text>.*)$"),
    "fsharp": re.compile(r"^\s*//(?P<text>.*)$"),
}
"""Patterns of comment lines, for languages whose grammar drops comments or attaches them to the preceding node."""

_FIRST = re.compile(rb"[\s\d]*(?:[FS]D\s+)?", re.IGNORECASE)
"""The text that may precede a definition on its line, such as COBOL's line numbers and `FD`."""

_POD = re.compile(r"^=\w+.*$", re.MULTILINE)


def documentation(node: Node, inside: Sequence[Node] | None, source: bytes, language: str) -> str:
    """Return the first `MAX_DOC` characters of a definition's documentation, on one line; empty if it has none.

    Args:
        node: the outermost syntax node of the definition, for example the `export` statement around it.
        inside: the nodes captured as `@doc`, if any.
        source: the text.
        language: name of the language.
    """
    if inside:
        return _plain(_text(inside[0], source))
    if comments := _COMMENT_LINES.get(language):
        return _plain(_lines_above(source, node.start_byte, comments))
    above: list[str] = []
    below, previous = node, _previous(node, language)
    while previous is not None:
        kind = previous.type
        is_comment = "comment" in kind or kind in {"haddock", "pod"}
        if not is_comment and kind not in _MAY_INTERVENE and previous.is_named:
            break
        rows = below.start_point.row - last_row(previous)
        if rows > 2 or (rows == 2 and kind != "pod"):
            break
        if is_comment:
            if _trails(previous) or source.startswith(b"#!", previous.start_byte, 2):
                break
            above.append(_without_markers(_text(previous, source), kind, language))
        elif kind not in _MAY_INTERVENE and (rows > 0 or not kind.isalpha()):
            # Only a word on the same line, such as `pub`, belongs to the definition.
            break
        below, previous = previous, _previous(previous, language)
    return _plain("\n".join(reversed(above))) if above else ""


def _previous(node: Node, language: str) -> Node | None:
    """Return the node before `node`. In Haskell, if `node` is the first child of a list, look before this list."""
    previous = node.prev_sibling
    if previous is None and language == "haskell" and node.parent is not None and node.parent.type in _LISTS:
        previous = node.parent.prev_sibling
        if previous is not None and previous.type in _LISTS:
            return previous.child(previous.child_count - 1)
    return previous


def _lines_above(source: bytes, start: int, comments: re.Pattern[str]) -> str:
    """Return the comment in the lines directly above the line that contains the byte `start`."""
    found: list[str] = []
    end = source.rfind(b"\n", 0, start)
    if not _FIRST.fullmatch(source, end + 1, start):
        return ""
    while end >= 0:
        begin = source.rfind(b"\n", 0, end) + 1
        comment = comments.match(source[begin:end].decode("utf-8", errors="replace").rstrip("\r"))
        if comment is None:
            break
        found.append(comment["text"])
        end = begin - 1
    return "\n".join(reversed(found))


def _without_markers(comment: str, kind: str, language: str) -> str:
    """Remove comment syntax that only some languages have."""
    if kind == "pod":
        return _POD.sub("", comment)
    if kind == "haddock":
        comment = _HADDOCK.sub("", comment)
    if language == "fortran" and comment[:1] in {"c", "C"}:
        return comment[1:]
    braces = _BRACES.fullmatch(comment.strip())
    return braces["text"] if braces else comment


def _trails(comment: Node) -> bool:
    """Whether a comment follows code on the same line, and therefore describes that code."""
    before = comment.prev_sibling
    return before is not None and before.end_point.row == comment.start_point.row and before.end_point.column > 0


def _plain(text: str) -> str:
    """Return a comment or documentation string without its comment characters, on one line."""
    lines = _TAGS.sub("", text).split("\n")
    return one_line("\n".join([line.lstrip(_PREFIX).rstrip(_SUFFIX) for line in lines]))[:MAX_DOC]


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", errors="replace")
