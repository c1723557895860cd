"""Builds the scopes of a JavaScript or TypeScript file from its syntax tree."""

import re
from collections.abc import Callable

from tree_sitter import Node, Tree

from slm_lsp.features.edit.rename.javascript.scopes import (
    Binding,
    BindingKind,
    Imported,
    Known,
    Meaning,
    Module,
    Property,
    Scope,
    ScopeKind,
    Use,
)

_COMMON_JS = re.compile(rb"\brequire\s*\(|\bmodule\.exports\b|\bexports\.")

Handler = Callable[["Builder", Node, Scope], None]

BLOCKS = frozenset({
    "statement_block", "for_statement", "for_in_statement", "switch_body", "catch_clause", "conditional_type",
    "index_signature", "function_type", "constructor_type",
    "call_signature", "construct_signature", "method_signature", "abstract_method_signature",
})  # fmt: skip
"""Nodes with a scope of their own, for variables, type parameters, or parameters of a function's type."""

FUNCTIONS = frozenset({
    "function_declaration", "function_expression", "generator_function_declaration", "generator_function",
    "arrow_function", "method_definition", "function_signature", "class_static_block",
})  # fmt: skip

CLASSES = frozenset({"class_declaration", "abstract_class_declaration", "class", "enum_declaration"})


class Builder:
    """Walks the tree in text order with an explicit stack, because expressions may be nested deeply."""

    def __init__(self, path: str, tree: Tree, source: bytes, handlers: dict[str, Handler]) -> None:
        self.module = Module(path, source, tree)
        self._handlers = handlers
        self._pending: list[tuple[Node, Scope]] = []

    def run(self) -> Module:
        """Visit the whole tree."""
        root = self.module.tree.root_node
        self.children(root, self.scope("module", root, None))
        while self._pending:
            node, scope = self._pending.pop()
            handler = self._handlers.get(node.type)
            if handler is not None:
                handler(self, node, scope)
            elif node.type in BLOCKS and not _is_body(node):
                self.children(node, self.scope("block", node, scope))
            else:
                self.children(node, scope)
        self.module.is_module = self.module.is_module or _COMMON_JS.search(self.module.source) is not None
        return self.module

    def scope(self, kind: ScopeKind, node: Node, parent: Scope | None) -> Scope:
        """Add a scope."""
        scope = Scope(len(self.module.scopes), kind, node, parent)
        self.module.scopes.append(scope)
        self.module.scope_of[node.id] = scope
        return scope

    def later(self, *pairs: tuple[Node | None, Scope]) -> None:
        """Visit nodes in this order, before all nodes that are pending."""
        self._pending.extend((node, scope) for node, scope in reversed(pairs) if node is not None)

    def children(self, node: Node, scope: Scope) -> None:
        """Visit the children of a node."""
        self.later(*((each, scope) for each in node.named_children))

    def use(self, node: Node, scope: Scope, meaning: Meaning, template: str = "{}") -> None:
        """Record an identifier that refers to a name."""
        self.module.uses.append(Use(self.module.text(node), node, scope, meaning, template))

    def property(self, node: Node, owner: Node | None, scope: Scope, template: str = "{}") -> None:
        """Record the name of a property."""
        self.module.properties.append(Property(self.module.text(node), node, owner, scope, template))

    def known(self, node: Node) -> None:
        """Record an identifier that is not a name of a scope, such as a label."""
        self.module.known.append(Known(self.module.text(node), node))

    def bind(
        self,
        scope: Scope,
        kind: BindingKind,
        node: Node,
        value: Node | None = None,
        annotation: Node | None = None,
        imported: Imported | None = None,
        template: str = "{}",
    ) -> None:
        """Bind a name in a scope, and record the identifier as a use."""
        name = self.module.text(node)
        scope.bindings.setdefault(name, []).append(Binding(kind, node, value, annotation, imported))
        self.module.uses.append(Use(name, node, scope, "any", template))

    def pattern(
        self,
        node: Node,
        scope: Scope,
        around: Scope,
        kind: BindingKind,
        value: Node | None = None,
        annotation: Node | None = None,
    ) -> None:
        """Bind the names of a pattern in `scope`; visit its expressions in `around`."""
        if node.type == "identifier":
            self.bind(scope, kind, node, value, annotation)
        elif node.type == "shorthand_property_identifier_pattern":
            name = self.module.text(node)
            self.property(node, None, around, template=f"{{}}: {name}")
            self.bind(scope, kind, node, template=f"{name}: {{}}")
        elif node.type == "pair_pattern":
            key, inner = node.child_by_field_name("key"), node.child_by_field_name("value")
            if key is not None:
                self._key(key, around)
            if inner is not None:
                self.pattern(inner, scope, around, kind)
        elif node.type in ("assignment_pattern", "object_assignment_pattern"):
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is not None:
                self.pattern(left, scope, around, kind)
            self.later((right, around))
        elif node.type in ("object_pattern", "array_pattern", "rest_pattern"):
            for each in node.named_children:
                self.pattern(each, scope, around, kind)
        else:
            self.later((node, around))

    def _key(self, key: Node, scope: Scope) -> None:
        if key.type == "property_identifier":
            self.property(key, None, scope)
        else:
            self.later((key, scope))


def _is_body(block: Node) -> bool:
    """Return whether a block shares the scope of the function around it."""
    return block.type == "statement_block" and block.parent is not None and block.parent.type in FUNCTIONS
