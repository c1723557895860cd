"""Add an import to a Python file, and move imports from an edited unit to the top of the file."""

import re
from collections.abc import Iterator
from textwrap import dedent

from tree_sitter import Node

from slm_lsp.features.edit.rules.layout import Layout
from slm_lsp.features.edit.rules.python_imports import (
    IMPORTS,
    Name,
    Statement,
    is_plain,
    member_order,
    read_statement,
    top_imports,
)
from slm_lsp.features.edit.rules.python_organize import with_own_modules
from slm_lsp.features.edit.rules.source import Source, read_source, walk
from slm_lsp.languages.symbols import scopes

_HEADING = re.compile(rb"(?:#!.*\n)?(?:#.*coding[:=].*\n)?")
_DEFINITION = re.compile(r"(?:async\s+def|def|class|@)\b")
_BODIES = frozenset({"for_statement", "while_statement", "function_definition"})
"""Imports at the start of the bodies of these statements can move. In `if` or `try`, they may depend on a condition."""


def add(source: Source, wanted: Statement, layout: Layout) -> str:
    """Return the text with an import of one name. If the top of the file has this import, the text stays as it is."""
    layout = with_own_modules(source, layout)
    present = [(node, read_statement(node, source)) for node in top_imports(source)]
    name = wanted.names[0]
    if any(each.module == wanted.module and name in each.names for _, each in present):
        return source.text
    for node, each in present:
        if _can_take(node, each, wanted, source):
            names = tuple(sorted((*each.names, name), key=lambda one: member_order(one.name)))
            new = Statement(each.module, names, each.several_lines).text(layout.line_length, "", source.line_end)
            return source.replaced([(node.start_byte, node.end_byte, new)])
    at, new = _place(source, present, wanted, layout)
    if at and source.raw[at - 1 : at] not in {b"\n", b"\r"}:
        new = source.line_end + new
    return source.replaced([(at, at, new)])


def _can_take(node: Node, present: Statement, wanted: Statement, source: Source) -> bool:
    """Return whether a name can be added to an existing statement."""
    plain = not any(each.alias or each.name == "*" for each in (*present.names, *wanted.names))
    return not wanted.straight and present.module == wanted.module and plain and is_plain(node, source)


def _place(source: Source, present: list[tuple[Node, Statement]], wanted: Statement, layout: Layout) -> tuple[int, str]:
    """Return where a new statement is inserted, and the inserted text."""
    end = source.line_end
    line = wanted.text(layout.line_length, "", end) + end
    section = wanted.section(layout)
    same = [(node, each) for node, each in present if each.section(layout) == section]
    if same:
        earlier = [node for node, each in same if each.order < wanted.order]
        if earlier:
            return source.line_stop(earlier[-1].end_byte), line
        return source.line_start(same[0][0].start_byte), line
    earlier = [node for node, each in present if each.section(layout) < section]
    if earlier:
        at = source.line_stop(earlier[-1].end_byte)
        return at, end + line + _gap(source, at)
    if present:
        return source.line_start(present[0][0].start_byte), line + end
    at, apart = _top(source)
    return at, (end if apart else "") + line + _gap(source, at)


def _top(source: Source) -> tuple[int, bool]:
    """Return where the first import of a file is inserted, and whether a blank line is needed before it."""
    children = source.root.named_children
    code = next((each for each in children if each.type != "comment"), None)
    if code is not None and _is_heading(code):
        return source.line_stop(code.end_byte), True
    heading = _HEADING.match(source.raw)
    at = heading.end() if heading else 0
    comments = [
        each for each in children if each.type == "comment" and (code is None or each.end_byte <= code.start_byte)
    ]
    if comments and comments[-1].end_byte > at:
        stop = source.line_stop(comments[-1].end_byte)
        # A comment directly above the first statement describes that statement.
        if code is None or source.line_stop(stop) <= code.start_byte:
            return stop, True
    return at, at > 0


def _gap(source: Source, at: int) -> str:
    """Return the blank lines that are missing between an inserted import and the code after it."""
    rest = source.piece(at, len(source.raw))
    if not rest.strip() or rest[0] in "\r\n":
        return ""
    return source.line_end * (2 if _DEFINITION.match(rest) else 1)


def hoist(source: Source, start: int, end: int, old_unit: str, layout: Layout) -> str:
    """Return the text with the imports at the start of a unit moved to the top of the file.

    Args:
        source: the text with the edited unit.
        start: start of the unit, in bytes.
        end: end of the unit, in bytes.
        old_unit: the unit before the edit. Imports that it contains stay where they are.
        layout: how imports are arranged.
    """
    stay = _imports_in(source, old_unit)
    bound = _bound(source, start, end)
    moved: list[Statement] = []
    edits: list[tuple[int, int, str]] = []
    for node in _leading(source, start, end):
        statement = read_statement(node, source)
        parts = [Statement(statement.module, (each,)) for each in statement.names]
        clash = any(bound.get(each.names[0].local, each) != each for each in parts)
        if clash or any(each in stay for each in parts) or statement.names[0].name == "*":
            continue
        moved += parts
        edits.append((source.line_start(node.start_byte), _stop(source, node, end), ""))
    text = source.replaced(edits)
    for each in moved:
        again = read_source(source.language, text)
        text = text if again is None else add(again, each, layout)
    return text


def _stop(source: Source, node: Node, end: int) -> int:
    """Return the end of the lines to remove: those of the statement and the blank lines after it."""
    at = source.line_stop(node.end_byte)
    while at < end and not source.after(at).strip() and source.line_stop(at) > at:
        at = source.line_stop(at)
    return at


def _leading(source: Source, start: int, end: int) -> Iterator[Node]:
    """Yield the imports at the start of a unit, and at the start of the functions in it."""
    if not any(each.end_byte <= start and not _is_heading(each) for each in source.root.named_children):
        top: frozenset[int] = frozenset(each.id for each in source.root.named_children)
    else:
        top = frozenset()
    for node in walk(source.root):
        if node.type not in IMPORTS or not (start <= node.start_byte and node.end_byte <= end):
            continue
        parent = node.parent
        if node.id in top or parent is None or not is_plain(node, source):
            continue
        owner = parent.parent
        if parent.type == "block" and (owner is None or owner.type not in _BODIES):
            continue
        before = [each for each in parent.named_children if start <= each.start_byte < node.start_byte]
        after = [each for each in parent.named_children if each.start_byte > node.start_byte]
        leading = all(each.type in IMPORTS or _is_heading(each) for each in before)
        if leading and any(each.type not in IMPORTS and each.type != "comment" for each in after):
            yield node


def _is_heading(node: Node) -> bool:
    """Return whether a statement is a comment or a docstring."""
    return node.type == "comment" or is_docstring(node)


def is_docstring(node: Node) -> bool:
    """Return whether a statement is only a string."""
    return node.type in {"string", "concatenated_string"}


def _imports_in(source: Source, text: str) -> list[Statement]:
    found = read_source(source.language, dedent(text)) if text else None
    if found is None:
        return []
    nodes = (each for each in walk(found.root) if each.type in IMPORTS)
    return [
        Statement(one.module, (each,)) for one in (read_statement(node, found) for node in nodes) for each in one.names
    ]


def _bound(source: Source, start: int, end: int) -> dict[str, Statement | None]:
    """Return the names that the top level binds outside a unit, each with its import, or None if it is not imported."""
    names = scopes(source.language, source.tree, source.raw)[0].names
    found: dict[str, Statement | None] = dict.fromkeys(names)
    for node in source.root.named_children:
        inner = node.child_by_field_name("definition") or node
        name = inner.child_by_field_name("name") if inner.type.endswith("_definition") else None
        if name is not None:
            found[source.of(name)] = None
        elif node.type in IMPORTS and not start <= node.start_byte < end:
            statement = read_statement(node, source)
            found |= {each.local: Statement(statement.module, (each,)) for each in statement.names}
    return found


def import_of(module: str, name: str, alias: str = "") -> Statement:
    """Return the import of a name of a module; with an empty name, the import of the module itself."""
    return Statement(module, (Name(name, alias),)) if name else Statement("", (Name(module, alias),))
