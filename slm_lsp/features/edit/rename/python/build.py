"""Walks the syntax tree of a Python file and collects its scopes. `syntax.py` says what each kind of node means."""

from collections.abc import Callable

from tree_sitter import Node, Tree

from slm_lsp.features.edit.rename.python.scopes import Attribute, AttributeStore, Binding, Module, Scope, ScopeKind, Use

Handler = Callable[["Builder", Node, Scope], None]

TARGETS = frozenset({
    "pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "parenthesized_expression", "tuple", "list",
    "expression_list", "list_splat", "as_pattern_target",
})  # fmt: skip
"""Kinds of nodes that contain the targets of an assignment."""


class Builder:
    """Walks the tree in text order with an explicit stack, because expressions may be nested deeply.

    Args:
        path: path of the file.
        tree: its syntax tree.
        source: its text.
        handlers: what to do with each kind of node; the children of other nodes are visited.
    """

    def __init__(self, path: str, tree: Tree, source: bytes, handlers: dict[str, Handler]) -> None:
        self.module = Module(path, source, tree)
        self._handlers = handlers
        self._pending: list[tuple[Node, Scope]] = []
        self._nonlocal: list[tuple[Scope, str, Binding]] = []

    def run(self) -> Module:
        """Visit the whole tree."""
        root = self.module.tree.root_node
        self.children(root, self.scope("module", root, None))
        while self._pending:
            node, scope = self._pending.pop()
            handler = self._handlers.get(node.type)
            if handler is None:
                self.children(node, scope)
            else:
                handler(self, node, scope)
        for scope, name, binding in self._nonlocal:
            owner = next((each for each in scope.within() if name in each.bindings), None)
            if owner is not None:
                owner.bindings[name].append(binding)
        return self.module

    def scope(self, kind: ScopeKind, node: Node, parent: Scope | None) -> Scope:
        """Add a scope."""
        scope = Scope(len(self.module.scopes), kind, node, parent)
        self.module.scopes.append(scope)
        if kind in ("function", "class"):
            self.module.scope_of[node.id] = scope
        return scope

    def later(self, *pairs: tuple[Node | None, Scope]) -> None:
        """Visit nodes in this order, before all nodes that are pending."""
        self._pending.extend((node, scope) for node, scope in reversed(pairs) if node is not None)

    def children(self, node: Node, scope: Scope) -> None:
        """Visit the children of a node."""
        self.later(*((each, scope) for each in node.named_children))

    def use(self, node: Node, scope: Scope) -> None:
        """Record an identifier that refers to a name."""
        self.module.uses.append(Use(self.module.text(node), node.start_byte, node.end_byte, scope))

    def bind(self, scope: Scope, binding: Binding) -> None:
        """Bind a name in the scope that `global` or `nonlocal` selects, and record the identifier as a use."""
        name = self.module.text(binding.node)
        if name in scope.global_names:
            self.module.top.bindings.setdefault(name, []).append(binding)
        elif name not in scope.nonlocal_names:
            scope.bindings.setdefault(name, []).append(binding)
        else:
            self._nonlocal.append((scope, name, binding))
        # The offset marks the identifier as a binding: in a class body, it refers to itself and not to an outer name.
        self.module.uses.append(Use(name, binding.node.start_byte, binding.node.end_byte, scope))
        self.module.binding_offsets.add(binding.node.start_byte)

    def targets(
        self, node: Node, scope: Scope, since: int, value: Node | None = None, annotation: Node | None = None
    ) -> None:
        """Bind the identifiers of an assignment's left side; visit the rest as expressions."""
        if node.type == "identifier":
            self.bind(scope, Binding("variable", node, since, value, annotation))
        elif node.type in TARGETS:
            for each in node.named_children:
                self.targets(each, scope, since)
        elif node.type == "attribute":
            self.attribute(node, scope)
            self.module.stores.append(AttributeStore(self.module.attributes[-1], value, annotation))
        else:
            self.later((node, scope))

    def attribute(self, node: Node, scope: Scope) -> None:
        """Record the name after a dot."""
        owner, name = node.named_children[0], node.named_children[-1]
        self.module.attributes.append(Attribute(self.module.text(name), name, owner, scope))
        self.later((owner, scope))


def others(node: Node, left_out: Node) -> list[Node]:
    """Return the children of a node except one."""
    return [each for each in node.named_children if each.id != left_out.id]
