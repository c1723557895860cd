"""The signature of a definition: its beginning up to the body, without comments, on one line."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from slm_lsp.languages.names import one_line
from slm_lsp.languages.parse import Match
from slm_lsp.languages.registry import Language

MAX_SIGNATURE = 400
"""Characters of a signature that are kept."""


def comment_openers(language: Language) -> re.Pattern[bytes] | None:
    """What may begin a comment; it may stand in a string as well. None for a language without comments."""
    openers = [*language.line_comments, *(opener for opener, _ in language.block_comments)]
    return re.compile(b"|".join(re.escape(each.encode()) for each in openers)) if openers else None


def signature(
    node: Node, begin: int, match: Match, source: bytes, openers: re.Pattern[bytes] | None, *, parameters: bool
) -> str:
    """What stands up to the body, or else on the line where the definition itself begins.

    Args:
        node: the definition with what stands round it.
        begin: where it begins itself.
        match: what its query caught.
        source: the text.
        openers: as from `comment_openers`.
        parameters: without a body, it is the line with the name, and those on which parameters go on.
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
    """Comments among what begins before a byte in a node."""
    pending = [node]
    while pending:
        for child in pending.pop().children:
            if child.start_byte >= end:
                break
            if "comment" in child.type:
                # An empty one stands for the rest of the line in some trees.
                if child.start_byte < child.end_byte:
                    yield child
            elif child.end_byte > start and child.child_count:
                pending.append(child)


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", errors="replace")
