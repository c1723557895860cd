"""Inline a variable: put its value in place of each use, and remove the declaration."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from slm_lsp.features.edit.rules.bindings import binder_of, is_use, is_variable, occurrences
from slm_lsp.features.edit.rules.effects import Effect, Moved, effect_of, is_shared, kinds_of, moved, obstacle
from slm_lsp.features.edit.rules.extract_variable import statement_of
from slm_lsp.features.edit.rules.inline_text import bare, replaced, unwritable
from slm_lsp.features.edit.rules.inline_types import lost_type
from slm_lsp.features.edit.rules.kinds import Kinds
from slm_lsp.features.edit.rules.source import Refused, Source, around, walk
from slm_lsp.features.edit.rules.stability import change_between, is_changed


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that can be inlined."""

    name: str
    declaration: Node
    """The statement that declares it."""
    value: Node
    scope: Node
    uses: tuple[Node, ...]


def inline_variable(source: Source, offset: int) -> str | Refused:
    """Return the text with a variable inlined.

    Args:
        source: the text.
        offset: place of the variable's name, at its declaration or at a use, in characters.
    """
    found = variable_at(source, offset)
    if isinstance(found, Refused):
        return found
    value = bare(found.value)
    edits = [replaced(each, value, source) for each in found.uses]
    start, stop = source.line_start(found.declaration.start_byte), source.line_stop(found.declaration.end_byte)
    comment = source.after(found.declaration.end_byte).strip()
    kept = source.before(found.declaration.start_byte) + comment + source.line_end if comment else ""
    return source.replaced([(start, stop, kept), *edits])


def variable_at(source: Source, offset: int) -> Variable | Refused:
    """Return the variable at a place, or why it cannot be inlined."""
    kinds = kinds_of(source)
    if kinds is None:
        return Refused("slm-lsp has no rules for this language.")
    if source.root.has_error:
        return Refused("The file has syntax errors.")
    node = _name_at(source, offset, kinds)
    if node is None:
        return Refused("Put the cursor on the name of a variable.")
    name = source.of(node)
    scopes = [each for each in around(node) if each.type in kinds.functions]
    scope = next((each for each in scopes if _binds(each, name, source, kinds)), None)
    if scope is None:
        return Refused(f"`{name}` is not a local variable, so other files may use it.")
    found = _declared(name, scope, source, kinds)
    if isinstance(found, Refused):
        return found
    reason = (
        _unsafe_use(found, source, kinds)
        or lost_type(found.declaration, found.value, scope, source)
        or _unstable(found, source, kinds)
        or next((text for each in found.uses if (text := unwritable(each, found.value, source))), None)
    )
    return Refused(f"`{name}` cannot be inlined. {reason}") if reason else found


def _binds(scope: Node, name: str, source: Source, kinds: Kinds) -> bool:
    return any(binder_of(each) is not None for each in occurrences(scope, name, source, kinds))


def _name_at(source: Source, offset: int, kinds: Kinds) -> Node | None:
    byte = source.byte(offset)
    for at in (byte, byte - 1):
        if at >= 0:
            node = source.root.named_descendant_for_byte_range(at, at + 1)
            if node is not None and is_variable(node, kinds) and node.start_byte <= byte <= node.end_byte:
                return node
    return None


def _declared(name: str, scope: Node, source: Source, kinds: Kinds) -> Variable | Refused:
    """Return a variable with its only declaration."""
    found = list(occurrences(scope, name, source, kinds))
    bound = [each for each in found if binder_of(each) is not None or not is_use(each, kinds)]
    if len(bound) != 1:
        return Refused(
            f"`{name}` is assigned {len(bound)} times in the function." if bound else f"`{name}` is not local."
        )
    declared = _assignment(bound[0], kinds, source)
    if declared is None:
        return Refused(f"`{name}` is not declared by a statement that only assigns it.")
    statement, value = declared
    uses = tuple(each for each in found if each != bound[0])
    if not uses:
        return Refused(f"`{name}` is never used.")
    if re.search(r"\b(?:locals|vars|eval|exec)\s*\(", source.of(scope)):
        return Refused("The function can access its variables by their names as text.")
    return Variable(name, statement, value, scope, uses)


def _assignment(node: Node, kinds: Kinds, source: Source) -> tuple[Node, Node] | None:
    """Return the statement that declares a variable, and the value; None if the statement does anything else."""
    binder = binder_of(node)
    statement = statement_of(node, kinds)
    if binder is None or statement is None:
        return None
    value = binder.child_by_field_name("right") or binder.child_by_field_name("value")
    if value is not None and value.type == "expression_list" and source.language.name == "go":
        value = value.named_children[0] if value.named_child_count == 1 else None
    kind = statement.type
    single = {
        "assignment": True,
        "lexical_declaration": statement.named_child_count == 1,
        "variable_declaration": statement.named_child_count == 1,
        "local_variable_declaration": len(statement.children_by_field_name("declarator")) == 1,
        "short_var_declaration": True,
    }
    target = binder.child_by_field_name("left") or binder.child_by_field_name("name")
    if (
        value is None
        or target is None
        or not single.get(kind)
        or value.type in {"assignment", "yield", "array_initializer"}
    ):
        return None
    whole = target == node or (target.type == "expression_list" and target.named_child_count == 1)
    alone = not source.before(statement.start_byte).strip() and not source.after(statement.end_byte).strip().startswith(
        ";"
    )
    comment = source.after(statement.end_byte).strip()
    direct = binder in (statement, *statement.named_children)
    return (statement, value) if whole and alone and direct and comment[:1] in {"", "#", "/"} else None


def _unsafe_use(found: Variable, source: Source, kinds: Kinds) -> str | None:
    """Return why a use does not always have the value of the declaration."""
    block = found.declaration.parent
    constant = effect_of(found.value, source, kinds) is Effect.CONSTANT
    for each in found.uses:
        if block is None or each.start_byte < found.declaration.end_byte or each.end_byte > block.end_byte:
            return "A use is outside the block of the declaration, where it may have no value."
        for outer in around(each):
            if outer == found.scope:
                break
            if outer.type in kinds.functions | {"lambda"} and not constant:
                return "A function inside the function uses it, perhaps later."
            if outer.type in {"class_definition", "class_body"}:
                return "A class inside the function uses it."
    return None


def _unstable(found: Variable, source: Source, kinds: Kinds) -> str | None:
    """Return why the value may be different at a use."""
    expression = moved(found.value, source, kinds)
    if expression.effect is Effect.CONSTANT:
        return None
    if expression.effect is Effect.ASSIGNS:
        return "Its value assigns a variable."
    creates = any(each.type in kinds.mutable for each in walk(bare(found.value)))
    if expression.effect > Effect.NAMES or creates:
        return _unmovable(found, source, kinds, expression)
    alias = bare(found.value).type in kinds.names
    shared = next((each for each in sorted(expression.names) if is_shared(each, source)), None)
    if shared is not None:
        return f"Another function may assign `{shared}`."
    if not alias and (problem := _changed(found, source)) is not None:
        return problem
    captured = _captured(found, source, expression)
    last = max(max((each.end_byte for each in _loops(use, found, kinds)), default=use.end_byte) for use in found.uses)
    span = (found.declaration.end_byte, last)
    return captured or change_between(found.scope, span, expression.names, source, kinds, only_bound=alias)


def _unmovable(found: Variable, source: Source, kinds: Kinds, expression: Moved) -> str | None:
    """Return why a value that is not only made of names cannot be moved to the use of the variable."""
    if len(found.uses) > 1:
        return "Its value would be computed several times."
    use = found.uses[0]
    following = found.declaration.next_named_sibling
    while following is not None and following.type in {"comment", "line_comment", "block_comment"}:
        following = following.next_named_sibling
    if following is None or not following.start_byte <= use.start_byte < following.end_byte:
        return "Other statements run between its declaration and its use, so its value may differ."
    statement = statement_of(use, kinds)
    if statement != following:
        return "Other statements run between its declaration and its use, so its value may differ."
    return obstacle(use, following, source, kinds, expression) or _captured(found, source, expression)


def _captured(found: Variable, source: Source, expression: Moved) -> str | None:
    """Return why a name of the value is another variable at a use, inside a comprehension."""
    for use in found.uses:
        for outer in around(use):
            if outer == found.scope:
                break
            if outer.type.endswith("comprehension") or outer.type == "generator_expression":
                targets = [each for each in walk(outer) if each.type == "identifier" and binder_of(each) is not None]
                names = {source.of(each) for each in targets} & expression.names
                if names:
                    return f"`{min(names)}` is another variable at a use."
    return None


def _changed(found: Variable, source: Source) -> str | None:
    """Return why each use needs the same object: the object is changed, or may be, through the variable."""
    several = len(found.uses) > 1
    changed = next((each for each in found.uses if is_changed(each, source)), None)
    if several and changed is not None:
        return f"Its object may be changed in line {source.line(changed.start_byte)}."
    return None


def _loops(use: Node, found: Variable, kinds: Kinds) -> Iterator[Node]:
    """Yield the loops between the declaration's block and a use."""
    for outer in around(use):
        if outer == found.declaration.parent:
            return
        if outer.type in kinds.loops:
            yield outer
