"""Reasons against renaming a Python symbol that follow from its definitions."""

import re

from tree_sitter import Node

from slm_lsp.features.edit.rename.model import Key
from slm_lsp.features.edit.rename.python.scopes import AttributeStore, Binding, Module, decorators

_TEST_FILE = re.compile(r"(?:^|/)(?:tests?/.*|test_[^/]*|[^/]*_test|conftest|tests)\.py$")
_FOUND_BY_NAME = re.compile(r"_*(?:test|Test|setup|setUp|teardown|tearDown|pytest_|load_tests|bench)")
"""Names by which test frameworks find code."""


def may_give(module: Module, node: Node, name: str) -> bool:
    """Return whether an expression that is not a plain string may evaluate to a name."""
    if node.type == "string":
        parts = [each for each in node.named_children if each.type in ("string_content", "interpolation")]
        if all(each.type == "string_content" for each in parts):
            return False  # `mentions` finds a whole string
        pattern = "".join(re.escape(module.text(each)) if each.type == "string_content" else ".*" for each in parts)
        return re.fullmatch(pattern, name) is not None
    if node.type == "binary_operator" and node.named_children:
        first = node.named_children[0]
        if first.type == "string" and len(first.named_children) == 3:
            prefix = module.text(first.named_children[1]).partition("%")[0]
            return name.startswith(prefix)
    return True


def foreign(key: Key) -> str:
    """Return why a symbol that the project does not define cannot be renamed."""
    kind, path, _, name = key
    if kind == "file":
        return f"{path} is a file. Renaming a module would mean renaming its file, which is not supported."
    if kind == "external":
        return f"`{name or path}` is defined outside of the project."
    return f"`{name}` is not defined in this project."


def found_by_name(module: Module, definitions: "list[Binding | AttributeStore]", name: str) -> str:
    """Return why a definition must keep its name: a test framework finds it by its name. Otherwise return ""."""
    for each in definitions:
        if not isinstance(each, Binding) or each.value is None or each.kind not in ("function", "class"):
            continue
        if any("fixture" in mark or "hookimpl" in mark for mark in decorators(module, each.value)):
            return f"pytest finds `{name}` by its name."
        if _TEST_FILE.search(module.path) and _FOUND_BY_NAME.match(name):
            return f"Test frameworks find `{name}` by its name."
    return ""


def is_method(entry: "Binding | AttributeStore") -> bool:
    """Return whether a member is a method or an inner class, not a field."""
    return isinstance(entry, Binding) and entry.kind in ("function", "class")


def is_dotted_import(binding: Binding) -> bool:
    """Return whether `import name.module` binds a name. Such an import cannot bind another name."""
    parent = binding.node.parent
    return (
        binding.imported is not None
        and not binding.imported.aliased
        and parent is not None
        and parent.type == "dotted_name"
        and parent.named_child_count > 1
    )
