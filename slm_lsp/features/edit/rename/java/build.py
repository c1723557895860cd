"""Builds the scopes of a Java file from its syntax tree (https://docs.oracle.com/javase/specs/jls/se21/html/jls-6.html).

Variables, methods and types have separate name spaces.
"""

from dataclasses import dataclass, field

from tree_sitter import Node, Tree

from slm_lsp.features.edit.rename.lexical import Identifier, LexicalScope

TYPE_DECLARATIONS = frozenset({
    "class_declaration", "interface_declaration", "enum_declaration", "record_declaration",
    "annotation_type_declaration",
})  # fmt: skip
METHODS = frozenset({"method_declaration", "constructor_declaration", "compact_constructor_declaration"})
BLOCKS = frozenset({
    "block", "constructor_body", "for_statement", "enhanced_for_statement", "try_with_resources_statement",
    "catch_clause", "switch_block", "switch_rule", "lambda_expression", "static_initializer",
})  # fmt: skip
"""Nodes with variables of their own."""

_DECLARED = frozenset({"formal_parameter", "catch_formal_parameter", "resource", "enhanced_for_statement",
                       "instanceof_expression"})  # fmt: skip
"""Nodes whose field `name` declares a variable."""

_OTHER_PARENTS = frozenset({
    "labeled_statement", "break_statement", "continue_statement", "annotation", "marker_annotation",
    "element_value_pair", "scoped_identifier", "package_declaration", "import_declaration", "constructor_declaration",
    "compact_constructor_declaration", "method_declaration", "annotation_type_element_declaration", "enum_constant",
    "module_declaration", "requires_module_directive", "exports_module_directive",
}) | TYPE_DECLARATIONS  # fmt: skip
"""Nodes in which an identifier is not a use of a variable."""


@dataclass(eq=False)
class TypeScope(LexicalScope):
    """The body of a type with its own members."""

    fields: dict[str, list[Node]] = field(default_factory=dict)
    """Declarations of the fields, by name."""
    methods: dict[str, list[Node]] = field(default_factory=dict)
    has_supertypes: bool = False
    type_name: str = ""
    """Name of the type; empty for an anonymous class."""


@dataclass(eq=False)
class JavaModule:
    """The scopes, types and identifiers of a file."""

    path: str
    source: bytes
    tree: Tree
    scopes: list[LexicalScope] = field(default_factory=list)
    identifiers: list[Identifier] = field(default_factory=list)
    types: dict[str, list[TypeScope]] = field(default_factory=dict)
    """The types that the file declares, by name."""
    declared_types: dict[tuple[int, str], list[Node | None]] = field(default_factory=dict)
    """The syntax nodes of the types of variables, by the number of the variable's scope and the variable's name."""

    def text(self, node: Node) -> str:
        """Return the text of a node."""
        return self.source[node.start_byte : node.end_byte].decode("utf-8", errors="replace")


class _Builder:
    def __init__(self, path: str, tree: Tree, source: bytes) -> None:
        self.module = JavaModule(path, source, tree)
        self._pending: list[tuple[Node, LexicalScope]] = []

    def run(self) -> JavaModule:
        root = self.module.tree.root_node
        top = LexicalScope(0, "file", root, None)
        self.module.scopes.append(top)
        self._later(root, top)
        while self._pending:
            node, scope = self._pending.pop()
            self._visit(node, scope)
        return self.module

    def _later(self, node: Node, scope: LexicalScope) -> None:
        self._pending.extend((each, scope) for each in reversed(node.named_children))

    def _visit(self, node: Node, scope: LexicalScope) -> None:
        kind = node.type
        if kind == "identifier":
            self._identifier(node, scope)
        elif kind == "type_identifier":
            self.module.identifiers.append(Identifier(self.module.text(node), node, scope, "type"))
        elif kind in TYPE_DECLARATIONS:
            self._type(node, scope)
        elif kind == "class_body" and node.parent is not None and node.parent.type not in TYPE_DECLARATIONS:
            inner = self._add(TypeScope(len(self.module.scopes), "type", node, scope, has_supertypes=True))
            self._members(node, inner)
            self._later(node, inner)
        elif kind in METHODS:
            self._later(node, self._add(LexicalScope(len(self.module.scopes), "method", node, scope)))
        else:
            inner = scope
            if kind in BLOCKS:
                inner = self._add(LexicalScope(len(self.module.scopes), "block", node, scope))
            self._declarations(node, inner)
            self._later(node, inner)

    def _add(self, scope: LexicalScope) -> LexicalScope:
        self.module.scopes.append(scope)
        return scope

    def _type(self, node: Node, scope: LexicalScope) -> None:
        name = node.child_by_field_name("name")
        text = "" if name is None else self.module.text(name)
        supers = any(node.child_by_field_name(each) is not None for each in ("superclass", "interfaces")) or any(
            each.type == "extends_interfaces" for each in node.named_children
        )
        inner = TypeScope(len(self.module.scopes), "type", node, scope, has_supertypes=supers, type_name=text)
        self._add(inner)
        self.module.types.setdefault(text, []).append(inner)
        body, parameters = node.child_by_field_name("body"), node.child_by_field_name("parameters")
        if body is not None:
            self._members(body, inner)
        for each in [] if parameters is None else parameters.named_children:
            component = each.child_by_field_name("name")
            if component is not None:
                inner.fields.setdefault(self.module.text(component), []).append(each)
        self._later(node, inner)

    def _members(self, body: Node, inner: LexicalScope) -> None:
        assert isinstance(inner, TypeScope)  # noqa: S101 - tells mypy what the callers pass
        for each in body.named_children:
            if each.type == "enum_body_declarations":
                self._members(each, inner)
            elif each.type in ("field_declaration", "constant_declaration"):
                for declarator in each.children_by_field_name("declarator"):
                    name = declarator.child_by_field_name("name")
                    if name is not None:
                        text = self.module.text(name)
                        inner.fields.setdefault(text, []).append(each)
                        self._remember(inner, text, each.child_by_field_name("type"), declarator)
            elif each.type in ("method_declaration", "enum_constant"):
                name = each.child_by_field_name("name")
                found = inner.methods if each.type == "method_declaration" else inner.fields
                if name is not None:
                    found.setdefault(self.module.text(name), []).append(each)

    def _remember(self, scope: LexicalScope, name: str, declared: Node | None, declarator: Node | None) -> None:
        if declared is not None and self.module.text(declared) == "var" and declarator is not None:
            value = declarator.child_by_field_name("value")
            is_new = value is not None and value.type == "object_creation_expression"
            declared = value.child_by_field_name("type") if value is not None and is_new else None
        self.module.declared_types.setdefault((scope.number, name), []).append(declared)

    def _declarations(self, node: Node, scope: LexicalScope) -> None:
        """Declare the variables that a node introduces."""
        if node.type in _DECLARED:
            self._declare(node.child_by_field_name("name"), scope, node.child_by_field_name("type"))
        elif node.type in ("local_variable_declaration", "spread_parameter"):
            declared = node.child_by_field_name("type")
            for each in node.named_children:
                if each.type == "variable_declarator":
                    self._declare(each.child_by_field_name("name"), scope, declared, each)
        elif node.type == "lambda_expression":
            parameters = node.child_by_field_name("parameters")
            if parameters is not None and parameters.type == "identifier":
                self._declare(parameters, scope, None)
        elif node.type == "inferred_parameters":
            for each in node.named_children:
                self._declare(each, scope, None)
        elif node.type in ("type_pattern", "record_pattern_component"):
            last = node.named_children[-1] if node.named_children else None
            if last is not None and last.type == "identifier":
                self._declare(last, scope, node.named_children[0])

    def _declare(
        self, name: Node | None, scope: LexicalScope, declared: Node | None, declarator: Node | None = None
    ) -> None:
        if name is not None:
            text = self.module.text(name)
            scope.declare(text, name.start_byte)
            self._remember(scope, text, declared, declarator)

    def _identifier(self, node: Node, scope: LexicalScope) -> None:
        parent = node.parent
        what, owner = "variable", None
        if parent is not None and parent.type == "method_invocation" and parent.child_by_field_name("name") == node:
            what, owner = "method", parent.child_by_field_name("object")
        elif parent is not None and parent.type == "field_access" and parent.child_by_field_name("field") == node:
            what, owner = "field", parent.child_by_field_name("object")
        elif parent is not None and parent.type == "method_reference" and parent.named_children[-1] == node:
            what, owner = "method", parent.named_children[0]
        elif parent is not None and parent.type == "method_declaration":
            what = "method declaration"
        elif (parent is not None and parent.type == "enum_constant") or self._declares_field(node):
            what = "field declaration"
        elif parent is not None and parent.type in _OTHER_PARENTS and not self._is_value(node, parent):
            what = "other"
        self.module.identifiers.append(Identifier(self.module.text(node), node, scope, what, owner))

    def _declares_field(self, node: Node) -> bool:
        parent = node.parent
        return (
            parent is not None
            and parent.type == "variable_declarator"
            and parent.child_by_field_name("name") == node
            and parent.parent is not None
            and parent.parent.type in ("field_declaration", "constant_declaration")
        )

    def _is_value(self, node: Node, parent: Node) -> bool:
        """Return whether an identifier is the value of an argument of an annotation, as in `@A(name = value)`."""
        if parent.type == "element_value_pair":
            return parent.child_by_field_name("value") == node
        return False


def build(path: str, tree: Tree, source: bytes) -> JavaModule:
    """Return the scopes and identifiers of a file."""
    return _Builder(path, tree, source).run()
