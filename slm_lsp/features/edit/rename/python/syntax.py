"""One function per kind of Python import, expression and pattern, which records the node's bindings and uses."""

import re

from tree_sitter import Node, Tree

from slm_lsp.features.edit.rename.python.build import Builder, Handler
from slm_lsp.features.edit.rename.python.scopes import (
    Attribute,
    Binding,
    Imported,
    ImportedName,
    Keyword,
    Module,
    Scope,
    Use,
)
from slm_lsp.features.edit.rename.python.statements import HANDLERS as STATEMENTS
from slm_lsp.features.edit.rename.python.statements import listed

_NAMES_IN_ANNOTATION = re.compile(r"(?<![\w.])[^\W\d]\w*")
_NOT_AN_ANNOTATION = re.compile(rb"(?:[\w.]+\.)?(?:Literal|Annotated)\s*\[")


def build(path: str, tree: Tree, source: bytes) -> Module:
    """Return the scopes and uses of a file."""
    return Builder(path, tree, source, HANDLERS).run()


def _use(builder: Builder, node: Node, scope: Scope) -> None:
    builder.use(node, scope)


def _attribute(builder: Builder, node: Node, scope: Scope) -> None:
    builder.attribute(node, scope)


def _import(builder: Builder, node: Node, scope: Scope) -> None:
    for each in node.children_by_field_name("name"):
        alias = each.child_by_field_name("alias")
        path = each if alias is None else each.child_by_field_name("name")
        if path is None:
            continue
        whole = builder.module.text(path)
        parts: list[str] = []
        for part in path.named_children:
            parts.append(builder.module.text(part))
            binds = alias is None and len(parts) == 1
            imported = Imported(".".join(parts), "", aliased=False)
            builder.module.imports.append(ImportedName(parts[-1], part, imported, scope, binds))
            if binds:
                scope_of_name = builder.module.top if parts[0] in scope.global_names else scope
                binding = Binding("import", part, node.end_byte, imported=imported)
                scope_of_name.bindings.setdefault(parts[0], []).append(binding)
        if alias is not None:
            builder.bind(scope, Binding("import", alias, node.end_byte, imported=Imported(whole, "", aliased=True)))


def _import_from(builder: Builder, node: Node, scope: Scope) -> None:
    origin = node.child_by_field_name("module_name")
    module = "" if origin is None else "".join(builder.module.text(origin).split())
    if origin is not None:
        _module_parts(builder, origin, scope)
    if any(each.type == "wildcard_import" for each in node.named_children):
        builder.module.wildcards.append(module)
    for each in node.children_by_field_name("name"):
        alias = each.child_by_field_name("alias")
        path = each if alias is None else each.child_by_field_name("name")
        if path is None or len(path.named_children) != 1:
            continue
        token = path.named_children[0]
        name = builder.module.text(token)
        imported = Imported(module, name, aliased=alias is not None)
        builder.module.imports.append(ImportedName(name, token, imported, scope, binds=alias is None))
        binding = Binding("import", alias or token, node.end_byte, imported=imported)
        if alias is not None:
            builder.bind(scope, binding)
        else:
            owner = builder.module.top if name in scope.global_names else scope
            owner.bindings.setdefault(name, []).append(binding)


def _module_parts(builder: Builder, origin: Node, scope: Scope) -> None:
    """Record the names in the path of the module after `from`."""
    path = origin if origin.type == "dotted_name" else origin.named_children[-1]
    prefix = "" if path is origin else builder.module.text(origin.named_children[0])
    parts: list[str] = []
    for part in path.named_children if path.type == "dotted_name" else ():
        parts.append(builder.module.text(part))
        imported = Imported(prefix + ".".join(parts), "", aliased=False)
        builder.module.imports.append(ImportedName(parts[-1], part, imported, scope, binds=False))


def _future(builder: Builder, node: Node, scope: Scope) -> None:
    for each in node.children_by_field_name("name"):
        for part in each.named_children:
            name = builder.module.text(part)
            imported = Imported("__future__", name, aliased=False)
            builder.module.imports.append(ImportedName(name, part, imported, scope, binds=False))


def _keyword(builder: Builder, node: Node, scope: Scope) -> None:
    name = node.child_by_field_name("name")
    call = node.parent.parent if node.parent is not None else None
    if name is not None:
        used = call if call is not None and call.type == "call" else None
        builder.module.keywords.append(Keyword(builder.module.text(name), name, used, scope))
    builder.later((node.child_by_field_name("value"), scope))


def _call(builder: Builder, node: Node, scope: Scope) -> None:
    builder.module.calls.append((node, scope))
    function = node.child_by_field_name("function")
    if function is not None and function.type == "attribute":
        # `__all__.append("name")` and `__all__.extend(["name"])`
        owner, arguments = function.child_by_field_name("object"), node.child_by_field_name("arguments")
        if owner is not None and arguments is not None and builder.module.text(owner) == "__all__":
            listed(builder, arguments, scope)
    builder.children(node, scope)


def _string(builder: Builder, node: Node, scope: Scope) -> None:
    for content in node.named_children if _is_annotation(builder, node) else ():
        if content.type == "string_content":
            text = builder.module.text(content)
            for match in _NAMES_IN_ANNOTATION.finditer(text):
                start = content.start_byte + len(text[: match.start()].encode())
                builder.module.uses.append(Use(match[0], start, start + len(match[0].encode()), scope))
    builder.children(node, scope)


def _is_annotation(builder: Builder, node: Node) -> bool:
    """Return whether a string is a type, such as the string in `value: "Name"`."""
    above = node.parent
    inside = False
    while above is not None and above.type not in ("call", "block", "module", "parameters"):
        inside = inside or above.type == "type"
        if above.type in ("generic_type", "subscript") and _NOT_AN_ANNOTATION.match(
            builder.module.source, above.start_byte
        ):
            return False
        above = above.parent
    return inside


def _interpolation(builder: Builder, node: Node, scope: Scope) -> None:
    if any(each.type == "=" for each in node.children):
        pending = list(node.named_children)
        while pending:
            each = pending.pop()
            builder.module.printed.add(each.start_byte)
            pending += each.named_children
    builder.children(node, scope)


def _dotted_name(builder: Builder, node: Node, scope: Scope) -> None:
    parts = node.named_children
    captures = len(parts) == 1 and node.parent is not None and node.parent.type != "class_pattern"
    if captures and node.parent is not None and node.parent.type.endswith("pattern"):
        if builder.module.text(parts[0]) != "_":
            builder.bind(scope, Binding("variable", parts[0], node.start_byte))
        return
    builder.use(parts[0], scope)
    for each in parts[1:]:
        builder.module.attributes.append(Attribute(builder.module.text(each), each, None, scope))


def _splat_pattern(builder: Builder, node: Node, scope: Scope) -> None:
    for each in node.named_children:
        if each.type == "identifier" and builder.module.text(each) != "_":
            builder.bind(scope, Binding("variable", each, node.start_byte))


def _keyword_pattern(builder: Builder, node: Node, scope: Scope) -> None:
    name, *rest = node.named_children
    builder.module.attributes.append(Attribute(builder.module.text(name), name, None, scope))
    builder.later(*((each, scope) for each in rest))


HANDLERS: dict[str, Handler] = {
    **STATEMENTS,
    "identifier": _use,
    "import_statement": _import,
    "import_from_statement": _import_from,
    "future_import_statement": _future,
    "keyword_argument": _keyword,
    "attribute": _attribute,
    "member_type": _attribute,
    "call": _call,
    "string": _string,
    "dotted_name": _dotted_name,
    "splat_pattern": _splat_pattern,
    "keyword_pattern": _keyword_pattern,
    "interpolation": _interpolation,
}
