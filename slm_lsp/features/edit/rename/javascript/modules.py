"""Imports and exports of JavaScript and TypeScript files."""

from tree_sitter import Node

from slm_lsp.features.edit.rename.javascript.build import Builder, Handler
from slm_lsp.features.edit.rename.javascript.scopes import Exported, Imported, ModuleName, Scope

_DECLARED_BY_PATTERN = frozenset({"lexical_declaration", "variable_declaration"})


def _import(builder: Builder, node: Node, scope: Scope) -> None:
    builder.module.is_module = True
    module = _module_name(builder, node)
    for clause in node.named_children:
        if clause.type == "import_clause":
            for each in clause.named_children:
                _imported(builder, each, scope, module)
        elif clause.type == "import_require_clause":
            name = next((each for each in clause.named_children if each.type == "identifier"), None)
            if name is not None:
                builder.bind(scope, "import", name, imported=Imported(module, "="))


def _imported(builder: Builder, node: Node, scope: Scope, module: str) -> None:
    if node.type == "identifier":
        builder.bind(scope, "import", node, imported=Imported(module, "default"))
    elif node.type == "namespace_import":
        builder.bind(scope, "import", node.named_children[0], imported=Imported(module, "*"))
    elif node.type == "named_imports":
        for each in node.named_children:
            name, alias = each.child_by_field_name("name"), each.child_by_field_name("alias")
            if name is None:
                continue
            imported = Imported(module, builder.module.text(name))
            if alias is None:
                builder.bind(scope, "import", name, imported=imported)
            else:
                builder.module.names.append(ModuleName(imported.name, name, module))
                builder.bind(scope, "import", alias, imported=imported)


def _export(builder: Builder, node: Node, scope: Scope) -> None:
    builder.module.is_module = True
    module = _module_name(builder, node)
    declaration = node.child_by_field_name("declaration")
    is_default = any(each.type == "default" for each in node.children)
    if scope is builder.module.top and declaration is not None:
        for name in _declared(declaration):
            text = builder.module.text(name)
            builder.module.exports["default" if is_default else text] = Exported(text)
    for each in node.named_children:
        if each.type == "export_clause":
            for specifier in each.named_children:
                _specifier(builder, specifier, scope, module)
        elif each.type == "namespace_export":
            name = each.named_children[0]
            builder.known(name)
            builder.module.exports[builder.module.text(name)] = Exported("*", module)
        elif is_default and each.type == "identifier":
            builder.module.exports["default"] = Exported(builder.module.text(each))
            builder.use(each, scope, "any")
        elif each.type != "string":
            builder.later((each, scope))
    if module and any(each.type == "*" for each in node.children):
        builder.module.wildcards.append(module)


def _specifier(builder: Builder, node: Node, scope: Scope, module: str) -> None:
    """Handle `name` or `name as alias` in the braces of an export."""
    name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
    if name is None:
        return
    text = builder.module.text(name)
    if scope is builder.module.top:
        builder.module.exports[builder.module.text(alias or name)] = Exported(text, module)
    if module:
        builder.module.names.append(ModuleName(text, name, module))
    else:
        builder.use(name, scope, "any")
    if alias is not None:
        builder.known(alias)


def _declared(declaration: Node) -> list[Node]:
    """Return the names that an exported declaration binds."""
    if declaration.type == "ambient_declaration":
        return [name for each in declaration.named_children for name in _declared(each)]
    if declaration.type not in _DECLARED_BY_PATTERN:
        name = declaration.child_by_field_name("name")
        return [] if name is None else [name]
    found, pending = [], [each.child_by_field_name("name") for each in declaration.named_children]
    while pending:
        node = pending.pop()
        if node is None:
            continue
        if node.type in ("identifier", "shorthand_property_identifier_pattern"):
            found.append(node)
        elif node.type == "pair_pattern":
            pending.append(node.child_by_field_name("value"))
        elif node.type in ("assignment_pattern", "object_assignment_pattern"):
            pending.append(node.child_by_field_name("left"))
        else:
            pending += node.named_children
    return found


def _module_name(builder: Builder, node: Node) -> str:
    source = node.child_by_field_name("source")
    if source is None:
        source = next(
            (
                each.child_by_field_name("source")
                for each in node.named_children
                if each.type == "import_require_clause"
            ),
            None,
        )
    return "" if source is None else builder.module.text(source).strip("\"'`")


HANDLERS: dict[str, Handler] = {"import_statement": _import, "export_statement": _export}
