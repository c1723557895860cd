"""Decides which refactorings by the model make sense at a place, by rules on the syntax tree."""

from collections.abc import Iterator

from tree_sitter import Node

from slm_lsp.features.edit.offer import REWRITE, Offer, Place, Rewrite, enclosing, inside, place_of, wrapped
from slm_lsp.features.edit.offers_python import of_function, of_place
from slm_lsp.languages.docs import documentation
from slm_lsp.languages.parse import LIMIT_S
from slm_lsp.languages.syntax_tree import SyntaxTree

LONG_FUNCTION_LINES = 40
"""Splitting is offered for functions with more lines than this."""

FUNCTIONS = frozenset(
    {
        "constructor_declaration", "function", "function_declaration", "function_definition", "function_item",
        "generator_function_declaration", "init_declaration", "local_function_statement", "method",
        "method_declaration", "method_definition", "singleton_method", "subroutine",
        "subroutine_declaration_statement",
    }
)  # fmt: skip
"""Kinds of syntax nodes that are functions with a name, in all grammars."""

FUNCTION_VALUES = frozenset({"arrow_function", "function_expression", "generator_function"})
"""Kinds of syntax nodes that are functions if they are assigned to a variable."""

DECLARATIONS = frozenset({"lexical_declaration", "variable_declaration"})

WITH_PROMISES = frozenset({"javascript", "tsx", "typescript"})

DOC_COMMENTS = {
    "csharp": "an XML documentation comment",
    "go": "a doc comment that starts with the name of the function",
    "java": "a Javadoc comment",
    "javascript": "a JSDoc comment",
    "kotlin": "a KDoc comment",
    "php": "a PHPDoc comment",
    "rust": "a `///` doc comment",
    "tsx": "a JSDoc comment",
    "typescript": "a TSDoc comment",
}
"""What the documentation of a function is called, for languages that have a special name for it."""

__all__ = ["REWRITE", "Offer", "offers"]


def offers(syntax: SyntaxTree, selection: tuple[int, int]) -> tuple[Offer, ...]:
    """Return the refactorings that make sense at a selection, the most specific first.

    Args:
        syntax: the syntax tree of the document.
        selection: start and end offset, in characters. They are equal for a cursor.

    Raises:
        ParseTimeoutError: parsing the document takes too long.
    """
    tree, language, text = syntax.tree(LIMIT_S), syntax.language, syntax.text
    if tree is None or language is None:
        return ()
    start, end = (len(text[:each].encode("utf-8", errors="replace")) for each in selection)
    place = place_of(syntax.source, tree.root_node, start, end)
    return tuple(_offer(place.source, each) for each in _rewrites(language.name, place))


def _rewrites(language: str, place: Place) -> Iterator[Rewrite]:
    if language == "python":
        yield from of_place(place)
    if place.has_several_lines and language in WITH_PROMISES and _has_promise(place.node, place):
        yield _async(place.start, place.end)
    function = _function(place)
    if function is not None:
        yield from _of_function(language, place, function)
    elif place.has_several_lines:
        yield Rewrite("Simplify the selection", _simplify("this code"), place.start, place.end)


def _function(place: Place) -> Node | None:
    """Return the innermost function around the place.

    If several lines are selected, return a function only if the selection is the whole function.
    """
    function = enclosing(place.node, FUNCTIONS | FUNCTION_VALUES)
    while function is not None and function.type in FUNCTION_VALUES:
        declaration = enclosing(function, DECLARATIONS, outside={"arguments", "statement_block"})
        if declaration is not None and function.parent is not None and function.parent.type == "variable_declarator":
            function = declaration
        else:
            function = enclosing(function.parent, FUNCTIONS | FUNCTION_VALUES)
    if function is None or function.end_point.row == function.start_point.row:
        return None
    if place.has_several_lines and not (place.is_exactly(function) or place.is_exactly(wrapped(function))):
        return None
    return function


def _of_function(language: str, place: Place, function: Node) -> Iterator[Rewrite]:
    """Yield the refactorings of a whole function."""
    whole = wrapped(function)
    first, last = whole.start_byte, whole.end_byte
    if language == "python":
        yield from of_function(place, function)
    elif not documentation(whole, None, place.source, language):
        comment = DOC_COMMENTS.get(language, "a documentation comment")
        instruction = f"Add {comment} above this function. Do not change the code."
        yield Rewrite("Add a doc comment", instruction, first, last)
    if language in WITH_PROMISES and not place.has_several_lines and _has_promise(function, place):
        yield _async(first, last)
    if function.end_point.row - function.start_point.row + 1 > LONG_FUNCTION_LINES:
        instruction = (
            "Split this function into smaller functions. Keep the name and the parameters of this function, and do not "
            "change what it does."
        )
        yield Rewrite("Split this function", instruction, first, last)
    yield Rewrite("Simplify this function", _simplify("this function"), first, last)


def _has_promise(node: Node, place: Place) -> bool:
    """Return whether the selected part of a node calls `.then(…)`; for a cursor, whether the node does."""
    span = (node.start_byte, node.end_byte) if place.is_cursor else (place.start, place.end)
    for each in inside(node, span):
        called = each.child_by_field_name("function") if each.type == "call_expression" else None
        name = called.child_by_field_name("property") if called is not None else None
        if name is not None and place.text(name) == b"then":
            return True
    return False


def _async(first: int, last: int) -> Rewrite:
    instruction = (
        "Use async and await instead of `.then(…)` and `.catch(…)`. Handle errors as before, with try and catch."
    )
    return Rewrite("Convert to async/await", instruction, first, last)


def _simplify(what: str) -> str:
    return f"Simplify {what} without changing what it does."


def _offer(source: bytes, found: Rewrite) -> Offer:
    first, last = (len(source[:at].decode("utf-8", errors="replace")) for at in (found.first, found.last))
    return Offer(found.title, found.instruction, first, last)
