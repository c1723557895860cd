"""Consecutive statements of a block, and moving their text to another indentation."""

import re
from dataclasses import dataclass

from tree_sitter import Node

from slm_lsp.features.edit.rules.kinds import Kinds
from slm_lsp.features.edit.rules.source import Refused, Source, around, walk

_COMMENTS = frozenset({"comment", "line_comment", "block_comment"})
_SELECT = "Select one or more whole statements."
_COMMENT_LINES = re.compile(r"\A(?:[ \t]*(?:(?:#|//)[^\n]*)?\r?\n)+")
"""Blank lines and comment lines at the start of a selection."""
_TEXTS = frozenset({"string", "template_string", "concatenated_string"})


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive statements of one block."""

    nodes: tuple[Node, ...]
    start: int
    """Start of the first line, in bytes."""
    end: int
    """End of the last line with its line end, in bytes."""
    functions: tuple[Node, ...]
    """The functions around the statements, the innermost first."""

    @property
    def block(self) -> Node | None:
        """The block that contains the statements."""
        return self.nodes[0].parent


def selected_run(source: Source, selection: tuple[int, int], kinds: Kinds) -> Run | Refused:
    """Return the statements that fill a selection; comments and white space at its ends do not count."""
    piece = source.text[slice(*selection)]
    code = _COMMENT_LINES.sub("", piece)
    if not code.strip():
        return Refused(_SELECT)
    start = source.byte(selection[1] - len(code.lstrip()))
    end = source.byte(selection[1] - (len(piece) - len(piece.rstrip())))
    node = source.root.descendant_for_byte_range(start, start + 1)
    for each in () if node is None else (node, *around(node)):
        block = each.parent
        if block is None or block.type not in kinds.blocks or each.start_byte != start:
            continue
        siblings = [one for one in block.named_children if one.type not in _COMMENTS]
        inside = [one for one in siblings if start <= one.start_byte < end]
        last = inside[-1].end_byte
        # A selection may leave out the semicolon of the last statement.
        if last <= end or (last == end + 1 and source.raw[end : end + 1] == b";"):
            return _run(source, inside, kinds)
    return Refused(_SELECT)


def _run(source: Source, nodes: list[Node], kinds: Kinds) -> Run | Refused:
    first, last = nodes[0], nodes[-1]
    after = source.after(last.end_byte).strip().removeprefix(";").strip()
    if source.before(first.start_byte).strip() or (after and not after.startswith(("#", "//"))):
        return Refused("The statements share a line with others.")
    functions = tuple(each for each in around(first) if each.type in kinds.functions)
    return Run(tuple(nodes), source.line_start(first.start_byte), source.line_stop(last.end_byte), functions)


def indent_unit(source: Source, inner: Node) -> str:
    """Return the indentation of one level, derived from a node and the block around it."""
    for each in around(inner):
        outer, own = source.before(each.start_byte), source.before(inner.start_byte)
        if not outer.strip() and not own.strip() and own.startswith(outer) and own != outer:
            return own.removeprefix(outer)
    found = re.search(r"^([ \t]+)\S", source.text, re.MULTILINE)
    return found.group(1) if found else "    "


def reindented(source: Source, run: Run, indent: str) -> str:
    """Return the lines of some statements at another indentation. Lines inside strings stay as they are."""
    old = source.before(run.nodes[0].start_byte)
    texts = [
        (each.start_byte, each.end_byte)
        for node in run.nodes
        for each in walk(node)
        if each.type in _TEXTS and each.start_point.row != each.end_point.row
    ]
    lines = []
    at = run.start
    while at < run.end:
        stop = source.line_stop(at)
        line = source.piece(at, stop)
        if not any(start < at < end for start, end in texts) and line.strip():
            line = indent + line.removeprefix(old)
        lines.append(line)
        at = stop
    text = "".join(lines)
    return text if text.endswith(("\n", "\r")) else text + source.line_end


def top_statement(node: Node, root: Node) -> Node:
    """Return the statement at the top level of the file that contains a node."""
    while node.parent is not None and node.parent != root:
        node = node.parent
    return node


def with_comments_above(source: Source, at: int) -> int:
    """Return the start of the comment lines directly above a line, or of the line itself."""
    while at > 0:
        previous = source.line_start(at - 1)
        if not source.piece(previous, at).lstrip().startswith(("#", "//", "/*", "*")):
            break
        at = previous
    return at
