"""What documents a definition: the text inside that its query caught, or the comments right above it."""

import re
from collections.abc import Sequence

from tree_sitter import Node

from slm_lsp.languages.ends import last_row
from slm_lsp.languages.names import one_line

MAX_DOC = 200
"""Characters of a documentation text that are kept."""

_BETWEEN = frozenset({"annotation", "attribute_item", "decorator", "signature", "spec", "type_annotation"})
"""What may stand between a definition and its comment."""

_LISTS = frozenset({"declarations", "imports"})
"""The comment of what is first in one of these stands before it, or at the end of another one before it."""

_TAGS = re.compile(r"</?(?:summary|remarks|para|p)\s*/?>")
_BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001))))
_BEFORE, _BEHIND = _BLANKS + "/*#;!%'\"(-", _BLANKS + "*/'\")"
"""What frames the lines of a comment. Stripping takes a third of the time that an expression takes."""

_BRACES = re.compile(r"\{-?\s*[|^]?(?P<text>.*?)-?\}", re.DOTALL)
_HADDOCK = re.compile(r"^\s*--+\s*[|^]")
_COMMENT_LINES = {
    "cobol": re.compile(r"^(?:.{6}[*/]|\s*\*)>?(?P<text>.*)$"),
    "fsharp": re.compile(r"^\s*//(?P<text>.*)$"),
}
"""Lines that are comments, for grammars that drop them or take them for part of what stands before."""

_FIRST = re.compile(rb"[\s\d]*(?:[FS]D\s+)?", re.IGNORECASE)
"""What stands on a line before the definition that a comment above the line is about."""

_POD = re.compile(r"^=\w+.*$", re.MULTILINE)


def documentation(node: Node, inside: Sequence[Node] | None, source: bytes, language: str) -> str:
    """Its beginning on one line; empty without one."""
    if inside:
        return _plain(_text(inside[0], source))
    if comments := _COMMENT_LINES.get(language):
        return _plain(_lines_above(source, node.start_byte, comments))
    above: list[str] = []
    below, previous = node, _before(node, language)
    while previous is not None:
        kind = previous.type
        is_comment = "comment" in kind or kind in {"haddock", "pod"}
        if not is_comment and kind not in _BETWEEN and previous.is_named:
            break
        rows = below.start_point.row - last_row(previous)
        if rows > 2 or (rows == 2 and kind != "pod"):
            break
        if is_comment:
            if _trails(previous) or source.startswith(b"#!", previous.start_byte, 2):
                break
            above.append(_unframed(_text(previous, source), kind, language))
        elif kind not in _BETWEEN and (rows > 0 or not kind.isalpha()):
            # A word on the same line, such as `pub`, belongs to the definition.
            break
        below, previous = previous, _before(previous, language)
    return _plain("\n".join(reversed(above))) if above else ""


def _before(node: Node, language: str) -> Node | None:
    """The node before one, also where that is last in, or stands before, a list of its own."""
    previous = node.prev_sibling
    if previous is None and language == "haskell" and node.parent is not None and node.parent.type in _LISTS:
        previous = node.parent.prev_sibling
        if previous is not None and previous.type in _LISTS:
            return previous.child(previous.child_count - 1)
    return previous


def _lines_above(source: bytes, start: int, comments: re.Pattern[str]) -> str:
    """The comment in the lines right above the one where something starts."""
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


def _unframed(comment: str, kind: str, language: str) -> str:
    """A comment without what only some languages write round one."""
    if kind == "pod":
        return _POD.sub("", comment)
    if kind == "haddock":
        comment = _HADDOCK.sub("", comment)
    if language == "fortran" and comment[:1] in {"c", "C"}:
        return comment[1:]
    braces = _BRACES.fullmatch(comment.strip())
    return braces["text"] if braces else comment


def _trails(comment: Node) -> bool:
    """Whether a comment stands behind something else on its line, and so belongs to that."""
    before = comment.prev_sibling
    return before is not None and before.end_point.row == comment.start_point.row and before.end_point.column > 0


def _plain(text: str) -> str:
    """A comment or documentation string without its frame, on one line."""
    lines = _TAGS.sub("", text).split("\n")
    return one_line("\n".join([line.lstrip(_BEFORE).rstrip(_BEHIND) for line in lines]))[:MAX_DOC]


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", errors="replace")
