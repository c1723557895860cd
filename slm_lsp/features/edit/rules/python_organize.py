"""Sort Python's import statements, and remove the unused ones."""

import re
import sys
from collections.abc import Collection, Iterator
from itertools import pairwise

from tree_sitter import Node

from slm_lsp.features.edit.rules.layout import Layout, Section
from slm_lsp.features.edit.rules.python_imports import (
    IMPORTS,
    Name,
    Statement,
    arranged,
    is_plain,
    read_statement,
    top_imports,
)
from slm_lsp.features.edit.rules.source import Refused, Source, read_source, walk

SIDE_EFFECTS = frozenset(
    {"antigravity", "encodings", "readline", "rlcompleter", "site", "sitecustomize", "this", "tracemalloc"}
)
"""Modules of the standard library that are imported for their side effects."""

_DIRECTIVE = re.compile(r"#\s*(?:ruff\s*:\s*)?isort\s*:")
_WORD = re.compile(r"[^\W\d]\w*")


def organize(source: Source, layout: Layout) -> str | Refused:
    """Return the text with sorted import blocks.

    A block is a run of consecutive import statements. A block that contains a comment, or a statement that shares its
    line with another one, stays as it is.
    """
    found = _DIRECTIVE.search(source.text)
    if found and any(each.type == "comment" and _DIRECTIVE.match(source.of(each)) for each in walk(source.root)):
        return Refused("The file contains a directive for isort, which slm-lsp does not interpret.")
    layout = with_own_modules(source, layout)
    edits: list[tuple[int, int, str]] = []
    for block in _blocks(source.root):
        if not all(is_plain(each, source) for each in block) or _gap_has_text(block, source):
            continue
        indent = source.before(block[0].start_byte)
        statements = [read_statement(each, source) for each in block]
        edits.append((block[0].start_byte, block[-1].end_byte, arranged(statements, layout, indent, source.line_end)))
    return source.replaced(edits)


def with_own_modules(source: Source, layout: Layout) -> Layout:
    """Return the layout with the project's own modules. If they are not known, guess them from the imports of the file.

    The guess: if the file has several groups of absolute imports from outside the standard library, the modules of the
    last group are the project's own, except those that an earlier group imports too.
    """
    if layout.own:
        return layout
    groups: list[set[str]] = []
    previous: Node | None = None
    for each in top_imports(source):
        statement = read_statement(each, source)
        module = (statement.module or statement.names[0].name).partition(".")[0]
        if layout.section(statement.module or statement.names[0].name) is Section.THIRD_PARTY:
            apart = previous is None or each.start_point.row - previous.end_point.row > 1
            if apart or not groups:
                groups.append(set())
            groups[-1].add(module)
        previous = each
    own = groups[-1] - set().union(*groups[:-1]) if len(groups) > 1 else set()
    return Layout(frozenset(own), layout.line_length)


def _blocks(node: Node) -> Iterator[list[Node]]:
    """Yield the runs of consecutive import statements."""
    run: list[Node] = []
    for each in node.named_children:
        if each.type in IMPORTS:
            run.append(each)
            continue
        if run:
            yield run
        run = []
        if each.type != "comment" and any(
            inner in each.type for inner in ("block", "statement", "definition", "clause")
        ):
            yield from _blocks(each)
    if run:
        yield run


def _gap_has_text(block: list[Node], source: Source) -> bool:
    return any(source.piece(one.end_byte, two.start_byte).strip() for one, two in pairwise(block))


def remove_unused(source: Source, keep: Collection[str] = ()) -> str | Refused:
    """Return the text without imports that are certainly unused.

    Only statements at the top level are removed. These stay: `import a` of modules outside the standard library,
    because it may have side effects; `import a as a` and `from . import a as a`, which re-export a name; statements
    with a comment such as `# noqa`.

    Args:
        source: the text.
        keep: names that other files import from this file.
    """
    if any(each.type == "identifier" and source.of(each) == "__all__" for each in walk(source.root)):
        return Refused("The file defines `__all__`, so other files may use its imports.")
    used = used_names(source) | set(keep)
    edits: list[tuple[int, int, str]] = []
    removed: list[tuple[int, int]] = []
    for node in source.root.named_children:
        if node.type not in IMPORTS or not is_plain(node, source):
            continue
        statement = read_statement(node, source)
        kept = tuple(each for each in statement.names if each.local in used or not _removable(statement, each))
        if not kept:
            removed.append((source.line_start(node.start_byte), source.line_stop(node.end_byte)))
        elif kept != statement.names:
            new = Statement(statement.module, kept, statement.several_lines)
            edits.append((node.start_byte, node.end_byte, new.text(len(source.text), "", source.line_end)))
    return source.replaced([*edits, *((start, stop, "") for start, stop in _with_blank_line(removed, source))])


def _with_blank_line(spans: list[tuple[int, int]], source: Source) -> Iterator[tuple[int, int]]:
    """Join adjacent spans of lines. If blank lines surround a joined span, extend it by the blank line after it.

    The start of the file counts as a blank line.
    """
    joined: list[tuple[int, int]] = []
    for start, stop in spans:
        if joined and joined[-1][1] == start:
            start = joined.pop()[0]
        joined.append((start, stop))
    for start, stop in joined:
        before = start == 0 or not source.piece(source.line_start(start - 1), start).strip()
        blank = before and stop < len(source.raw) and not source.after(stop).strip()
        yield start, source.line_stop(stop) if blank else stop


def kept_sorted(old: Source, new: str, layout: Layout) -> str:
    """Return the new version of a text. If the imports of the old version are sorted, sort those of the new version."""
    if organize(old, layout) != old.text or (source := read_source(old.language, new)) is None:
        return new
    sorted_text = organize(source, layout)
    return new if isinstance(sorted_text, Refused) else sorted_text


def _removable(statement: Statement, imported: Name) -> bool:
    if imported.name == "*" or statement.module == "__future__" or imported.alias == imported.name:
        return False
    if not statement.straight:
        return True
    top = imported.name.partition(".")[0]
    return top in sys.stdlib_module_names and top not in SIDE_EFFECTS


def used_names(source: Source) -> set[str]:
    """Return every name that the code outside import statements may refer to.

    Words in strings and in `# type:` comments count, because they may be annotations. Words in a docstring count only
    if the docstring contains an example (`>>>`).
    """
    found: set[str] = set()
    pending = [source.root]
    while pending:
        node = pending.pop()
        if node.type in IMPORTS:
            continue
        if node.type == "identifier":
            found.add(source.of(node))
        elif node.type == "string":
            text = source.of(node)
            # A docstring is prose unless it contains examples that can be executed.
            prose = node.parent is not None and node.parent.type in {"block", "module"} and ">>>" not in text
            found.update(() if prose else _WORD.findall(text))
        elif node.type == "comment" and "type:" in source.of(node):
            found.update(_WORD.findall(source.of(node)))
        pending.extend(node.named_children)
    return found
