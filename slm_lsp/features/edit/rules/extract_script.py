"""Extract statements of JavaScript and TypeScript to a function, where the data flow is certain."""

import re

from tree_sitter import Node

from slm_lsp.features.edit.rules.declarations import ends_with_semicolon
from slm_lsp.features.edit.rules.kinds import SCRIPT
from slm_lsp.features.edit.rules.naming import check_name, free_name
from slm_lsp.features.edit.rules.script_names import Names, names_of
from slm_lsp.features.edit.rules.script_types import parameter_types
from slm_lsp.features.edit.rules.source import Refused, Source, around
from slm_lsp.features.edit.rules.statements import (
    Run,
    indent_unit,
    reindented,
    top_statement,
    with_comments_above,
)

_ENDS = frozenset({"return_statement", "throw_statement"})
_BREAKABLE = SCRIPT.loops | {"switch_statement"}
_FORBIDDEN = {
    "yield_expression": "They contain `yield`.",
    "super": "They contain `super`.",
    "labeled_statement": "They contain a label.",
    "export_statement": "They contain an export.",
    "import_statement": "They contain an import.",
    "with_statement": "They contain `with`.",
    "meta_property": "They contain `new.target` or `import.meta`.",
}
_OWN_THIS = SCRIPT.functions - {"arrow_function"}
"""Functions with their own `this`."""


def extract(source: Source, run: Run, name: str) -> str | Refused:
    """Return the text with the statements in a new function, or why they cannot be moved."""
    name = name or free_name(["extracted"], source.root, source)
    if (problem := check_name(name, source.root, source)) is not None:
        return problem
    reason = _refusal(source, run)
    found = names_of(source, run) if reason is None else reason
    if isinstance(found, str):
        return Refused(f"The statements cannot be extracted. {found}")
    types = parameter_types(found.inputs, run, source)
    if isinstance(types, Refused):
        return types
    method = _method(run, source)
    if method is None and any(_uses_this(each, source) for each in run.nodes):
        return Refused("The statements cannot be extracted. They use `this` outside of a method of a class.")
    return _written(source, run, name, found, types, method)


def _own_nodes(run: Run) -> list[Node]:
    """Return the nodes of the statements, without the bodies of inner functions."""
    found: list[Node] = []
    pending = list(run.nodes)
    while pending:
        each = pending.pop()
        found.append(each)
        if each.type not in SCRIPT.functions and each.type != "class_body":
            pending.extend(each.named_children)
    return found


def _refusal(source: Source, run: Run) -> str | None:
    """Return why statements of this kind cannot be moved."""
    block = run.block
    if block is None or (not run.functions and block.type != "program"):
        return "They are in a block at the top level."
    own = _own_nodes(run)
    ends = run.nodes[-1].type in _ENDS
    for each in own:
        if each.type in _FORBIDDEN:
            return _FORBIDDEN[each.type]
        if each.type == "return_statement" and not ends:
            return "They return on some paths only."
        if each.type in {"break_statement", "continue_statement"} and not _target_inside(each, run):
            return f"They contain `{source.of(each).rstrip(';')}` of a statement around them."
        if each.type == "identifier" and source.of(each) in {"arguments", "eval"}:
            return f"They use `{source.of(each)}`."
    return None


def _target_inside(node: Node, run: Run) -> bool:
    """Return whether the statement that a `break` or `continue` belongs to is inside the statements."""
    if node.child_by_field_name("label") is not None:
        return False
    kinds = _BREAKABLE if node.type == "break_statement" else SCRIPT.loops
    target = next((each for each in around(node) if each.type in kinds), None)
    return target is not None and run.start <= target.start_byte and target.end_byte <= run.end


def _uses_this(node: Node, source: Source) -> bool:
    """Return whether a node uses the `this` of the function around it."""
    if node.type == "this":
        return True
    return node.type not in _OWN_THIS and any(_uses_this(each, source) for each in node.named_children)


def _method(run: Run, source: Source) -> Node | None:
    """Return the method of a class after which the function is inserted, if the statements use `this`."""
    if not any(_uses_this(each, source) for each in run.nodes):
        return None
    owner = next((each for each in run.functions if each.type != "arrow_function"), None)
    if owner is None or owner.type != "method_definition" or owner.parent is None or owner.parent.type != "class_body":
        return None
    return owner


def _written(
    source: Source, run: Run, name: str, found: Names, types: dict[str, str], method: Node | None
) -> str | Refused:
    end = source.line_end
    first = run.nodes[0]
    semicolon = ";" if ends_with_semicolon(first, source) else ""
    returns = run.nodes[-1].type in _ENDS and any(each.type == "return_statement" for each in _own_nodes(run))
    is_async = any(_is_async(each) for each in _own_nodes(run))
    call = f"{'await ' if is_async else ''}{'this.' if method else ''}{name}({', '.join(found.inputs)})"
    results = () if returns else found.declared or found.assigned
    if len(results) > 1 and found.assigned and not found.declared and not semicolon:
        return Refused("The statements cannot be extracted. They assign several variables in code without semicolons.")
    line = source.before(first.start_byte) + _call(source, run, call, found, returns=returns) + semicolon + end
    outer = "" if method is None else source.before(method.start_byte)
    unit = indent_unit(source, first)
    inputs = ", ".join(each + types.get(each, "") for each in found.inputs)
    static = method is not None and any(each.type == "static" for each in method.children)
    keyword = f"{'static ' if static else ''}{'async ' if is_async else ''}{'' if method else 'function '}"
    text = f"{outer}{keyword}{name}({inputs}) {{{end}{reindented(source, run, outer + unit)}"
    if results:
        value = results[0] if len(results) == 1 else f"{{ {', '.join(results)} }}"
        text += f"{outer}{unit}return {value}{semicolon}{end}"
    text += f"{outer}}}{end}"
    if method is None:
        top = top_statement(first, source.root)
        at, text = with_comments_above(source, source.line_start(top.start_byte)), text + end
    else:
        at, text = source.line_stop(method.end_byte), end + text
    return source.replaced([(at, at, text), (run.start, run.end, line)])


def _call(source: Source, run: Run, call: str, found: Names, *, returns: bool) -> str:
    """Return the statement that calls the function, without a semicolon."""
    if returns:
        return f"return {call}"
    if found.declared:
        rest = source.piece(run.end, run.functions[-1].end_byte if run.functions else len(source.raw))
        words = "|".join(map(re.escape, found.declared))
        changed = re.search(
            rf"(?<![\w$.])(?:{words})\s*(?:[-+*/%&|^?<>]*=(?![=>])|\+\+|--)|(?:\+\+|--)\s*(?:{words})\b", rest
        )
        target = found.declared[0] if len(found.declared) == 1 else f"{{ {', '.join(found.declared)} }}"
        return f"{'let' if changed else 'const'} {target} = {call}"
    if len(found.assigned) > 1:
        return f"({{ {', '.join(found.assigned)} }} = {call})"
    return f"{found.assigned[0]} = {call}" if found.assigned else call


def _is_async(node: Node) -> bool:
    return node.type == "await_expression" or (
        node.type == "for_in_statement" and any(each.type == "await" for each in node.children)
    )
