"""Decides which JavaScript and TypeScript symbols cannot be renamed, and finds what makes a renaming uncertain."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tree_sitter import Node

from slm_lsp.features.edit.rename.javascript.classes import MEMBER_NODES, Value, body_of
from slm_lsp.features.edit.rename.javascript.scopes import Module
from slm_lsp.features.edit.rename.model import Found, Hazard, Key

if TYPE_CHECKING:
    from slm_lsp.features.edit.rename.javascript.resolver import JavaScriptResolver

ERRORS = frozenset({"Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError"})
MEMBERS_OF_ERRORS = frozenset({"cause", "columnNumber", "fileName", "lineNumber", "message", "name", "stack"})
MEMBERS_OF_OBJECTS = frozenset({
    "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "prototype", "then", "toJSON",
    "toLocaleString", "toString", "valueOf",
})  # fmt: skip
"""Members that the language itself uses."""

SYNTAX = "<syntax>"
"""Path in the key of a name that is not a symbol: a label, an HTML element, or the name after `as` in an export."""

_LOADS = re.compile(r"\b(?:require|import)\s*\(")
_MOCKS = re.compile(r"(?i)mock|spyOn|stub")


class Hazards:
    """Implements `refusal` and `hazards` of `Resolver`."""

    def __init__(self, resolver: "JavaScriptResolver") -> None:
        self._resolver = resolver
        self._project = resolver.project
        self._classes = resolver.classes

    def refusal(self, key: Key) -> str:
        """Return why a symbol cannot be renamed; empty if it can."""
        kind, path, number, name = key
        if kind == "file":
            return f"{path} is a file. Renaming a module would mean renaming its file, which is not supported."
        if kind == "external":
            if path == SYNTAX:
                return f"`{name}` is not a variable, function, class or member."
            return f"`{name}` is defined outside of the project, or under another name by `as`."
        if kind == "builtin":
            return f"`{name}` is not defined in this project."
        module = self._project.module(path)
        if module is None or module.tree.root_node.has_error:
            return f"{path} has syntax errors."
        if kind == "member":
            return self._member_refusal(key)
        scope = module.scopes[number]
        if name == "default":
            return "A default export has no name."
        if scope.kind == "namespace":
            return f"`{name}` is a member of a namespace. Such members cannot be renamed yet."
        for binding in scope.bindings.get(name, ()):
            if binding.kind == "parameter" and _is_parameter_property(binding.node):
                return f"The parameter `{name}` also declares a property."
        return ""

    def _member_refusal(self, key: Key) -> str:
        _, path, number, name = key
        if name.startswith("#"):
            return ""
        if name in MEMBERS_OF_OBJECTS:
            return f"`{name}` has a special meaning in JavaScript."
        for each in self._classes.related(Value("class", path, number)):
            module = self._project.module(each.path)
            if module is None:
                continue
            for base in self._classes.base_texts(each):
                if base not in ERRORS or name in MEMBERS_OF_ERRORS:
                    return f"The class of `{name}` inherits from {base}, which may define or use this name."
            node = module.scopes[each.number].node
            if any(child.type == "decorator" for child in _with_wrapper(node)):
                return f"A decorator of the class may use the member `{name}` by its name."
        return ""

    def of(self, key: Key, found: Found) -> Iterator[Hazard]:
        """Yield the places that make renaming a symbol uncertain."""
        kind, path, number, _ = key
        module = self._project.module(path)
        if module is None:
            return
        owner = module.scopes[number] if kind != "member" else None
        for call, scope in module.calls:
            function = call.child_by_field_name("function")
            is_eval = function is not None and module.text(function) == "eval"
            if is_eval and owner is not None and owner in scope.within():
                yield Hazard(path, call.start_byte, "`eval` can use names")
        if kind == "member":
            yield from self._member(key, found)
        elif kind == "local":
            yield from self._local(module, key, found)
        else:
            yield from self._module(module, key, found)

    def _local(self, module: Module, key: Key, found: Found) -> Iterator[Hazard]:
        """Yield uses outside of a block that may mean a function declared in this block.

        Without strict mode, such a function is visible outside of the block.
        """
        scope = module.scopes[key[2]]
        if scope.kind == "block" and any(each.kind == "function" for each in scope.bindings.get(key[3], ())):
            for each in found.get(module.path, ()):
                if each.key is not None and each.key[0] == "builtin" and each.name == key[3]:
                    yield Hazard(module.path, each.start, "the function may be visible here")

    def _member(self, key: Key, found: Found) -> Iterator[Hazard]:
        name = key[3]
        for path, occurrences in found.items():
            for each in occurrences:
                if each.name != name:
                    continue
                if each.key is None and each.role == "attribute":
                    yield Hazard(path, each.start, "the class of the object is not known")
                if path == key[1] and each.key is not None and each.key[0] == "builtin":
                    yield Hazard(path, each.start, "the name may be a member")

    def _module(self, module: Module, key: Key, found: Found) -> Iterator[Hazard]:
        name = key[3]
        if module.is_module and not self._resolver.is_exported(module, name):
            return
        for path, occurrences in found.items():
            other = self._project.module(path)
            for each in occurrences:
                if other is None or each.name != name:
                    continue
                if each.role == "name" and each.key is None:
                    yield Hazard(path, each.start, "the imported module is not known")
                elif each.key is not None and each.key[0] == "external" and not self._is_elsewhere(each.key[1]):
                    yield Hazard(path, each.start, "the imported module may be a part of the project")
                elif each.key is not None and each.key[0] == "builtin" and not module.is_module:
                    yield Hazard(path, each.start, "scripts share their top-level names")
                elif each.role == "attribute" and each.key is None and _may_be_module(other, each.start, each.end):
                    yield Hazard(path, each.start, "the object may be the module")

    def _is_elsewhere(self, module: str) -> bool:
        known = module == SYNTAX or module in self._project.sources.files
        return known or self._project.is_dependency(module)


def _may_be_module(module: Module, start: int, end: int) -> bool:
    """Return whether a property may belong to a module that is loaded or replaced by a call."""
    node = module.tree.root_node.descendant_for_byte_range(start, end)
    if node is None or body_of(node) is not None:
        return False
    owner = None if node.parent is None else node.parent.child_by_field_name("object")
    if owner is not None and owner.type == "identifier":
        name = module.text(owner)
        values = [each.value for scope in module.scopes for each in scope.bindings.get(name, ())]
        return any(value is not None and _LOADS.search(module.text(value)) for value in values)
    if owner is not None:
        return _LOADS.search(module.text(owner)) is not None
    above: Node | None = node.parent
    while above is not None and above.type not in ("statement_block", "program", "class_body"):
        if above.type == "variable_declarator":
            return _LOADS.search(module.text(above)) is not None
        if above.type == "call_expression":
            function = above.child_by_field_name("function")
            if function is not None and _MOCKS.search(module.text(function)):
                return True
        above = above.parent
    return False


def _is_parameter_property(name: Node) -> bool:
    """Return whether a parameter of a constructor has a modifier such as `private`, so that it declares a property."""
    above = name.parent
    modifiers = ("accessibility_modifier", "override_modifier", "readonly")
    return (
        above is not None
        and above.type in ("required_parameter", "optional_parameter")
        and any(each.type in modifiers for each in above.children)
    )


def _with_wrapper(node: Node) -> list[Node]:
    """Return the children of a class and of its body's members, and those of an `export` around it."""
    body = node.child_by_field_name("body")
    members = [] if body is None else [each for each in body.children if each.type in {*MEMBER_NODES, "decorator"}]
    inner = [child for member in members for child in member.children]
    around = node.parent.children if node.parent is not None and node.parent.type == "export_statement" else []
    return [*node.children, *members, *inner, *around]
