"""Extract Python statements to a function, where the data flow is certain."""

from collections.abc import Iterable
from dataclasses import dataclass

from tree_sitter import Node

from slm_lsp.features.edit.rules.bindings import is_use
from slm_lsp.features.edit.rules.flow import NONE, Names, flow, own_nodes, writes
from slm_lsp.features.edit.rules.kinds import PYTHON
from slm_lsp.features.edit.rules.liveness import assigned_before, closures, in_try, local_names, read_after
from slm_lsp.features.edit.rules.naming import check_name, free_name
from slm_lsp.features.edit.rules.python_imports import IMPORTS
from slm_lsp.features.edit.rules.source import Refused, Source, around, walk
from slm_lsp.features.edit.rules.statements import (
    Run,
    indent_unit,
    reindented,
    top_statement,
    with_comments_above,
)

MAX_RESULTS = 4
"""Maximum number of variables that a new function returns."""

_INTROSPECTION = frozenset({"eval", "exec", "locals", "vars", "dir", "__class__", "super"})
"""Names whose meaning depends on the function in which they are used."""


_CLASS_METHODS = frozenset({"__class_getitem__", "__init_subclass__", "__new__"})
"""Methods that get the class as their first argument without a decorator."""

_RECEIVERS = frozenset({"self", "cls", "mcs", "mcls", "metacls"})
"""Usual names of the first parameter of a method. If the first parameter of a function in a
class has another name, it may be any object."""

_SCOPED = frozenset({"for_statement", "try_statement", "while_statement", "with_statement"})


@dataclass(frozen=True, slots=True)
class Plan:
    """The new function."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    returns: bool
    """Whether the statements end with `return` on all paths."""
    is_async: bool
    owner: Node | None = None
    """The method of the same class after which the function is inserted; None for a function at the top level."""
    receiver: str = ""
    """First parameter of the method; empty for a function at the top level."""


def extract(source: Source, run: Run, name: str) -> str | Refused:
    """Return the text with the statements in a new function, or why they cannot be moved."""
    name = name or free_name(["extracted"], source.root, source)
    if (problem := check_name(name, source.root, source)) is not None:
        return problem
    found = plan(source, run)
    if isinstance(found, Refused):
        return found
    call = f"{found.receiver}.{name}" if found.receiver else name
    call = f"{call}({', '.join(found.inputs)})"
    call = f"await {call}" if found.is_async else call
    if found.returns:
        call = f"return {call}"
    elif found.outputs:
        call = f"{', '.join(found.outputs)} = {call}"
    at, definition = _definition(source, run, found, name)
    line = source.before(run.nodes[0].start_byte) + call + source.line_end
    return source.replaced([(at, at, definition), (run.start, run.end, line)])


def plan(source: Source, run: Run) -> Plan | Refused:
    """Return the function for some statements, or why they cannot be moved."""
    function = run.functions[0] if run.functions else None
    reason = _refusal(source, run, function)
    if reason is not None:
        return Refused(f"The statements cannot be extracted. {reason}")
    try:
        return _plan(source, run, function)
    except _UnclearError as error:
        return Refused(f"The statements cannot be extracted. {error}")


class _UnclearError(Exception):
    """The data flow is not certain. The text is one sentence for the user."""


def _plan(source: Source, run: Run, function: Node | None) -> Plan:
    before = NONE if function is None else assigned_before(function, run.nodes[0], source)
    step = flow(run.nodes, NONE, source)
    bound = NONE.union(*(writes(each, source) for each in run.nodes))
    later = NONE if function is None else read_after(function, run.nodes, source)
    ends = step.assigned is None
    outputs = NONE if ends and function is not None and not in_try(run.nodes[0], function) else bound & later
    if function is None and bound:
        raise _UnclearError(f"They assign `{min(bound)}` at the top level, where other files may use it.")
    returns = any(each.type == "return_statement" for node in run.nodes for each in own_nodes(node))
    if returns and not ends:
        raise _UnclearError("They return on some paths only.")
    if ends and outputs:
        raise _UnclearError(f"They always return or raise an exception, but `{min(outputs)}` is used later.")
    local = NONE if function is None else local_names(function, source)
    outer = NONE.union(*(local_names(each, source) for each in run.functions[1:])) - local
    inputs = {each for each in step.exposed if each in outer or _is_input(each, local, before, bound)}
    for each in outputs - (step.assigned or NONE):
        if each not in before:
            raise _UnclearError(f"`{each}` may have no value after them.")
        inputs.add(each)
    if len(outputs) > MAX_RESULTS:
        raise _UnclearError(f"They assign {len(outputs)} variables that are used later.")
    order = _in_order(run, source)
    owner, receiver = _method(run, source, function, inputs)
    return Plan(
        inputs=tuple(sorted(inputs - {receiver}, key=order.index)),
        outputs=tuple(sorted(outputs, key=order.index)),
        returns=returns,
        is_async=any(_is_async(each) for node in run.nodes for each in own_nodes(node)),
        owner=owner,
        receiver=receiver,
    )


def _is_input(name: str, local: Names, before: Names, bound: Names) -> bool:
    """Return whether the value of a name that the statements read must be passed to the function."""
    if name not in local:
        return False
    if name in before:
        return True
    if name in bound:
        # The statements themselves assign it on the paths on which they read it.
        raise _UnclearError(f"`{name}` may have a value from an earlier iteration or path.")
    raise _UnclearError(f"`{name}` may have no value before them.")


def _refusal(source: Source, run: Run, function: Node | None) -> str | None:
    """Return why statements of this kind cannot be moved."""
    parent = run.block
    owner = None if parent is None else parent.parent
    if owner is not None and owner.type == "class_definition":
        return "They define members of a class."
    if any(each.type == "match_statement" for each in walk(function or source.root)):
        return "The rules do not analyze `match`."
    if function is None and any(each.type in _SCOPED for each in around(run.nodes[0])):
        return "They are in a loop, a `with` or a `try` at the top level."
    own = (each for node in run.nodes for each in own_nodes(node))
    reason = next((text for each in own if (text := _fixed(each, source, run)) is not None), None)
    if reason is not None:
        return reason
    identifiers = [each for node in run.nodes for each in walk(node) if each.type == "identifier"]
    names = {source.of(each) for each in identifiers}
    special = {source.of(each) for each in identifiers if is_use(each, PYTHON)} & _INTROSPECTION
    if special:
        return f"The meaning of `{min(special)}` depends on the function."
    if any(each.startswith("__") and not each.endswith("__") for each in names):
        return "They use a private name of a class."
    bound = NONE.union(*(writes(each, source) for each in run.nodes))
    declared = _declared_elsewhere(run.functions, source)
    if bound & declared:
        return f"`{min(bound & declared)}` is a variable outside the function."
    return None if function is None else closures(function, run.nodes, source)


def _fixed(node: Node, source: Source, run: Run) -> str | None:
    """Return why a node cannot be moved to another function."""
    if node.type == "yield":
        return "They contain `yield`."
    if node.type in {"global_statement", "nonlocal_statement", "delete_statement"}:
        return f"They contain `{source.of(node).split()[0]}`."
    if node.type in {"break_statement", "continue_statement"} and not _loop_inside(node, run):
        return f"They contain `{source.of(node)}` of a loop around them."
    if node.type in IMPORTS and not run.functions:
        return "They import modules at the top level."
    if node.type == "assignment" and node.child_by_field_name("right") is None:
        return "They declare a variable without a value."
    if node.type == "raise_statement" and not node.named_child_count and not _handler_inside(node, run):
        return "They contain a `raise` that belongs to an exception handler around them."
    return None


def _loop_inside(node: Node, run: Run) -> bool:
    """Return whether the loop that a `break` or `continue` belongs to is one of the statements or inside them."""
    first, last = run.nodes[0].start_byte, run.nodes[-1].end_byte
    loop = next((each for each in around(node) if each.type in PYTHON.loops), None)
    return loop is not None and first <= loop.start_byte and loop.end_byte <= last


def _handler_inside(node: Node, run: Run) -> bool:
    """Return whether the exception handler around a `raise` is inside the statements."""
    handler = next((each for each in around(node) if each.type in {"except_clause", "except_group_clause"}), None)
    return handler is not None and run.nodes[0].start_byte <= handler.start_byte


def _declared_elsewhere(functions: Iterable[Node], source: Source) -> Names:
    """Return the names that functions declare as global or nonlocal."""
    kinds = {"global_statement", "nonlocal_statement"}
    found = (each for function in functions for each in walk(function) if each.type in kinds)
    return frozenset(source.of(name) for each in found for name in each.named_children)


def _is_async(node: Node) -> bool:
    keyword = node.type in {"for_statement", "with_statement", "for_in_clause"} and node.children[0].type == "async"
    return node.type == "await" or keyword


def _in_order(run: Run, source: Source) -> list[str]:
    """Return all names in the statements, in the order in which they appear."""
    names = (source.of(each) for node in run.nodes for each in walk(node) if each.type == "identifier")
    return list(dict.fromkeys(names))


def _method(run: Run, source: Source, function: Node | None, inputs: set[str]) -> tuple[Node | None, str]:
    """Return the method after which the function is inserted and its first parameter, if the statements use it."""
    if function is None or len(run.functions) > 1:
        return None, ""
    outer = function.parent
    decorated = outer if outer is not None and outer.type == "decorated_definition" else function
    body = decorated.parent
    if body is None or body.parent is None or body.parent.type != "class_definition":
        return None, ""
    parameters = function.child_by_field_name("parameters")
    first = parameters.named_children[0] if parameters is not None and parameters.named_child_count else None
    if (
        first is None
        or first.type != "identifier"
        or source.of(first) not in inputs & _RECEIVERS
        or "staticmethod" in _head(decorated, source)
    ):
        return None, ""
    receiver = source.of(first)
    used = (
        each for node in run.nodes for each in walk(node) if each.type == "identifier" and source.of(each) == receiver
    )
    if any(not is_use(each, PYTHON) for each in used):
        return None, ""
    return decorated, receiver


def _head(decorated: Node, source: Source) -> str:
    """Return the text of a function's decorators."""
    return " ".join(source.of(each) for each in decorated.named_children if each.type == "decorator")


def _definition(source: Source, run: Run, found: Plan, name: str) -> tuple[int, str]:
    """Return where the new function is inserted, and its text with the blank lines around it."""
    end = source.line_end
    function = run.functions[0] if run.functions else None
    body = None if function is None else function.child_by_field_name("body")
    unit = indent_unit(source, body.named_children[0]) if body is not None else indent_unit(source, source.root)
    outer = "" if found.owner is None else source.before(found.owner.start_byte)
    inputs = ", ".join(([found.receiver] if found.receiver else []) + list(found.inputs))
    keyword = "async def" if found.is_async else "def"
    text = f"{outer}{keyword} {name}({inputs}):{end}{reindented(source, run, outer + unit)}"
    if found.outputs:
        text += f"{outer}{unit}return {', '.join(found.outputs)}{end}"
    if found.owner is None:
        top = top_statement(run.nodes[0], source.root)
        return with_comments_above(source, source.line_start(top.start_byte)), text + end * 2
    name_node = None if function is None else function.child_by_field_name("name")
    implicit = name_node is not None and source.of(name_node) in _CLASS_METHODS
    if implicit or "classmethod" in _head(found.owner, source):
        text = f"{outer}@classmethod{end}{text}"
    at = source.line_stop(found.owner.end_byte)
    missing = "" if source.raw[at - 1 : at] == b"\n" else end
    return at, missing + end + text
