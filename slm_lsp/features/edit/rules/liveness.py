"""Find the variables of a Python function that have a value before some statements, or are read after them."""

from collections.abc import Iterator, Sequence

from tree_sitter import Node

from slm_lsp.features.edit.rules.flow import (
    FUNCTIONS,
    NONE,
    Names,
    block,
    flow,
    own_nodes,
    parameters,
    reads,
    writes,
)
from slm_lsp.features.edit.rules.kinds import PYTHON
from slm_lsp.features.edit.rules.source import Source, around

_LATER = FUNCTIONS | {"generator_expression"}
"""Nodes whose code may run later than the statement that contains them."""


def local_names(function: Node, source: Source) -> Names:
    """Return the local variables and the parameters of a function."""
    body = function.child_by_field_name("body")
    bound = parameters(function, source) | (NONE if body is None else writes(body, source))
    declared = {
        source.of(name)
        for each in own_nodes(body or function)
        if each.type in {"global_statement", "nonlocal_statement"}
        for name in each.named_children
    }
    return bound - declared


def _path(function: Node, node: Node) -> Iterator[tuple[Node, Node]]:
    """Yield each block between a function and a node, with the block's statement that contains the node, inside out."""
    child, parent = node, node.parent
    while parent is not None and parent != function:
        if parent.type == "block":
            yield parent, child
        child, parent = parent, parent.parent


def assigned_before(function: Node, statement: Node, source: Source) -> Names:
    """Return the names that certainly have a value before a statement of a function."""
    now = parameters(function, source)
    for inside, child in reversed(list(_path(function, statement))):
        owner = inside.parent
        if owner is not None and owner != function:
            now |= _heads(owner, source)
        siblings = [each for each in block(inside) if each.end_byte <= child.start_byte]
        step = flow(siblings, now, source)
        now = now if step.assigned is None else step.assigned
    return now


def _heads(owner: Node, source: Source) -> Names:
    """Return the names that the first line of a statement or clause assigns before its block runs."""
    if owner.type == "for_statement":
        target = owner.child_by_field_name("left")
        return NONE if target is None else writes(target, source)
    if owner.type in {"with_statement", "except_clause", "except_group_clause"}:
        return NONE.union(*(writes(each, source) for each in owner.named_children if each.type != "block"))
    return NONE


def read_after(function: Node, statements: Sequence[Node], source: Source) -> Names:
    """Return the names that may be read after some consecutive statements of a function, before they are assigned."""
    last = statements[-1]
    live: Names = NONE
    now: Names = NONE
    for inside, child in _path(function, last):
        siblings = [each for each in block(inside) if each.start_byte >= child.end_byte]
        step = flow(siblings, now, source)
        live |= step.exposed
        owner = inside.parent
        if step.assigned is None and _leaves(siblings) and not in_try(inside, function):
            return live
        now = step.assigned or NONE
        if owner is None or owner == function:
            return live
        live, now = _around(owner, inside, live, now, source)
    return live


def _leaves(siblings: Sequence[Node]) -> bool:
    """Return whether the last statement leaves the function."""
    return bool(siblings) and siblings[-1].type in {"return_statement", "raise_statement"}


def in_try(inside: Node, function: Node) -> bool:
    """Return whether a node is in a `try` statement of a function."""
    for each in around(inside):
        if each == function:
            return False
        if each.type == "try_statement":
            return True
    return False


def _around(owner: Node, inside: Node, live: Names, now: Names, source: Source) -> tuple[Names, Names]:
    """Add what the statement around a block reads after the block: the next iteration, or handlers and `finally`."""
    statement = owner if owner.type.endswith("_statement") else owner.parent
    if statement is None:
        return live, now
    if statement.type in PYTHON.loops:
        # `break` and `continue` may skip assignments, so no assignment in the loop counts.
        target = statement.child_by_field_name("left")
        bound = NONE if target is None else writes(target, source)
        body = flow(block(statement.child_by_field_name("body")), bound, source)
        head = statement.child_by_field_name("condition")
        rest = flow(block(statement.child_by_field_name("alternative")), NONE, source)
        return live | body.exposed | rest.exposed | (NONE if head is None else reads(head, source)), NONE
    if statement.type == "try_statement":
        others = [each for each in statement.named_children if inside.start_byte < each.start_byte]
        return live.union(*(reads(each, source) for each in others)), NONE
    return live, now


def closures(function: Node, statements: Sequence[Node], source: Source) -> str | None:
    """Return why inner functions that share variables with some statements prevent moving them; None if they do not."""
    first, last = statements[0].start_byte, statements[-1].end_byte
    body = function.child_by_field_name("body")
    bound = NONE.union(*(writes(each, source) for each in statements))
    if body is None:
        return None
    in_loop = any(each.type in PYTHON.loops for each in around(statements[0]) if function.start_byte < each.start_byte)
    outside_writes = _written_outside(body, first, last, in_loop=in_loop, source=source)
    for each in own_nodes(body):
        if each.type not in _LATER:
            continue
        used = reads(each, source)
        inside = first <= each.start_byte < last
        if inside and used & outside_writes:
            return f"An inner function in them uses `{min(used & outside_writes)}`, which is assigned later."
        before = each.start_byte < first or in_loop
        if not inside and before and each.type != "generator_expression" and used & bound:
            return f"An inner function uses `{min(used & bound)}`, which they assign."
    return None


def _written_outside(body: Node, first: int, last: int, *, in_loop: bool, source: Source) -> Names:
    """Return the names that a function assigns after a range of bytes; in a loop, also before it."""
    found: Names = NONE
    pending = [body]
    while pending:
        node = pending.pop()
        overlaps = node.start_byte < last and first < node.end_byte
        if overlaps and not (first <= node.start_byte and node.end_byte <= last):
            pending.extend(node.named_children)
            continue
        if not overlaps and (in_loop or node.start_byte >= last):
            found |= writes(node, source)
    return found
