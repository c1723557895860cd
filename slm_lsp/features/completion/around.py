"""The document around the cursor, in the form that the rules and filters for suggestions need."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from slm_lsp.context.cursor import Cursor
from slm_lsp.context.snippets import Snippet
from slm_lsp.languages.registry import Language, language_of
from slm_lsp.languages.syntax_tree import SyntaxTree, syntax_tree
from slm_lsp.text import Lines

NEAR_LINES = 40
"""Number of lines above and below the cursor that `above` and `below` contain."""

DEFAULT_UNIT = "    "
"""Assumed indentation of one level in a document without indented lines."""


@dataclass(frozen=True)
class Surroundings:
    """The document around the cursor. The lines in `above` and `below` have no line ends."""

    before: str
    """The current line up to the cursor."""
    after: str
    """The current line from the cursor on."""
    above: tuple[str, ...] = ()
    """Up to `NEAR_LINES` lines above, including blank ones, in document order."""
    below: tuple[str, ...] = ()
    """Up to `NEAR_LINES` lines below, in document order."""
    head: str = ""
    """The document before the current line."""
    tail: str = ""
    """The document after the current line, starting with the end of that line."""
    language: Language | None = None
    snippets: tuple[Snippet, ...] = ()
    """The snippets of other files in the prompt."""
    earlier: SyntaxTree | None = field(default=None, compare=False, repr=False)
    """The syntax tree of an earlier version of the document, or of the document itself."""

    @cached_property
    def syntax(self) -> SyntaxTree:
        """The syntax tree of the document."""
        return syntax_tree(self.language, self.head + self.before + self.after + self.tail, self.earlier)

    @property
    def next_line(self) -> str:
        """The nearest line below that is not blank; empty if `below` has no such line."""
        return next((line for line in self.below if line.strip()), "")

    @property
    def line_above(self) -> str:
        """The nearest line above that is not blank; empty if `above` has no such line."""
        return next((line for line in reversed(self.above) if line.strip()), "")

    @cached_property
    def unit(self) -> str:
        """Indentation of one level: a tab, or the smallest increase of at least two spaces in `above` and `below`."""
        starts = [indentation(line) for line in (*self.above, *self.below) if line.strip()]
        if any(each.startswith("\t") for each in (*starts, self.before)):
            return "\t"
        steps = [width(later) - width(earlier) for earlier, later in pairwise(starts) if later > earlier]
        return " " * min((step for step in steps if step > 1), default=len(DEFAULT_UNIT))


def surroundings(
    text: str,
    offset: int,
    path: str = "",
    snippets: Sequence[Snippet] = (),
    language: str = "",
    syntax: SyntaxTree | None = None,
) -> Surroundings:
    """Return the surroundings of an offset in a text.

    Args:
        text: the whole document.
        offset: position of the cursor, in characters.
        path: path of the document; determines the language if the editor does not name it.
        snippets: the snippets of other files in the prompt.
        language: the editor's identifier of the document's language.
        syntax: the syntax tree of the document, or of an earlier version of it.
    """
    lines = Lines(text)
    at = lines.position(offset)
    current = lines.line(at.line)
    start, end = lines.starts[at.line], lines.starts[at.line] + len(current)
    return Surroundings(
        before=current[: at.column],
        after=current[at.column :],
        above=tuple(lines.line(n) for n in range(max(0, at.line - NEAR_LINES), at.line)),
        below=tuple(lines.line(n) for n in range(at.line + 1, min(len(lines.starts), at.line + 1 + NEAR_LINES))),
        head=text[:start],
        tail=text[end:],
        language=language_of(path, lines.line(0), language),
        snippets=tuple(snippets),
        earlier=syntax,
    )


def surroundings_of(cursor: Cursor, snippets: Sequence[Snippet] = ()) -> Surroundings:
    """Return the surroundings of a cursor; `snippets` are the snippets of other files in the prompt."""
    return surroundings(cursor.text, cursor.offset, cursor.path, snippets, cursor.language, cursor.syntax)


def indentation(line: str) -> str:
    """Return the whitespace at the start of a line."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def width(space: str) -> int:
    """Return the width of whitespace, in columns. A tab is as wide as `DEFAULT_UNIT`."""
    return len(space.expandtabs(len(DEFAULT_UNIT)))


def opens_block(line: str, language: Language | None) -> bool:
    """Return whether a line opens a block, so that the next line belongs to the block."""
    code = line.strip()
    if language is None or not code:
        return False
    for comment in language.line_comments:
        if code.startswith(comment):
            return False
    return any(_opens(code, opener) for opener in language.block_openers)


def _opens(code: str, opener: str) -> bool:
    if not opener[0].isalpha():
        return code.endswith(opener) and (opener != ":" or not code.endswith("::"))
    folded, word = code.lower(), opener.lower()
    return folded == word or folded.endswith(" " + word) or folded.startswith((word + " ", word + "("))
