"""Add, move and sort the import statements of JavaScript and TypeScript."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tree_sitter import Node

from slm_lsp.features.edit.rules.source import Source, read_source, walk

LINE_LENGTH = 100
"""Maximum length of a line that is written with all names on one line, in characters."""

_DIRECTIVES = re.compile(r"""(?:#![^\n]*\n)?(?:\s*/\*.*?\*/[ \t]*\n)?(?:\s*(['"])use \w+\1;?[ \t]*\n)?""", re.DOTALL)
_REQUIRE = re.compile(r"\brequire\(")


@dataclass(frozen=True, slots=True)
class Script:
    """One import statement of a module."""

    module: str
    default: str = ""
    namespace: str = ""
    """Local name of `* as name`."""
    names: tuple[str, ...] = ()
    """Named imports as written, such as `a as b` or `type T`."""
    types: bool = False
    """Whether this is `import type`."""
    several_lines: bool = False

    @property
    def effects(self) -> bool:
        """Whether the module is imported only for its side effects."""
        return not (self.default or self.namespace or self.names)

    @property
    def order(self) -> tuple[object, ...]:
        """Key by which statements are sorted: packages before relative paths, then by name without case."""
        return (self.module.startswith("."), self.module.lower(), self.module, self.types, bool(self.namespace))

    def text(self, style: "Style") -> str:
        """Return the statement without a line end."""
        quoted = f"{style.quote}{self.module}{style.quote}"
        if self.effects:
            return f"import {quoted}{style.semicolon}"
        keyword = "import type " if self.types else "import "
        parts = [self.default] if self.default else []
        if self.namespace:
            parts.append(f"* as {self.namespace}")
        if not self.names:
            return f"{keyword}{', '.join(parts)} from {quoted}{style.semicolon}"
        one_line = f"{keyword}{', '.join([*parts, '{ ' + ', '.join(self.names) + ' }'])} from {quoted}{style.semicolon}"
        if len(one_line) <= LINE_LENGTH and not self.several_lines:
            return one_line
        lines = "".join(f"{style.indent}{each},{style.line_end}" for each in self.names)
        first = "".join(f"{each}, " for each in parts)
        return f"{keyword}{first}{{{style.line_end}{lines}}} from {quoted}{style.semicolon}"


@dataclass(frozen=True, slots=True)
class Style:
    """How a file writes import statements."""

    quote: str
    semicolon: str
    line_end: str
    indent: str = "  "


def style_of(source: Source) -> Style:
    """Return the style of the file's imports; without imports, the style of its other code."""
    texts = [source.of(each) for each in top_imports(source)] or [source.text]
    sample = "\n".join(texts)
    quote = "'" if sample.count("'") > sample.count('"') else '"'
    # A file without any code, or with a semicolon at the end of a line, uses semicolons.
    semicolon = ";" if not source.text.strip() or re.search(r";[ \t]*\r?$", sample, re.MULTILINE) else ""
    indent = re.search(r"^([ \t]+)\S", source.text, re.MULTILINE)
    return Style(quote, semicolon, source.line_end, indent.group(1) if indent else "  ")


def top_imports(source: Source) -> list[Node]:
    """Return the import statements at the top level of a file."""
    return [each for each in source.root.named_children if each.type == "import_statement"]


def read_statement(node: Node, source: Source) -> Script | None:
    """Return the value of an import statement; None if the statement has a comment or a form that is not supported."""
    module = node.child_by_field_name("source")
    known = {"import", "type", "from", "import_clause", "string", ";"}
    if module is None or any(each.type not in known for each in node.children) or _has_comment(node):
        return None
    default = namespace = ""
    names: list[str] = []
    for each in (
        part for clause in node.named_children if clause.type == "import_clause" for part in clause.named_children
    ):
        if each.type == "identifier":
            default = source.of(each)
        elif each.type == "namespace_import":
            namespace = source.of(each.named_children[-1])
        elif each.type == "named_imports":
            names += [" ".join(source.of(one).split()) for one in each.named_children]
    types = any(each.type == "type" for each in node.children)
    several = node.start_point.row != node.end_point.row
    return Script(source.of(module)[1:-1], default, namespace, tuple(names), types, several)


def _has_comment(node: Node) -> bool:
    return any(each.type == "comment" for each in walk(node))


def add(source: Source, wanted: Script) -> str:
    """Return the text with an import. What the file imports already is not imported again."""
    style = style_of(source)
    present = [(node, read_statement(node, source)) for node in top_imports(source)]
    same = [
        (node, each) for node, each in present if each and each.module == wanted.module and each.types == wanted.types
    ]
    if any(_contains(each, wanted) for _, each in same):
        return source.text
    for node, each in same:
        if (both := _merged(each, wanted)) is not None:
            return source.replaced([(node.start_byte, node.end_byte, both.text(style))])
    line = wanted.text(style) + style.line_end
    if present:
        at = source.line_stop(present[-1][0].end_byte)
        start = "" if at and source.raw[at - 1 : at] == b"\n" else style.line_end
        return source.replaced([(at, at, start + line)])
    head = _DIRECTIVES.match(source.text)
    at = len(head.group().encode()) if head else 0
    rest = source.piece(at, len(source.raw))
    return source.replaced([(at, at, line if not rest.strip() or rest[0] in "\r\n" else line + style.line_end)])


def _contains(each: Script, wanted: Script) -> bool:
    return (
        wanted.default in {"", each.default}
        and wanted.namespace in {"", each.namespace}
        and set(wanted.names) <= set(each.names)
        and (not wanted.effects or each.effects)
    )


def _merged(one: Script, two: Script) -> Script | None:
    """Return one statement for two statements of the same module; None if they cannot be combined."""
    if one.namespace or two.namespace or one.effects or two.effects:
        return None
    if one.default and two.default and one.default != two.default:
        return None
    default = one.default or two.default
    names = tuple(dict.fromkeys((*one.names, *two.names)))
    if one.types and default and names:
        # `import type A, { B }` is a syntax error.
        return None
    return replace(one, default=default, names=names, several_lines=one.several_lines or two.several_lines)


def uses_require(source: Source) -> bool:
    """Return whether a file is a CommonJS module."""
    return not top_imports(source) and bool(_REQUIRE.search(source.text))


def add_require(source: Source, module: str, name: str) -> str:
    """Return the text of a CommonJS module with a call of `require`, after the last one at the top level."""
    style = style_of(source)
    call = f"require({style.quote}{module}{style.quote}){style.semicolon}"
    line = f"const {{ {name} }} = {call}" if name else call
    if line in source.text:
        return source.text
    calls = [each for each in source.root.named_children if _REQUIRE.search(source.of(each).partition("\n")[0])]
    declared = [each for each in calls if each.type in {"lexical_declaration", "variable_declaration"}]
    at = source.line_stop((declared or calls)[-1].end_byte) if declared or calls else 0
    return source.replaced([(at, at, line + style.line_end)])


def organize(source: Source) -> str:
    """Return the text with sorted import statements, one per module.

    Statements are sorted within groups: a blank line, a comment, or an import for side effects ends a group.
    """
    style = style_of(source)
    edits = []
    for group in _groups(source):
        statements = [each for node in group if (each := read_statement(node, source))]
        lines = [each.text(style) for each in sorted(_combined(statements), key=lambda one: one.order)]
        edits.append((group[0].start_byte, group[-1].end_byte, style.line_end.join(lines)))
    return source.replaced(edits)


def _combined(statements: Iterable[Script]) -> list[Script]:
    found: list[Script] = []
    for each in statements:
        for number, other in enumerate(found):
            if (other.module, other.types) == (each.module, each.types) and (both := _merged(other, each)) is not None:
                found[number] = both
                break
        else:
            found.append(each)
    return [replace(each, names=tuple(sorted(each.names, key=_member))) for each in found]


def _member(name: str) -> tuple[str, str]:
    bare = name.removeprefix("type ")
    return (bare.lower(), bare)


def _groups(source: Source) -> Iterator[list[Node]]:
    run: list[Node] = []
    for each in source.root.named_children:
        statement = read_statement(each, source) if each.type == "import_statement" else None
        alone = not source.before(each.start_byte).strip() and not source.after(each.end_byte).strip()
        if statement is None or statement.effects or not alone:
            if run:
                yield run
            run = []
            continue
        if run and source.piece(run[-1].end_byte, each.start_byte).count("\n") > 1:
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def hoist(source: Source, start: int, end: int) -> str:
    """Return the text with the import statements of a unit moved to the top of the file.

    JavaScript allows `import` only at the top level, so all import statements inside blocks are moved. Import
    statements at the top level are moved if other code is above them.
    """
    moved: list[Script] = []
    edits = []
    first = next(
        (each for each in source.root.named_children if each.type not in {"import_statement", "comment"}), None
    )
    for node in walk(source.root):
        if node.type != "import_statement" or not start <= node.start_byte < node.end_byte <= end:
            continue
        nested = node.parent != source.root
        late = first is not None and first.start_byte < node.start_byte
        statement = read_statement(node, source)
        if statement is not None and (nested or late) and not source.before(node.start_byte).strip():
            moved.append(statement)
            stop = source.line_stop(node.end_byte)
            while stop < end and not source.after(stop).strip() and source.line_stop(stop) > stop:
                stop = source.line_stop(stop)
            edits.append((source.line_start(node.start_byte), stop, ""))
    text = source.replaced(edits)
    for each in moved:
        again = read_source(source.language, text)
        text = text if again is None else add(again, each)
    return text
