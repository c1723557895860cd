"""One function per kind of Python statement that binds names, which records the statement's scopes and bindings."""

from tree_sitter import Node

from slm_lsp.features.edit.rename.python.build import TARGETS, Builder, Handler, others
from slm_lsp.features.edit.rename.python.scopes import Binding, BindingKind, Listed, Scope

_LISTS = {"module": ("__all__",), "class": ("__slots__", "__match_args__")}


def _function(builder: Builder, node: Node, scope: Scope) -> None:
    name = node.child_by_field_name("name")
    if name is not None:
        builder.bind(scope, Binding("function", name, node.end_byte, node))
    outer = _type_parameters(builder, node, scope)
    inner = builder.scope("function", node, outer)
    _parameters(builder, node.child_by_field_name("parameters"), inner, outer)
    builder.later((node.child_by_field_name("return_type"), outer), (node.child_by_field_name("body"), inner))


def _lambda(builder: Builder, node: Node, scope: Scope) -> None:
    inner = builder.scope("function", node, scope)
    _parameters(builder, node.child_by_field_name("parameters"), inner, scope)
    builder.later((node.child_by_field_name("body"), inner))


def _class(builder: Builder, node: Node, scope: Scope) -> None:
    name = node.child_by_field_name("name")
    if name is not None:
        builder.bind(scope, Binding("class", name, node.end_byte, node))
    outer = _type_parameters(builder, node, scope)
    inner = builder.scope("class", node, outer)
    builder.later((node.child_by_field_name("superclasses"), outer), (node.child_by_field_name("body"), inner))


def _type_parameters(builder: Builder, node: Node, scope: Scope) -> Scope:
    parameters = node.child_by_field_name("type_parameters")
    if parameters is None:
        return scope
    inner = builder.scope("type parameters", node, scope)
    for each in parameters.named_children:
        name = each
        while name.type != "identifier" and name.named_children:
            name = name.named_children[0]
        if name.type == "identifier":
            builder.bind(inner, Binding("variable", name, each.end_byte))
            builder.later(*((other, inner) for other in others(each, name)))
    return inner


def _parameters(builder: Builder, node: Node | None, inner: Scope, outer: Scope) -> None:
    for each in () if node is None else node.named_children:
        kind: BindingKind = "parameter"
        name = each.child_by_field_name("name") or each
        if each.type == "typed_parameter":
            name = each.named_children[0]
        if name.type in ("list_splat_pattern", "dictionary_splat_pattern"):
            kind, name = "variable", name.named_children[0] if name.named_children else name
        if name.type == "identifier":
            annotation = each.child_by_field_name("type") if kind == "parameter" else None
            builder.bind(inner, Binding(kind, name, each.end_byte, each, annotation))
        elif name.type in TARGETS:
            builder.targets(name, inner, each.end_byte)
        builder.later((each.child_by_field_name("type"), outer), (each.child_by_field_name("value"), outer))


def _comprehension(builder: Builder, node: Node, scope: Scope) -> None:
    inner = builder.scope("comprehension", node, scope)
    work: list[tuple[Node | None, Scope]] = []
    first = True
    for each in node.named_children:
        if each.type != "for_in_clause":
            work.append((each, inner))
            continue
        left = each.child_by_field_name("left")
        if left is not None:
            builder.targets(left, inner, each.end_byte)
        # The first iterable is evaluated outside.
        work += [(right, scope if first else inner) for right in each.children_by_field_name("right")]
        first = False
    builder.later(*work)


def _assignment(builder: Builder, node: Node, scope: Scope) -> None:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    annotation = node.child_by_field_name("type")
    value = right
    while value is not None and value.type == "assignment":
        value = value.child_by_field_name("right")
    if left is None:
        return
    if left.type == "identifier" and builder.module.text(left) in _LISTS.get(scope.kind, ()) and value is not None:
        listed(builder, value, scope)
    plain = node.type == "assignment"
    end = value.end_byte if value is not None else node.end_byte
    builder.targets(left, scope, end, value if plain else None, annotation)
    builder.later((annotation, scope), (right, scope))


def listed(builder: Builder, value: Node, scope: Scope) -> None:
    """Record the strings in the value of `__all__`, `__slots__` or `__match_args__`."""
    pending = [value]
    while pending:
        node = pending.pop()
        if node.type != "string":
            pending += node.named_children
            continue
        content = [each for each in node.named_children if each.type == "string_content"]
        if len(content) == 1:
            builder.module.listed.append(Listed(builder.module.text(content[0]), content[0], scope))


def _named_expression(builder: Builder, node: Node, scope: Scope) -> None:
    owner = next(each for each in scope.within() if each.kind != "comprehension")
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    if name is not None:
        builder.targets(name, owner, node.end_byte, value)
    builder.later((value, scope))


def _for(builder: Builder, node: Node, scope: Scope) -> None:
    left = node.child_by_field_name("left")
    if left is not None:
        builder.targets(left, scope, node.start_byte)
        builder.later(*((each, scope) for each in others(node, left)))


def _as_pattern(builder: Builder, node: Node, scope: Scope) -> None:
    alias = node.child_by_field_name("alias") or node.named_children[-1]
    builder.targets(alias, scope, node.start_byte)
    builder.later(*((each, scope) for each in others(node, alias)))


def _except(builder: Builder, node: Node, scope: Scope) -> None:
    words = [builder.module.text(each) for each in node.children]
    if "as" not in words:
        builder.children(node, scope)
        return
    alias = node.children[words.index("as") + 1]
    builder.targets(alias, scope, node.start_byte)
    builder.later(*((each, scope) for each in others(node, alias)))


def _global(builder: Builder, node: Node, scope: Scope) -> None:
    names = scope.global_names if node.type == "global_statement" else scope.nonlocal_names
    for each in node.named_children:
        if each.type == "identifier":
            names.add(builder.module.text(each))
            builder.use(each, scope)


def _delete(builder: Builder, node: Node, scope: Scope) -> None:
    pending = list(node.named_children)
    while pending:
        each = pending.pop()
        if each.type == "identifier":
            builder.bind(scope, Binding("deletion", each, node.start_byte))
        elif each.type in TARGETS:
            pending += each.named_children
        else:
            builder.later((each, scope))


def _type_alias(builder: Builder, node: Node, scope: Scope) -> None:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    name = left
    while name is not None and name.type != "identifier" and name.named_children:
        name = name.named_children[0]
    if name is not None and name.type == "identifier":
        builder.bind(scope, Binding("variable", name, node.end_byte))
    builder.later((right, scope))


HANDLERS: dict[str, Handler] = {
    "function_definition": _function,
    "lambda": _lambda,
    "class_definition": _class,
    "list_comprehension": _comprehension,
    "set_comprehension": _comprehension,
    "dictionary_comprehension": _comprehension,
    "generator_expression": _comprehension,
    "assignment": _assignment,
    "augmented_assignment": _assignment,
    "named_expression": _named_expression,
    "for_statement": _for,
    "as_pattern": _as_pattern,
    "except_clause": _except,
    "except_group_clause": _except,
    "global_statement": _global,
    "nonlocal_statement": _global,
    "delete_statement": _delete,
    "type_alias_statement": _type_alias,
}
