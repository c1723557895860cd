"""One function per kind of JavaScript or TypeScript syntax node, which records the node's scopes, bindings and uses."""

from tree_sitter import Node, Tree

from slm_lsp.features.edit.rename.javascript.build import CLASSES, FUNCTIONS, Builder, Handler
from slm_lsp.features.edit.rename.javascript.modules import HANDLERS as MODULES
from slm_lsp.features.edit.rename.javascript.scopes import BindingKind, Module, Scope

_KINDS: dict[str, BindingKind] = {"interface_declaration": "interface", "type_alias_declaration": "type"}


def build(path: str, tree: Tree, source: bytes) -> Module:
    """Return the scopes and uses of a file."""
    return Builder(path, tree, source, HANDLERS).run()


def _owner_of_var(scope: Scope) -> Scope:
    return next(each for each in scope.within() if each.kind in ("function", "module", "namespace", "augmentation"))


def _function(builder: Builder, node: Node, scope: Scope) -> None:
    name = node.child_by_field_name("name")
    if node.type in ("function_declaration", "generator_function_declaration", "function_signature"):
        if name is not None:
            builder.bind(scope, "function", name, node)
    elif node.type == "method_definition":
        _member_name(builder, name, scope)
    elif name is not None:
        # The name of a function expression is visible only in the function.
        scope = builder.scope("block", name, scope)
        builder.bind(scope, "function", name, node)
    inner = builder.scope("function", node, scope)
    single = node.child_by_field_name("parameter")
    if single is not None:
        builder.pattern(single, inner, inner, "parameter")
    skipped = {each.id for each in (name, single) if each is not None}
    builder.later(*((each, inner) for each in node.named_children if each.id not in skipped))


def _parameters(builder: Builder, node: Node, scope: Scope) -> None:
    for each in node.named_children:
        if each.type in ("required_parameter", "optional_parameter"):
            pattern = each.child_by_field_name("pattern")
            annotation = each.child_by_field_name("type")
            if pattern is not None and pattern.type != "this":
                builder.pattern(pattern, scope, scope, "parameter", None, annotation)
            others = [other for other in each.named_children if pattern is None or other.id != pattern.id]
            builder.later(*((other, scope) for other in others))
        else:
            builder.pattern(each, scope, scope, "parameter")


def _class(builder: Builder, node: Node, scope: Scope) -> None:
    name = node.child_by_field_name("name")
    kind: BindingKind = "enum" if node.type == "enum_declaration" else "class"
    if name is not None and node.type != "class":
        builder.bind(scope, kind, name, node)
    inner = builder.scope("class", node, scope)
    if name is not None and node.type == "class":
        builder.bind(inner, kind, name, node)
    builder.later(*((each, inner) for each in node.named_children if name is None or each.id != name.id))


def _type_declaration(builder: Builder, node: Node, scope: Scope) -> None:
    name = node.child_by_field_name("name")
    if name is not None:
        builder.bind(scope, _KINDS[node.type], name, node)
    inner = builder.scope("block", node, scope)
    builder.later(*((each, inner) for each in node.named_children if name is None or each.id != name.id))


def _namespace(builder: Builder, node: Node, scope: Scope) -> None:
    name = node.child_by_field_name("name")
    augments = name is None or name.type != "identifier"
    if name is not None and name.type == "identifier":
        builder.bind(scope, "namespace", name, node)
    elif name is not None:
        builder.later((name, scope))
    inner = builder.scope("augmentation" if augments else "namespace", node, scope)
    body = node.child_by_field_name("body")
    if body is not None:
        builder.children(body, inner)


def _ambient(builder: Builder, node: Node, scope: Scope) -> None:
    if any(each.type == "global" for each in node.children):
        scope = builder.scope("augmentation", node, scope)
    builder.children(node, scope)


def _declaration(builder: Builder, node: Node, scope: Scope) -> None:
    owner = _owner_of_var(scope) if node.type == "variable_declaration" else scope
    for each in node.named_children:
        if each.type != "variable_declarator":
            builder.later((each, scope))
            continue
        name, value, annotation = (each.child_by_field_name(field) for field in ("name", "value", "type"))
        if name is not None:
            builder.pattern(name, owner, scope, "variable", value, annotation)
    # The initial values come last, because `later` puts them before everything that is pending.
    for each in reversed(node.named_children):
        if each.type == "variable_declarator":
            builder.later((each.child_by_field_name("type"), scope), (each.child_by_field_name("value"), scope))


def _for_in(builder: Builder, node: Node, scope: Scope) -> None:
    inner = builder.scope("block", node, scope)
    left, kind = node.child_by_field_name("left"), node.child_by_field_name("kind")
    if left is not None and kind is not None:
        owner = _owner_of_var(scope) if builder.module.text(kind) == "var" else inner
        builder.pattern(left, owner, inner, "variable")
    elif left is not None:
        builder.later((left, inner))
    builder.later(*((each, inner) for each in node.named_children if left is None or each.id != left.id))


def _catch(builder: Builder, node: Node, scope: Scope) -> None:
    inner = builder.scope("block", node, scope)
    parameter = node.child_by_field_name("parameter")
    if parameter is not None:
        builder.pattern(parameter, inner, inner, "variable")
    builder.later(*((each, inner) for each in node.named_children if parameter is None or each.id != parameter.id))


def _type_parameter(builder: Builder, node: Node, scope: Scope) -> None:
    name = node.child_by_field_name("name")
    if name is not None:
        builder.bind(scope, "type", name, node)
    builder.later(*((each, scope) for each in node.named_children if name is None or each.id != name.id))


def _infer(builder: Builder, node: Node, scope: Scope) -> None:
    first, *rest = node.named_children
    owner = next((each for each in scope.within() if each.node.type == "conditional_type"), scope)
    builder.bind(owner, "type", first, node)
    builder.later(*((each, scope) for each in rest))


def _mapped(builder: Builder, node: Node, scope: Scope) -> None:
    _type_parameter(builder, node, scope)


def _index_signature(builder: Builder, node: Node, scope: Scope) -> None:
    inner = builder.scope("block", node, scope)
    name = node.child_by_field_name("name")
    if name is not None:
        builder.known(name)
    builder.later(*((each, inner) for each in node.named_children if name is None or each.id != name.id))


def _tuple_parameter(builder: Builder, node: Node, scope: Scope) -> None:
    name = node.child_by_field_name("name")
    if name is not None:
        builder.known(name)
    builder.later((node.child_by_field_name("type"), scope))


def _member(builder: Builder, node: Node, scope: Scope) -> None:
    owner, name = node.child_by_field_name("object"), node.child_by_field_name("property")
    if name is not None:
        builder.property(name, owner, scope)
    builder.later((owner, scope))


def _nested_type(builder: Builder, node: Node, scope: Scope) -> None:
    owner = node.child_by_field_name("module") or node.child_by_field_name("object")
    name = node.child_by_field_name("name") or node.child_by_field_name("property")
    if name is not None:
        builder.property(name, owner, scope)
    builder.later((owner, scope))


def _member_name(builder: Builder, name: Node | None, scope: Scope) -> None:
    if name is not None and name.type in ("property_identifier", "private_property_identifier"):
        builder.property(name, None, scope)
    elif name is not None:
        builder.later((name, scope))


def _property(builder: Builder, node: Node, scope: Scope) -> None:
    builder.property(node, None, scope)


def _shorthand(builder: Builder, node: Node, scope: Scope) -> None:
    name = builder.module.text(node)
    builder.property(node, None, scope, template=f"{{}}: {name}")
    builder.use(node, scope, "value", template=f"{name}: {{}}")


def _shorthand_target(builder: Builder, node: Node, scope: Scope) -> None:
    """Handle `({name} = value)`, which assigns to a variable that exists."""
    _shorthand(builder, node, scope)


def _identifier(builder: Builder, node: Node, scope: Scope) -> None:
    builder.use(node, scope, "value")


def _type_identifier(builder: Builder, node: Node, scope: Scope) -> None:
    builder.use(node, scope, "type")


def _label(builder: Builder, node: Node, scope: Scope) -> None:
    builder.known(node)


def _element(builder: Builder, node: Node, scope: Scope) -> None:
    name = node.child_by_field_name("name")
    rest = [each for each in node.named_children if name is None or each.id != name.id]
    if name is not None and name.type == "identifier" and builder.module.text(name)[:1].islower():
        builder.known(name)
    elif name is not None:
        builder.later((name, scope))
    builder.later(*((each, scope) for each in rest))


def _call(builder: Builder, node: Node, scope: Scope) -> None:
    builder.module.calls.append((node, scope))
    builder.children(node, scope)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(FUNCTIONS, _function),
    **dict.fromkeys(CLASSES, _class),
    **dict.fromkeys(_KINDS, _type_declaration),
    **MODULES,
    "formal_parameters": _parameters,
    "internal_module": _namespace,
    "module": _namespace,
    "ambient_declaration": _ambient,
    "lexical_declaration": _declaration,
    "variable_declaration": _declaration,
    "using_declaration": _declaration,
    "for_in_statement": _for_in,
    "catch_clause": _catch,
    "type_parameter": _type_parameter,
    "infer_type": _infer,
    "mapped_type_clause": _mapped,
    "index_signature": _index_signature,
    "tuple_parameter": _tuple_parameter,
    "optional_tuple_parameter": _tuple_parameter,
    "member_expression": _member,
    "nested_type_identifier": _nested_type,
    "nested_identifier": _nested_type,
    "property_identifier": _property,
    "private_property_identifier": _property,
    "shorthand_property_identifier": _shorthand,
    "shorthand_property_identifier_pattern": _shorthand_target,
    "identifier": _identifier,
    "type_identifier": _type_identifier,
    "statement_identifier": _label,
    "jsx_opening_element": _element,
    "jsx_closing_element": _element,
    "jsx_self_closing_element": _element,
    "call_expression": _call,
}
