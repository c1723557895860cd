"""Read, write and place Python's import statements.

The order is the default of isort's profile `black` and of Ruff's rules `I`: sections, then `import` before `from`, then
modules and names in natural order.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from slm_lsp.features.edit.rules.layout import Layout, Section
from slm_lsp.features.edit.rules.source import Source

IMPORTS = frozenset({"import_statement", "import_from_statement", "future_import_statement"})
"""Node types of import statements."""

_DIGITS = re.compile(r"(\d+)")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Name:
    """One imported name or module."""

    name: str
    alias: str = ""

    @property
    def local(self) -> str:
        """The name that the import binds."""
        return self.alias or self.name.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.name} as {self.alias}" if self.alias else self.name


@dataclass(frozen=True, slots=True)
class Statement:
    """One import statement."""

    module: str
    """The module after `from`; empty for `import a, b`."""
    names: tuple[Name, ...]
    several_lines: bool = False
    """Whether the names are in brackets, one per line, with a comma after the last one."""

    @property
    def straight(self) -> bool:
        """Whether this is `import a` and not `from a import b`."""
        return not self.module

    @property
    def order(self) -> tuple[object, ...]:
        """Key by which the statements of a section are sorted."""
        first = self.names[0]
        if self.straight:
            return (0, 0, natural(first.name), natural(first.alias))
        # `from ..a` comes before `from .a`.
        dots = len(self.module) - len(self.module.lstrip("."))
        return (1, -dots, natural(self.module.lstrip(".")), member_order(first.name), natural(first.alias))

    def section(self, layout: Layout) -> Section:
        """Return the section of the statement."""
        return layout.section(self.module or self.names[0].name)

    def text(self, line_length: int, indent: str = "", line_end: str = "\n") -> str:
        """Return the statement, without indentation of its first line and without a line end."""
        if self.straight:
            return "import " + ", ".join(map(str, self.names))
        start = f"from {self.module} import "
        one_line = start + ", ".join(map(str, self.names))
        if self.names[0].name == "*":
            return one_line
        if len(indent + one_line) <= line_length and not (self.several_lines and not self.names[0].alias):
            return one_line
        unit = "    " if "\t" not in indent else "\t"
        return line_end.join([f"{start}(", *(f"{indent}{unit}{each}," for each in self.names), f"{indent})"])


def natural(text: str) -> tuple[object, ...]:
    """Return a key that sorts digits by value and ignores case, except between texts that are equal otherwise."""
    pieces = _DIGITS.split(text)
    # Digits and other characters alternate, so two keys never compare a number with a text.
    folded = tuple(int(each) if number % 2 else each.lower() for number, each in enumerate(pieces))
    return (folded, text)


def member_order(name: str) -> tuple[object, ...]:
    """Return the key that sorts imported names: constants, then classes, then others."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[:1].isupper() else 2
    return (kind, natural(name))


def read_statement(node: Node, source: Source) -> Statement:
    """Return the value of an import statement."""
    module = node.child_by_field_name("module_name")
    names = tuple(_name(each, source) for each in node.children_by_field_name("name"))
    if any(each.type == "wildcard_import" for each in node.named_children):
        names = (Name("*"),)
    text = "" if module is None else _SPACES.sub("", source.of(module))
    if node.type == "future_import_statement":
        text = "__future__"
    several = b"\n" in source.raw[node.start_byte : node.end_byte] and _ends_with_comma(node)
    return Statement(text, names, several)


def _name(node: Node, source: Source) -> Name:
    if node.type != "aliased_import":
        return Name(_SPACES.sub("", source.of(node)))
    name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
    return Name("" if name is None else _SPACES.sub("", source.of(name)), "" if alias is None else source.of(alias))


def _ends_with_comma(node: Node) -> bool:
    inner = [each.type for each in node.children if each.type != "comment"]
    return inner[-2:] == [",", ")"]


def top_imports(source: Source) -> list[Node]:
    """Return the import statements at the top of a file, before its first function or class."""
    found: list[Node] = []
    for each in source.root.named_children:
        if each.type in {"function_definition", "class_definition", "decorated_definition"}:
            break
        if each.type in IMPORTS:
            found.append(each)
    return found


def is_plain(node: Node, source: Source) -> bool:
    """Return whether a statement is alone on its lines and contains no comment."""
    alone = not source.before(node.start_byte).strip() and not source.after(node.end_byte).strip()
    return alone and not any(each.type == "comment" for each in node.children)


def split(statement: Statement) -> Iterable[Statement]:
    """Yield the statements into which Ruff splits a statement: one per module of `import`, and one per alias."""
    if statement.straight:
        yield from (Statement("", (each,)) for each in statement.names)
        return
    plain = tuple(each for each in statement.names if not each.alias)
    if plain:
        yield Statement(statement.module, plain, statement.several_lines)
    yield from (Statement(statement.module, (each,)) for each in statement.names if each.alias)


def merged(statements: Iterable[Statement]) -> list[Statement]:
    """Return statements without duplicates, with the names of each module in one sorted statement."""
    found: dict[tuple[str, str, str], Statement] = {}
    for each in (part for statement in statements for part in split(statement)):
        first = each.names[0]
        alone = each.straight or first.alias or first.name == "*"
        key = (each.module, str(first) if alone else "", "")
        before = found.get(key)
        names = {*each.names, *(before.names if before else ())}
        found[key] = Statement(
            each.module,
            tuple(sorted(names, key=lambda name: (member_order(name.name), name.alias))),
            each.several_lines or (before is not None and before.several_lines),
        )
    return list(found.values())


def arranged(statements: Sequence[Statement], layout: Layout, indent: str = "", line_end: str = "\n") -> str:
    """Return the text of an import block, sorted and in sections, without a line end after the last line."""
    sections: dict[Section, list[Statement]] = {}
    for each in merged(statements):
        sections.setdefault(each.section(layout), []).append(each)
    texts = []
    for _, group in sorted(sections.items()):
        lines = [each.text(layout.line_length, indent, line_end) for each in sorted(group, key=lambda one: one.order)]
        texts.append(f"{line_end}{indent}".join(lines))
    return f"{line_end}{line_end}{indent}".join(texts)
