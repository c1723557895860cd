"""Parameters of Python functions: calls can name them, so all calls must be known.

A function *escapes* if code uses it as a value, for example `map(function, values)`. It can then be called anywhere.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tree_sitter import Node

from slm_lsp.features.edit.rename.mentions import mentions
from slm_lsp.features.edit.rename.model import Found, Hazard, Key, Occurrence
from slm_lsp.features.edit.rename.python.scopes import Module, Scope, decorators, is_special
from slm_lsp.features.edit.rename.python.value import Value

if TYPE_CHECKING:
    from slm_lsp.features.edit.rename.python.resolver import PythonResolver

KEEPING_SIGNATURES = frozenset({
    "staticmethod", "classmethod", "property", "abstractmethod", "cached_property", "cache", "lru_cache",
    "contextmanager", "asynccontextmanager", "wraps", "final", "override", "setter", "getter", "deleter",
})  # fmt: skip
"""Decorators, by the last part of their name, that do not use the names of parameters."""

_TEST = re.compile(r"_*(?:test|pytest_|setup|setUp|teardown|tearDown)")


class Parameters:
    """Decides whether parameters can be renamed, and finds the calls that make this uncertain."""

    def __init__(self, resolver: "PythonResolver") -> None:
        self._resolver = resolver

    def refusal(self, module: Module, function: Scope, name: str) -> str:
        """Return why a parameter cannot be renamed; empty if it can."""
        called = _name_of(module, function)
        if _TEST.match(called):
            return f"Test frameworks use the names of the parameters of `{called}`."
        marks = [each.rpartition(".")[2] for each in decorators(module, function.node)]
        unknown = [each for each in marks if each not in KEEPING_SIGNATURES]
        if unknown:
            return f"The decorator `{unknown[0]}` may use the names of parameters."
        owner = _class_of(module, function)
        if owner is not None and not is_special(called):
            bases = self._resolver.values.classes.unknown_bases(owner, called)
            if bases and not _is_first(function, name, module):
                return f"`{called}` may override a method of {bases[0]}, whose callers can use the name `{name}`."
        return ""

    def hazards(self, module: Module, function: Scope, name: str, found: Found) -> Iterator[Hazard]:
        """Yield the calls that may name the parameter although the called function is not known."""
        if _is_first(function, name, module):
            return
        called = _name_of(module, function)
        owner = _class_of(module, function)
        if owner is not None:
            yield from self._overridden(owner, called, ("parameter", module.path, function.number, name), found)
        anywhere = is_special(called) or self._escapes(module, function, called)
        for path, occurrences in found.items():
            other = self._resolver.project.module(path)
            if other is None:
                continue
            for each in occurrences:
                if each.name != name or each.key is not None or each.role != "keyword":
                    continue
                if anywhere or _callee(other, each) == called:
                    yield Hazard(path, each.start, "the called function is not known")
            if anywhere:
                for mention in mentions(other.tree, other.source, name, occurrences):
                    if mention.where == "string":
                        yield Hazard(path, mention.start, "the string may name the parameter")

    def _overridden(self, owner: Value, called: str, key: Key, found: Found) -> Iterator[Hazard]:
        """Yield calls that name the parameter of a method that related classes also define."""
        if is_special(called):
            return
        classes = self._resolver.values.classes
        definers = classes.definers(owner, called)
        if len(definers) < 2:
            return
        for path, occurrences in found.items():
            for each in occurrences:
                if each.role == "keyword" and each.key is not None and each.key[3] == key[3]:
                    value = Value("function", each.key[1], each.key[2])
                    place = self._resolver.values.scope(value)
                    cls = None if place is None else _class_of(*place)
                    if cls in definers and place is not None and _name_of(*place) == called:
                        yield Hazard(path, each.start, f"several related classes define `{called}`")

    def _escapes(self, module: Module, function: Scope, called: str) -> bool:
        """Return whether the function is used as a value, or called with `**`."""
        key = self._key(module, function, called)
        if key is None or not called:
            return True
        files = [module] if key[0] in ("local", "parameter") else self._resolver.project.containing(called)
        for other in files:
            for each in self._resolver.occurrences(other.path, frozenset({called})):
                if each.key is None and each.role == "attribute" and key[0] == "member":
                    each_key: Key | None = key
                else:
                    each_key = each.key
                if each_key == key and _is_value(other, each):
                    return True
        return False

    def _key(self, module: Module, function: Scope, called: str) -> Key | None:
        around = function.parent
        while around is not None and around.kind == "type parameters":
            around = around.parent
        return None if around is None else self._resolver.binding_key(module, around, called)


def _name_of(module: Module, function: Scope) -> str:
    name = function.node.child_by_field_name("name")
    return "" if name is None else module.text(name)


def _class_of(module: Module, function: Scope) -> Value | None:
    owner = function.parent
    while owner is not None and owner.kind == "type parameters":
        owner = owner.parent
    return Value("class", module.path, owner.number) if owner is not None and owner.kind == "class" else None


def _is_first(function: Scope, name: str, module: Module) -> bool:
    """Return whether a parameter is the `self` or `cls` of a method. Calls never name it."""
    parameters = function.node.child_by_field_name("parameters")
    if _class_of(module, function) is None or parameters is None or not parameters.named_children:
        return False
    if "staticmethod" in decorators(module, function.node):
        return False
    return module.text(parameters.named_children[0]).partition(":")[0].strip() == name


def _callee(module: Module, keyword: Occurrence) -> str:
    """Return the last part of the name of the function to which a keyword argument is passed."""
    node = module.tree.root_node.descendant_for_byte_range(keyword.start, keyword.end)
    while node is not None and node.type != "call":
        node = node.parent
    function = None if node is None else node.child_by_field_name("function")
    return "" if function is None else module.text(function).rpartition(".")[2]


def _is_value(module: Module, occurrence: Occurrence) -> bool:
    """Return whether a function is used other than by a definition, an import, or a call without `**`."""
    node = module.tree.root_node.descendant_for_byte_range(occurrence.start, occurrence.end)
    if node is None or node.type != "identifier":
        return False  # a name in `__all__`
    parent = node.parent
    if parent is not None and parent.type == "attribute" and parent.child_by_field_name("attribute") == node:
        node, parent = parent, parent.parent
    if parent is None or (parent.type in ("function_definition", "dotted_name") and not _has_alias(parent)):
        return False
    if parent.type != "call" or parent.child_by_field_name("function") != node:
        return True
    arguments = parent.child_by_field_name("arguments")
    return arguments is None or any(_spreads(each) for each in arguments.named_children)


def _has_alias(node: Node) -> bool:
    """Return whether an import gives the function another name, under which its uses are not searched."""
    return node.parent is not None and node.parent.type == "aliased_import"


def _spreads(argument: Node) -> bool:
    return argument.type == "dictionary_splat"
