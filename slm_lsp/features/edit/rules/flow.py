"""Data flow of Python statements: which variables they read before they assign them, and which they always assign.

All functions look at the variables of one function. Inner functions count as reads of the variables that they use.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from slm_lsp.features.edit.rules.bindings import binder_of, is_use, is_variable
from slm_lsp.features.edit.rules.kinds import PYTHON
from slm_lsp.features.edit.rules.source import Source, walk

COMPREHENSIONS = frozenset(
    {"list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression"}
)
FUNCTIONS = frozenset({"function_definition", "lambda"})

Names = frozenset[str]
NONE: Names = frozenset()


@dataclass(frozen=True, slots=True)
class Flow:
    """The data flow of some statements."""

    exposed: Names
    """Names that are read at a place where the statements have not certainly assigned them before."""
    assigned: Names | None
    """Names that certainly have a value after the statements; None if their end is never reached."""


def own_nodes(node: Node) -> Iterable[Node]:
    """Yield the nodes that belong to the same function as a node: not the bodies of inner functions and classes."""
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        children = each.named_children
        if each.type in FUNCTIONS or each.type == "class_definition":
            body = each.child_by_field_name("body")
            children = [one for one in children if one != body]
        pending.extend(reversed(children))


def parameters(function: Node, source: Source) -> Names:
    """Return the names of the parameters of a function or lambda."""
    found = function.child_by_field_name("parameters")
    if found is None:
        return NONE
    return frozenset(
        source.of(each) for each in walk(found) if is_variable(each, PYTHON) and binder_of(each) is not None
    )


def writes(node: Node, source: Source) -> Names:
    """Return the names that a node binds in its function. Variables of comprehensions do not count."""
    found: set[str] = set()
    pending = [node]
    while pending:
        each = pending.pop()
        if each.type in COMPREHENSIONS:
            walrus = (one.child_by_field_name("name") for one in walk(each) if one.type == "named_expression")
            found.update(source.of(one) for one in walrus if one is not None)
            continue
        if each.type == "lambda":
            continue
        if each.type in {"function_definition", "class_definition"}:
            name = each.child_by_field_name("name")
            found.update(() if name is None else (source.of(name),))
            continue
        if each.type in {"global_statement", "nonlocal_statement"}:
            continue
        if is_variable(each, PYTHON) and (binder := binder_of(each)) is not None and not _is_declared_only(binder):
            found.add(source.of(each))
        pending.extend(each.named_children)
    return frozenset(found)


def _is_declared_only(binder: Node) -> bool:
    """Return whether a binding is an annotation without a value."""
    return binder.type == "assignment" and binder.child_by_field_name("right") is None


def reads(node: Node, source: Source) -> Names:
    """Return the names of outer variables that a node may read, also later, in inner functions."""
    kind = node.type
    if kind in COMPREHENSIONS:
        return _reads_of_comprehension(node, source)
    if kind in FUNCTIONS:
        body = node.child_by_field_name("body")
        own = parameters(node, source)
        if body is None:
            return NONE
        inner = reads(body, source) - own - (writes(body, source) if kind == "function_definition" else NONE)
        outside = [each for each in node.named_children if each != body]
        return inner.union(*(reads(each, source) for each in outside))
    if is_variable(node, PYTHON):
        return frozenset({source.of(node)}) if is_use(node, PYTHON) else NONE
    return NONE.union(*(reads(each, source) for each in node.named_children))


def _reads_of_comprehension(node: Node, source: Source) -> Names:
    clauses = [each for each in node.named_children if each.type == "for_in_clause"]
    first = clauses[0].child_by_field_name("right") if clauses else None
    own = frozenset(
        source.of(one)
        for clause in clauses
        for one in walk(clause)
        if is_variable(one, PYTHON) and (binder := binder_of(one)) is not None and binder.type == "for_in_clause"
    )
    inner = NONE.union(*(reads(each, source) for each in node.named_children)) - own
    return inner if first is None else inner | reads(first, source)


def flow(statements: Sequence[Node], assigned: Names, source: Source) -> Flow:
    """Return the data flow of consecutive statements.

    Args:
        statements: the statements.
        assigned: names that certainly have a value before them.
        source: the text.
    """
    exposed: Names = NONE
    now: Names | None = assigned
    for each in statements:
        if now is None:
            break
        step = _statement(each, now, source)
        exposed, now = exposed | step.exposed, step.assigned
    return Flow(exposed, now)


def block(node: Node | None) -> list[Node]:
    """Return the statements of a block or of a clause that contains one."""
    if node is None:
        return []
    if node.type != "block":
        node = next((each for each in node.named_children if each.type == "block"), node)
    return [each for each in node.named_children if each.type != "comment"] if node.type == "block" else []


def _statement(node: Node, assigned: Names, source: Source) -> Flow:
    kind = node.type
    if kind == "if_statement":
        return _if(node, assigned, source)
    if kind in {"for_statement", "while_statement"}:
        return _loop(node, assigned, source)
    if kind == "try_statement":
        return _try(node, assigned, source)
    if kind == "with_statement":
        head = [each for each in node.named_children if each.type != "block"]
        start = _simple(head, assigned, source)
        body = flow(block(node.child_by_field_name("body")), start.assigned or assigned, source)
        return Flow(start.exposed | body.exposed, body.assigned)
    step = _simple([node], assigned, source)
    ends = kind in {"return_statement", "raise_statement", "break_statement", "continue_statement"}
    return Flow(step.exposed, None) if ends else step


def _simple(nodes: Sequence[Node], assigned: Names, source: Source) -> Flow:
    """Return the flow of nodes that read first and then assign."""
    read = NONE.union(*(reads(each, source) for each in nodes))
    walrus = {
        source.of(name)
        for each in nodes
        for one in own_nodes(each)
        if one.type == "named_expression" and (name := one.child_by_field_name("name")) is not None
    }
    bound = NONE.union(*(writes(each, source) for each in nodes)) - walrus
    deleted = {source.of(one) for each in nodes if each.type == "delete_statement" for one in walk(each)}
    return Flow(read - assigned, (assigned | bound) - deleted)


def _if(node: Node, assigned: Names, source: Source) -> Flow:
    condition = node.child_by_field_name("condition")
    exposed = NONE if condition is None else reads(condition, source) - assigned
    branches = [node.child_by_field_name("consequence"), *node.children_by_field_name("alternative")]
    results: list[Names | None] = []
    for each in branches:
        inner = None if each is None or each.type != "elif_clause" else each.child_by_field_name("condition")
        exposed |= NONE if inner is None else reads(inner, source) - assigned
        step = flow(block(each), assigned, source)
        exposed |= step.exposed
        results.append(step.assigned)
    if not any(each is not None and each.type == "else_clause" for each in branches):
        results.append(assigned)
    return Flow(exposed, _common(results))


def _loop(node: Node, assigned: Names, source: Source) -> Flow:
    head = node.child_by_field_name("right") or node.child_by_field_name("condition")
    target = node.child_by_field_name("left")
    exposed = NONE if head is None else reads(head, source) - assigned
    bound = NONE if target is None else writes(target, source)
    exposed |= NONE if target is None else reads(target, source) - assigned
    body = flow(block(node.child_by_field_name("body")), assigned | bound, source)
    after = flow(block(node.child_by_field_name("alternative")), assigned, source)
    return Flow(exposed | body.exposed | after.exposed, assigned)


def _try(node: Node, assigned: Names, source: Source) -> Flow:
    body = flow(block(node.child_by_field_name("body")), assigned, source)
    exposed, results = body.exposed, [body.assigned]
    always: Names = NONE
    for each in node.named_children:
        if each.type in {"except_clause", "except_group_clause"}:
            head = [one for one in each.named_children if one.type != "block"]
            start = _simple(head, assigned, source)
            step = flow(block(each), start.assigned or assigned, source)
            exposed |= start.exposed | step.exposed
            results.append(step.assigned)
        elif each.type == "else_clause" and body.assigned is not None:
            step = flow(block(each), body.assigned, source)
            exposed |= step.exposed
            results[0] = step.assigned
        elif each.type == "finally_clause":
            step = flow(block(each), assigned, source)
            exposed |= step.exposed
            always = step.assigned or NONE
    common = _common(results)
    return Flow(exposed, None if common is None else common | always)


def _common(results: Sequence[Names | None]) -> Names | None:
    """Return the names that have a value on all paths that reach the end; None if no path does."""
    reached = [each for each in results if each is not None]
    return frozenset.intersection(*reached) if reached else None
