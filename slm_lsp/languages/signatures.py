"""Extracts the signature of a definition: its text up to the body, without comments, on one line."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from slm_lsp.languages.names import one_line
from slm_lsp.languages.parse import Match
from slm_lsp.languages.registry import Language

MAX_SIGNATURE = 400
"""Maximum length of a signature, in characters."""


def comment_openers(language: Language) -> re.Pattern[bytes] | None:
    """Return a regular expression for the characters that open a comment; None if the language has no comments.

    The expression also matches these characters inside strings.
    """
    openers = [*language.line_comments, *(opener for opener, _ in language.block_comments)]
    return re.compile(b"|".join(re.escape(each.encode()) for each in openers)) if openers else None


def signature(
    node: Node, begin: int, match: Match, source: bytes, openers: re.Pattern[bytes] | None, *, parameters: bool
) -> str:
    """Return the text of a definition up to its body. Without a body, return the line on which the definition starts.

    Args:
        node: the outermost syntax node of the definition, for example the `export` statement around it.
        begin: byte offset at which the definition itself starts, for example after `export`.
        match: the query match that found the definition.
        source: the text.
        openers: result of `comment_openers`.
        parameters: True for a callable. If a callable has no body, its signature is the line with its name and the
            following lines up to the closing parenthesis.
    """
    name = match["name"][0]
    if body := match.get("body"):
        end = body[0].start_byte
    else:
        begin = name.start_byte if parameters else begin
        end = _line_end(source, begin, node.end_byte)
        while parameters and end < node.end_byte and source.count(b"(", begin, end) > source.count(b")", begin, end):
            end = _line_end(source, end + 1, node.end_byte)
    start = node.start_byte
    skipped: list[Node] = []
    if (doc := match.get("doc")) and start <= doc[0].start_byte < name.start_byte:
        skipped.append(doc[0])
    if openers is not None and openers.search(source, start, end):
        skipped += _comments(node, start, end)
    head = source[start:end]
    for each in sorted(skipped, key=lambda each: -each.start_byte):
        head = head[: each.start_byte - start] + b" " + head[each.end_byte - start :]
    text = one_line(head.decode("utf-8", errors="replace")).rstrip("{").rstrip()[:MAX_SIGNATURE]
    return text if name.start_byte < end else f"{text} … {one_line(_text(name, source))}"


def _line_end(source: bytes, begin: int, limit: int) -> int:
    found = source.find(b"\n", begin, limit)
    return limit if found < 0 else found


def _comments(node: Node, start: int, end: int) -> Iterator[Node]:
    """Yield the comments in a node between two byte offsets."""
    pending = [node]
    while pending:
        for child in pending.pop().children:
            if child.start_byte >= end:
                break
            if "comment" in child.type:
                # In some grammars, an empty comment node represents the rest of the line.
                if child.start_byte < child.end_byte:
                    yield child
            elif child.end_byte > start and child.child_count:
                pending.append(child)


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", errors="replace")
