"""Builds the scopes of a Go file from its syntax tree (https://go.dev/ref/spec#Declarations_and_scope)."""

from dataclasses import dataclass, field

from tree_sitter import Node, Tree

from slm_lsp.features.edit.rename.lexical import Identifier, LexicalScope

BLOCKS = frozenset({
    "block", "if_statement", "for_statement", "expression_switch_statement", "type_switch_statement",
    "select_statement", "expression_case", "default_case", "type_case", "communication_case", "func_literal",
    "function_declaration", "method_declaration", "function_type", "method_elem", "method_spec",
})  # fmt: skip
"""Nodes with variables of their own. The body of a function shares the scope of its parameters."""

_FUNCTIONS = frozenset({"func_literal", "function_declaration", "method_declaration"})
_PARAMETERS = frozenset({
    "parameter_declaration", "variadic_parameter_declaration", "type_parameter_declaration",
})  # fmt: skip
_SHORT = frozenset({"short_var_declaration", "range_clause", "receive_statement"})
_WITH_EXPRESSIONS = frozenset({"map_type", "array_type", "slice_type", "implicit_length_array_type"})
"""Types whose literals have expressions as keys."""
_NAMED = frozenset({"identifier", "type_identifier", "field_identifier", "package_identifier", "label_name"})


@dataclass(eq=False)
class GoModule:
    """The scopes, declarations, imports and identifiers of a file."""

    path: str
    source: bytes
    tree: Tree
    package: str = ""
    scopes: list[LexicalScope] = field(default_factory=list)
    identifiers: list[Identifier] = field(default_factory=list)
    declared: dict[str, list[Node]] = field(default_factory=dict)
    """The declarations of the package's names in this file."""
    imports: dict[str, str] = field(default_factory=dict)
    """The paths of imported packages by their alias; without an alias, by the path itself."""
    dot_imports: bool = False
    embedded: set[str] = field(default_factory=set)
    """Names of types that structs embed. A type's name is then also the name of a field."""

    def text(self, node: Node) -> str:
        """Return the text of a node."""
        return self.source[node.start_byte : node.end_byte].decode("utf-8", errors="replace")


class _Builder:
    def __init__(self, path: str, tree: Tree, source: bytes) -> None:
        self.module = GoModule(path, source, tree)
        self._pending: list[tuple[Node, LexicalScope]] = []

    def run(self) -> GoModule:
        root = self.module.tree.root_node
        top = LexicalScope(0, "package", root, None)
        self.module.scopes.append(top)
        for each in root.named_children:
            self._top_level(each)
        self._children(root, top)
        while self._pending:
            node, scope = self._pending.pop()
            self._visit(node, scope)
        return self.module

    def _children(self, node: Node, scope: LexicalScope) -> None:
        self._pending.extend((each, scope) for each in reversed(node.named_children))

    def _top_level(self, node: Node) -> None:
        """Record what a declaration at the top level adds to the package or to the file."""
        if node.type == "package_clause":
            self.module.package = self.module.text(node.named_children[-1])
        elif node.type == "import_declaration":
            for each in _descendants(node, "import_spec"):
                name, path = each.child_by_field_name("name"), each.child_by_field_name("path")
                if path is not None:
                    written = self.module.text(path).strip('"`')
                    alias = "" if name is None else self.module.text(name)
                    self.module.dot_imports = self.module.dot_imports or alias == "."
                    self.module.imports[alias or written] = written
        elif node.type == "function_declaration":
            self._declare_top(node.child_by_field_name("name"), node)
        elif node.type in ("const_declaration", "var_declaration", "type_declaration"):
            for kind in ("const_spec", "var_spec", "type_spec", "type_alias"):
                for each in _descendants(node, kind):
                    for name in each.children_by_field_name("name"):
                        self._declare_top(name, each)

    def _declare_top(self, name: Node | None, node: Node) -> None:
        if name is not None:
            self.module.declared.setdefault(self.module.text(name), []).append(node)

    def _visit(self, node: Node, scope: LexicalScope) -> None:
        kind = node.type
        if kind in _NAMED:
            self._identifier(node, scope)
            return
        if kind in BLOCKS and not _is_body(node):
            scope = LexicalScope(len(self.module.scopes), "block", node, scope)
            self.module.scopes.append(scope)
        if scope.kind != "package":
            self._declarations(node, scope)
        if kind == "field_declaration" and node.child_by_field_name("name") is None:
            for each in (*_descendants(node, "type_identifier"), *_descendants(node, "package_identifier")):
                self.module.embedded.add(self.module.text(each))
        self._children(node, scope)

    def _declarations(self, node: Node, scope: LexicalScope) -> None:
        """Declare the names that a node introduces."""
        kind = node.type
        if kind in _PARAMETERS:
            # All parameters belong to the function, whose scope is the innermost one.
            for name in node.children_by_field_name("name"):
                scope.declare(self.module.text(name), scope.node.start_byte)
        elif kind in ("const_spec", "var_spec"):
            for name in node.children_by_field_name("name"):
                scope.declare(self.module.text(name), node.end_byte)
                self._at_declaration(name, scope)
        elif kind in ("type_spec", "type_alias"):
            for name in node.children_by_field_name("name"):
                scope.declare(self.module.text(name), name.start_byte)
        elif kind == "type_switch_statement":
            alias = node.child_by_field_name("alias")
            for name in [] if alias is None else alias.named_children:
                scope.declare(self.module.text(name), name.start_byte)
        elif kind in _SHORT and any(each.type == ":=" for each in node.children):
            self._short(node, scope)

    def _short(self, node: Node, scope: LexicalScope) -> None:
        """Declare the new names of `:=`. Names that the same block declares already are only assigned."""
        left = node.child_by_field_name("left")
        names = [] if left is None else left.named_children if left.type == "expression_list" else [left]
        for name in names:
            if name.type == "identifier":
                text = self.module.text(name)
                self._at_declaration(name, scope)
                if not scope.declares(text, node.start_byte):
                    scope.declare(text, node.end_byte)

    def _at_declaration(self, name: Node, scope: LexicalScope) -> None:
        """Let the declared identifier refer to the variable, although the variable is visible only after it."""
        scope.variables.setdefault(f"@{name.start_byte}", []).append(0)

    def _identifier(self, node: Node, scope: LexicalScope) -> None:
        parent = node.parent
        what, owner = "name", None
        if node.type in ("label_name", "package_identifier"):
            what = "other"
        elif node.type == "field_identifier":
            what = "member"
            if parent is not None and parent.type == "selector_expression":
                owner = parent.child_by_field_name("operand")
        elif parent is not None and parent.type == "qualified_type":
            what, owner = "member", parent.child_by_field_name("package")
        elif node.type == "identifier" and _is_key(node):
            what = "key"
        self.module.identifiers.append(Identifier(self.module.text(node), node, scope, what, owner))


def _is_body(node: Node) -> bool:
    return node.type == "block" and node.parent is not None and node.parent.type in _FUNCTIONS


def _is_key(node: Node) -> bool:
    """Return whether an identifier is a key of a composite literal: the name of a field, or the key of a map."""
    element = node.parent
    if element is None or element.type != "literal_element" or element.parent is None:
        return False
    pair = element.parent
    if pair.type != "keyed_element" or pair.named_children[0].id != element.id:
        return False
    above: Node | None = pair
    while above is not None and above.type != "composite_literal":
        above = above.parent
    kind = None if above is None else above.child_by_field_name("type")
    nested = above is not None and pair.parent is not None and pair.parent.parent != above
    return (
        nested
        or kind is None
        or kind.type not in ("map_type", "array_type", "slice_type", "implicit_length_array_type")
    )


def _descendants(node: Node, kind: str) -> list[Node]:
    """Return the descendants of a kind, outside of the bodies of functions."""
    found, pending = [], list(node.named_children)
    while pending:
        each = pending.pop(0)
        if each.type == kind:
            found.append(each)
        elif each.type != "block":
            pending += each.named_children
    return found


def build(path: str, tree: Tree, source: bytes) -> GoModule:
    """Return the scopes and identifiers of a file."""
    return _Builder(path, tree, source).run()
