"""What stands round a cursor, as the rules about suggestions look at it."""

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
"""So many lines above and below are looked at."""

DEFAULT_UNIT = "    "


@dataclass(frozen=True)
class Surroundings:
    r"""What stands round the cursor, line ends as `\n`."""

    before: str
    """The current line up to the cursor."""
    after: str
    """The current line behind the cursor."""
    above: tuple[str, ...] = ()
    """The nearest lines above, blank ones too, the nearest last."""
    below: tuple[str, ...] = ()
    """The nearest lines below, the nearest first."""
    head: str = ""
    """The document before the current line."""
    tail: str = ""
    """The document behind the current line, with that line's end."""
    language: Language | None = None
    snippets: tuple[Snippet, ...] = ()
    """What was read of other files."""
    earlier: SyntaxTree | None = field(default=None, compare=False, repr=False)
    """The tree of an earlier version of the document, or of the document itself."""

    @cached_property
    def syntax(self) -> SyntaxTree:
        """The tree of the document."""
        return syntax_tree(self.language, self.head + self.before + self.after + self.tail, self.earlier)

    @property
    def next_line(self) -> str:
        """The next line below that is not blank; empty where there is none."""
        return next((line for line in self.below if line.strip()), "")

    @property
    def line_above(self) -> str:
        """The next line above that is not blank; empty where there is none."""
        return next((line for line in reversed(self.above) if line.strip()), "")

    @cached_property
    def unit(self) -> str:
        """One step of indentation: a tab, or the smallest step that the lines near by take."""
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
    """Return the text around a cursor.

    Args:
        text: the whole document.
        offset: of the cursor, in characters.
        path: of the document; its name determines the language.
        snippets: pieces of other files in the prompt.
        language: the editor's identifier of the language.
        syntax: the tree of the document, or of an earlier version of it.
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
    """Return the text around a cursor; `snippets` are the pieces of other files in the prompt."""
    return surroundings(cursor.text, cursor.offset, cursor.path, snippets, cursor.language, cursor.syntax)


def indentation(line: str) -> str:
    """The white space that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def width(space: str) -> int:
    """Columns of white space, a tab being as wide as the usual step."""
    return len(space.expandtabs(len(DEFAULT_UNIT)))


def opens_block(line: str, language: Language | None) -> bool:
    """Whether the next line belongs to a block that this one opens."""
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
