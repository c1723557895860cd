"""Decide whether an edit changes only documentation or only types, by comparing syntax trees.

Python files are compared by the standard library's `ast`, all others by the words of their tree-sitter trees.
"""

import ast
import warnings
from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language

CODE_CHANGED = "the edit also changes code"
NOT_PARSED = "the file cannot be compared, because Python cannot parse it"
TOO_DEEP = "the file cannot be compared, because its expressions are nested too deeply"
NOT_COMPARED = frozenset({NOT_PARSED, TOO_DEEP})

EXAMPLE = ">>>"
"""Start of an example in a docstring (`doctest`)."""

EVIDENCE_CHARACTERS = 60
"""Maximum number of characters of a removed text that the evidence quotes."""

_TYPE_NODES = frozenset({"type_annotation", "type_predicate_annotation", "asserts_annotation", "type_parameters"})
"""Kinds of syntax nodes that contain only types, in TypeScript."""


def more_than_documentation(language: Language, old: str, new: str) -> str:
    """Return what an edit changes besides adding documentation, as a sentence; empty if it changes nothing else.

    Raises:
        ParseTimeoutError: parsing takes too long.
    """
    if language.name != "python":
        return _removed_comment(language, old, new) or _changed_words(language, old, new, frozenset())
    before, after = _python(old), _python(new)
    if before is None or after is None:
        return NOT_PARSED
    texts, new_texts = _without_documentation(before), _without_documentation(after)
    if lost := list((Counter(texts) - Counter(new_texts)).elements()):
        return f"the edit removes or changes the docstring {_quoted(lost[0])}"
    if any(EXAMPLE in each for each in (Counter(new_texts) - Counter(texts)).elements()):
        return "the new docstring contains an example, and examples of small models are often wrong"
    return _removed_comment(language, old, new) or _difference(before, after)


def more_than_types(language: Language, old: str, new: str) -> str:
    """Return what an edit changes besides types, as a sentence; empty if it changes nothing else. Errors as above."""
    if language.name != "python":
        return _removed_comment(language, old, new) or _changed_words(language, old, new, _TYPE_NODES)
    before, after = _python(old), _python(new)
    if before is None or after is None:
        return NOT_PARSED
    try:
        _WithoutTypes().visit(before)
        _WithoutTypes().visit(after)
    except RecursionError:
        return TOO_DEEP
    return _removed_comment(language, old, new) or _difference(before, after)


def _python(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            # Python warns of invalid escapes in strings of the user's code.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _difference(before: ast.Module, after: ast.Module) -> str:
    try:
        return "" if ast.dump(before) == ast.dump(after) else CODE_CHANGED
    except RecursionError:
        return TOO_DEEP


def _without_documentation(tree: ast.Module) -> list[str]:
    """Remove all docstrings from a tree, and return them."""
    removed = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                removed.append(text)
                # A body must not be empty. `pass` also makes a body that was only a docstring comparable.
                node.body = node.body[1:] or [ast.Pass()]
    return removed


class _WithoutTypes(ast.NodeTransformer):
    """Removes the types of parameters, results and local variables.

    Annotations of a class body stay, because programs read them, for example `dataclasses`.
    """

    def __init__(self) -> None:
        self._local = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Visit a function; its annotated assignments are local."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Visit an asynchronous function."""
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Visit a class; annotations directly in its body stay."""
        outer, self._local = self._local, False
        self.generic_visit(node)
        self._local = outer
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Remove the type of a parameter."""
        node.annotation = None
        node.type_comment = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Turn `x: int = 1` into `x = 1`, and remove `x: int`."""
        self.generic_visit(node)
        if not self._local or not isinstance(node.target, ast.Name):
            return node
        return None if node.value is None else ast.Assign([node.target], node.value)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        outer, self._local = self._local, True
        node.returns = None
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        self._local = outer
        return node


def _removed_comment(language: Language, old: str, new: str) -> str:
    """Return a sentence about the first comment that the edit removes; empty if the new text has all comments."""
    before, after = (Counter(_comments(_root(language, text))) for text in (old, new))
    lost = next(iter(before - after), None)
    return "" if lost is None else f"the edit removes the comment {_quoted(lost)}"


def _changed_words(language: Language, old: str, new: str, without: frozenset[str]) -> str:
    """Return a sentence if two texts differ in more than comments and the given kinds of syntax nodes."""
    before, after = (list(_words(_root(language, text), without)) for text in (old, new))
    return "" if before == after else CODE_CHANGED


def _root(language: Language, text: str) -> Node | None:
    tree = parse(language, text.encode("utf-8", errors="replace"))
    return None if tree is None else tree.root_node


def _comments(root: Node | None) -> Iterator[str]:
    pending = [] if root is None else [root]
    while pending:
        node = pending.pop()
        if "comment" in node.type:
            yield " ".join((node.text or b"").decode("utf-8", "replace").split())
        else:
            pending += node.children


def _words(root: Node | None, without: frozenset[str]) -> Iterator[bytes]:
    """Yield the texts of the tree's leaves in text order, without comments and the given kinds of nodes."""
    pending = [] if root is None else [root]
    while pending:
        node = pending.pop()
        if "comment" in node.type or node.type in without:
            continue
        if node.child_count == 0:
            yield node.text or b""
        pending += reversed(node.children)


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f"`{line[:EVIDENCE_CHARACTERS]}{'…' if len(line) > EVIDENCE_CHARACTERS else ''}`"
