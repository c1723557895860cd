"""Move a function or class at the top level of a Python file to another file, and update the files that import it."""

import re

from tree_sitter import Node

from slm_lsp.features.edit.changes import FileChange, ProjectChange
from slm_lsp.features.edit.rules.importers import Importer, redirected
from slm_lsp.features.edit.rules.modules import files_of, module_of
from slm_lsp.features.edit.rules.move_needs import Move, Needed, cycle, needed_by, parsed
from slm_lsp.features.edit.rules.python_add import add, is_docstring
from slm_lsp.features.edit.rules.python_imports import IMPORTS, Name, Statement, read_statement
from slm_lsp.features.edit.rules.python_organize import remove_unused
from slm_lsp.features.edit.rules.source import Refused, Source, read_source, walk
from slm_lsp.features.edit.rules.statements import with_comments_above
from slm_lsp.index.resolve import ProjectFiles
from slm_lsp.languages.symbols import scopes

_FILE_NAMES = frozenset({"__file__", "__name__", "__package__", "__path__", "__spec__", "__doc__", "globals"})
"""Names whose value depends on the module."""

_MAIN = re.compile(r"""^if\s+__name__\s*==\s*['"]__main__['"]""", re.MULTILINE)


def move_symbol(move: Move) -> ProjectChange | Refused:
    """Return the changes that move a symbol, or why it cannot be moved.

    The move is refused if the symbol uses other definitions of its module, or if the new imports would form a cycle.
    The notes list uses that are not updated: attribute accesses such as `module.name`, `import *`, and strings.

    Raises:
        ParseTimeoutError: parsing takes too long.
    """
    source, target = parsed(move, move.path), parsed(move, move.target)
    node = None if source is None else definition(move.name, source)
    reason = _refusal(move, source, target, node)
    if reason is not None or source is None or target is None or node is None:
        return Refused(reason or f"{move.path} cannot be parsed.")
    needed = needed_by(move, source, node)
    if needed.left:
        names = ", ".join(f"`{each}`" for each in needed.left)
        return Refused(f"`{move.name}` uses {names}, which would stay in {move.path}.")
    importers, notes = _importers(move)
    still_used = _uses_outside(move.name, node, source)
    reason = cycle(move, needed, [each.path for each in importers], still_used=still_used)
    if reason is not None:
        return Refused(reason)
    start = with_comments_above(source, source.line_start(node.start_byte))
    moved_text = source.piece(start, source.line_stop(node.end_byte)).strip("\r\n")
    changes = (
        FileChange(
            move.path, source.text, _without(move, source, (start, node.end_byte), needed, still_used=still_used)
        ),
        FileChange(move.target, target.text, _with(move, target, moved_text, needed), move.target not in move.files),
        *importers,
    )
    return ProjectChange(tuple(each for each in changes if each.old != each.new), tuple(notes))


def _importers(move: Move) -> tuple[list[FileChange], list[str]]:
    """Return the changes of the files that import the symbol, and notes about uses that are not updated."""
    importer = Importer(move.path, move.target, move.name, move.paths, move.layout)
    changes: list[FileChange] = []
    notes: list[str] = []
    for path, text in sorted(move.files.items()):
        found = parsed(move, path) if path not in {move.path, move.target} and move.name in text else None
        if found is not None:
            new, problems = redirected(found, path, importer)
            notes += problems
            changes += [FileChange(path, text, new)] if new != text else []
    return changes, notes


def definition(name: str, source: Source) -> Node | None:
    """Return the only definition of a name at the top level, with its decorators."""
    found = []
    for each in source.root.named_children:
        inner = each.child_by_field_name("definition") if each.type == "decorated_definition" else each
        if inner is not None and inner.type in {"function_definition", "class_definition"}:
            named = inner.child_by_field_name("name")
            found += [each] if named is not None and source.of(named) == name else []
    return found[0] if len(found) == 1 else None


def _refusal(move: Move, source: Source | None, target: Source | None, node: Node | None) -> str | None:
    if move.path == move.target:
        return f"{move.name} is already in {move.target}."
    if source is None or target is None or source.root.has_error or target.root.has_error:
        return f"{move.path if source is None or source.root.has_error else move.target} has syntax errors."
    if node is None:
        return f"{move.path} does not define `{move.name}` exactly once at the top level, as a function or class."
    if source.before(node.start_byte).strip() or source.after(node.end_byte).strip().startswith(";"):
        return f"The definition of `{move.name}` shares a line with other code."
    if move.name in scopes(source.language, source.tree, source.raw)[0].names:
        return f"`{move.name}` is also assigned in {move.path}."
    if any(each.type == "identifier" and source.of(each) == "__all__" for each in walk(source.root)):
        return f"`__all__` in {move.path} may list `{move.name}`. Remove it from there first."
    if _binds(move, target):
        return f"{move.target} already has the name `{move.name}`."
    special = {source.of(each) for each in walk(node) if each.type == "identifier"} & _FILE_NAMES
    if special:
        return f"`{move.name}` uses `{min(special)}`, whose value depends on the file."
    if any(each.type == "relative_import" for each in walk(node)):
        return f"`{move.name}` contains a relative import."
    return None


def _binds(move: Move, target: Source) -> bool:
    """Return whether the target has another meaning for the symbol's name."""
    if definition(move.name, target) or move.name in scopes(target.language, target.tree, target.raw)[0].names:
        return True
    for each in walk(target.root):
        if each.type in IMPORTS:
            statement = read_statement(each, target)
            ours = move.path in files_of(statement.module, move.name, move.target, ProjectFiles.of(move.paths))
            if any(one.local == move.name and not (ours and one == Name(move.name)) for one in statement.names):
                return True
    return False


def _uses_outside(name: str, node: Node, source: Source) -> bool:
    """Return whether the rest of the file uses a name."""
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    return bool(
        word.search(source.piece(0, node.start_byte)) or word.search(source.piece(node.end_byte, len(source.raw)))
    )


def _without(move: Move, source: Source, span: tuple[int, int], needed: Needed, *, still_used: bool) -> str:
    """Return the old module without the symbol and without the imports that only the symbol used."""
    start, end = span[0], source.line_stop(span[1])
    while end < len(source.raw) and not source.after(end).strip():
        end = source.line_stop(end)
    at_end = not source.piece(end, len(source.raw)).strip()
    if at_end:
        # Blank lines before the last definition would remain at the end of the file.
        start = len(source.piece(0, start).rstrip().encode("utf-8", "surrogatepass"))
    new = source.replaced([(start, end, source.line_end if at_end and start else "")])
    before = read_source(source.language, new)
    candidates = {each.names[0].local for each in needed.imports}
    if before is not None and candidates:
        everything = {
            one.local
            for each in walk(before.root)
            if each.type in IMPORTS
            for one in read_statement(each, before).names
        }
        cleaned = remove_unused(before, everything - candidates)
        new = new if isinstance(cleaned, Refused) else cleaned
    after = read_source(source.language, new)
    if still_used and after is not None:
        written = Statement(module_of(move.target, move.paths), (Name(move.name),))
        new = add(after, written, move.layout)
    return new


def _with(move: Move, target: Source, moved: str, needed: Needed) -> str:
    """Return the target with the symbol and its imports."""
    end = target.line_end
    text = _without_import(move, target)
    at = _place(move, text, target)
    head, tail = text[:at].rstrip("\r\n"), text[at:].lstrip("\r\n")
    body = re.sub(r"\r\n|\n|\r", end, moved)
    text = (head + end * 3 if head.strip() else "") + body + end + (end * 2 + tail if tail else "")
    module = module_of(move.target, move.paths)
    for each in needed.imports:
        source = read_source(target.language, text)
        if source is not None and each.module != module:
            text = add(source, each, move.layout)
    return text


def _place(move: Move, text: str, target: Source) -> int:
    """Return where the symbol is inserted: at the end, but before the main program and before code that uses it."""
    source = read_source(target.language, text)
    if source is not None and re.search(rf"(?<!\w){re.escape(move.name)}(?!\w)", text):
        for each in source.root.named_children:
            if each.type not in {*IMPORTS, "comment"} and not is_docstring(each):
                return source.offset(with_comments_above(source, source.line_start(each.start_byte)))
    main = _MAIN.search(text)
    return main.start() if main else len(text)


def _without_import(move: Move, target: Source) -> str:
    """Return the target without its import of the symbol."""
    files = ProjectFiles.of(move.paths)
    edits = []
    for node in walk(target.root):
        if node.type not in IMPORTS:
            continue
        statement = read_statement(node, target)
        if Name(move.name) not in statement.names or move.path not in files_of(
            statement.module, move.name, move.target, files
        ):
            continue
        kept = tuple(each for each in statement.names if each != Name(move.name))
        if kept:
            new = Statement(statement.module, kept, statement.several_lines)
            edits.append((node.start_byte, node.end_byte, new.text(move.layout.line_length, "", target.line_end)))
        else:
            edits.append((target.line_start(node.start_byte), target.line_stop(node.end_byte), ""))
    return target.replaced(edits)
