"""Finds where a file contains a name outside of its occurrences: in strings, in comments, and in unknown syntax."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tree_sitter import Node, Tree

from slm_lsp.features.edit.rename.model import Occurrence

Where: TypeAlias = Literal["comment", "text", "call", "string", "example", "code"]
"""The kind of text that contains a name:

- `comment`.
- `string`: a string that is only the name, or a path such as `package.name`.
- `example`: an example in a docstring, after `>>>`.
- `call`: in a longer string, and followed by `(`, for example in an error message that a test expects.
- `text`: in other strings.
- `code`: in code that the rules do not know.
"""

_COMMENTS = frozenset({"comment", "line_comment", "block_comment", "html_comment", "hash_bang_line"})
_STRINGS = ("string", "template")
_IMPORTS = frozenset({"import_statement", "export_statement", "import_spec"})
"""Nodes whose string is the path of a module."""
_PROSE = frozenset({"jsx_text", "regex", "regex_pattern", "format_specifier", "type_conversion"})
_EXAMPLE = re.compile(rb"[ \t]*(?:>>>|\.\.\. )")
_QUOTES = re.compile(rb"^[A-Za-z]{0,2}(?:\"\"\"|'''|[\"'`])|(?:\"\"\"|'''|[\"'`])$")
_CALL = re.compile(rb"[\w$]+\(")
_NAME_OR_PATH = re.compile(rb"[\w$]+(?:[.:]+[\w$]+)*")


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where the name is written although it is not an occurrence. The offset is in bytes."""

    start: int
    where: Where


def mentions(tree: Tree, source: bytes, name: str, occurrences: Iterable[Occurrence]) -> Iterator[Mention]:
    """Yield all places with a name that are not occurrences."""
    known = {each.start for each in occurrences}
    word = name.encode()
    for match in re.finditer(rb"(?<![\w$])" + re.escape(word) + rb"(?![\w$])", source):
        start = match.start()
        if start in known or not _is_whole_word(source, start, match.end()):
            continue
        node = tree.root_node.descendant_for_byte_range(start, match.end())
        if node is not None and not node.is_named and node.child_count == 0:
            continue  # a keyword that may also be a name, such as `get` in JavaScript
        yield Mention(start, "code" if node is None else _where(node, source, start))


def _is_whole_word(source: bytes, start: int, end: int) -> bool:
    r"""Return whether no letter outside of ASCII touches the word. `\w` in a pattern of bytes matches only ASCII."""
    return not (start > 0 and source[start - 1] >= 0x80) and not (end < len(source) and source[end] >= 0x80)


def _where(node: Node, source: bytes, start: int) -> Where:
    """Return where a word is, given the innermost node around it."""
    found: Node | None = node
    while found is not None and found.type != "identifier":
        if found.type in _COMMENTS:
            return "comment"
        if found.type in _PROSE:
            return "text"
        if any(each in found.type for each in _STRINGS) and "substitution" not in found.type:
            return _in_string(found, source, start)
        if found.child_count > 1:
            return "code"
        found = found.parent
    return "code"


def _in_string(node: Node, source: bytes, start: int) -> Where:
    if _EXAMPLE.match(source[source.rfind(b"\n", 0, start) + 1 : start]):
        return "example"
    content = _QUOTES.sub(b"", source[node.start_byte : node.end_byte])
    whole: Node | None = node
    while whole is not None and any(each in whole.type for each in _STRINGS):
        whole = whole.parent
    if _NAME_OR_PATH.fullmatch(content):
        return "text" if whole is not None and whole.type in _IMPORTS else "string"
    is_documentation = whole is not None and whole.type == "expression_statement"
    return "call" if not is_documentation and _CALL.match(source, start) else "text"
