"""How statements of JavaScript and TypeScript use the variables of the functions around them."""

from dataclasses import dataclass

from tree_sitter import Node

from slm_lsp.features.edit.rules.bindings import binder_of, is_use, is_variable
from slm_lsp.features.edit.rules.kinds import SCRIPT
from slm_lsp.features.edit.rules.source import Source, around, is_field, walk
from slm_lsp.features.edit.rules.statements import Run


@dataclass(frozen=True, slots=True)
class Names:
    """How some statements use the variables of the functions around them."""

    declared: tuple[str, ...]
    """Variables that the statements declare and that are used after them."""
    assigned: tuple[str, ...]
    """Variables that the statements assign and that are declared before them."""
    inputs: tuple[str, ...]
    """Variables of the functions around the statements that the statements use."""


def names_of(source: Source, run: Run) -> Names | str:
    """Return how the statements use variables, or why this is not certain."""
    scope = run.functions[-1] if run.functions else source.root
    inside = [each for node in run.nodes for each in walk(node) if is_variable(each, SCRIPT)]
    bound = {source.of(each): binder_of(each) for each in inside if binder_of(each) is not None}
    name = scope.child_by_field_name("name")
    everywhere = [each for each in walk(scope) if is_variable(each, SCRIPT) and each != name]
    outside = [each for each in everywhere if not run.start <= each.start_byte < run.end]
    bound_outside = {source.of(each) for each in outside if _is_declaration(each)}
    own = {source.of(each) for each in inside if _is_declaration(each)}
    declared_here = {source.of(each) for each in inside if _is_declaration(each) and _visible_after(each, run)}
    if own & bound_outside:
        return f"`{min(own & bound_outside)}` is also declared outside."
    loop = next((each for each in reversed(list(around(run.nodes[0]))) if each.type in SCRIPT.loops), None)
    later = {
        source.of(each)
        for each in outside
        if each.start_byte >= run.end or (loop is not None and loop.start_byte <= each.start_byte)
    }
    assigned = {name for name in bound if name not in own and name in bound_outside}
    inputs = {source.of(each) for each in inside if is_use(each, SCRIPT)} & bound_outside
    in_loop = loop is not None and loop.start_byte >= scope.start_byte
    live = {each for each in assigned if each in later or in_loop}
    early = {source.of(each) for each in outside if each.start_byte < run.start}
    if declared_here & early:
        return f"`{min(declared_here & early)}` is used before its declaration."
    late = inputs - {source.of(each) for each in outside if _is_declaration(each) and _is_early(each, run)}
    if run.functions and late:
        return f"`{min(late)}` is declared after them."
    problem = _shared(source, run, outside, assigned | {each for each in inputs if _is_assigned(each, outside, source)})
    if problem is not None:
        return problem
    if not run.functions and (assigned or declared_here & later):
        return "They assign variables at the top level."
    if declared_here & later and live:
        return "They declare variables and assign others that are used later."
    if not run.functions:
        # The new function is at the top level too, and sees the same variables.
        inputs = set()
    order = list(dict.fromkeys(source.of(each) for each in inside))
    return Names(
        tuple(sorted(declared_here & later, key=order.index)),
        tuple(sorted(live, key=order.index)),
        tuple(sorted(inputs | live, key=order.index)),
    )


def _is_declaration(node: Node) -> bool:
    """Return whether an identifier is declared, and not only assigned."""
    binder = binder_of(node)
    if binder is None:
        return False
    if binder.type == "for_in_statement":
        return binder.child_by_field_name("kind") is not None
    return binder.type not in {"assignment_expression", "augmented_assignment_expression", "update_expression"}


def _is_early(node: Node, run: Run) -> bool:
    """Return whether a declared name has its value before the statements. Functions have it everywhere."""
    return node.start_byte < run.start or (node.parent is not None and node.parent.type == "function_declaration")


def _visible_after(node: Node, run: Run) -> bool:
    """Return whether a declaration inside the statements can be used after them."""
    for each in around(node):
        if each in run.nodes:
            break
        if each.type in SCRIPT.functions and not is_field(node, "name"):
            return False
    binder = binder_of(node)
    if binder is None:
        return False
    statement = next(
        (each for each in (binder, *around(binder)) if each.type.endswith(("declaration", "statement"))), None
    )
    return statement is not None and (statement in run.nodes or statement.type == "variable_declaration")


def _is_assigned(name: str, nodes: list[Node], source: Source) -> bool:
    """Return whether a variable is assigned after its declaration."""
    return any(source.of(each) == name and binder_of(each) is not None and not _is_declaration(each) for each in nodes)


def _shared(source: Source, run: Run, outside: list[Node], changing: set[str]) -> str | None:
    """Return why functions that share changing variables with the statements prevent moving them."""
    home = run.functions[0] if run.functions else None
    for each in outside:
        inner = next((one for one in around(each) if one.type in SCRIPT.functions), None)
        if source.of(each) in changing and inner is not None and inner not in run.functions:
            return f"Another function uses `{source.of(each)}`, which is assigned."
        if source.of(each) in changing and _is_declaration(each) and inner != home and inner in run.functions:
            return f"`{source.of(each)}` is a variable of a function around the function."
    for node in run.nodes:
        for each in walk(node):
            inner = next((one for one in around(each) if one.type in SCRIPT.functions), None)
            if is_variable(each, SCRIPT) and source.of(each) in changing and inner != home:
                return f"A function in them uses `{source.of(each)}`, which is assigned."
    return None
