"""Builds the window around the cursor and the fill-in-the-middle (FIM) prompt from it.

The prompt contains, in this order: the repository name, snippets of other files, the path of the file, the text before
the anchor, the text after the cursor, and the text between anchor and cursor, as the start of the answer. The order
prefix, suffix, middle is that of the Qwen2.5-Coder Technical Report (arXiv 2409.12186, section 3.2.1). Parts that
change rarely come first, so that a keystroke invalidates only the last tokens of the evaluated prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from slm_lsp.context.above import MAX_CHARACTERS, above
from slm_lsp.context.cursor import Cursor
from slm_lsp.context.snippets import Snippet
from slm_lsp.engine.api import FimTokens, Segment
from slm_lsp.privacy.secrets import mask
from slm_lsp.text import Lines

CHARACTERS_PER_TOKEN = 3.0
"""Estimated number of characters per token. Source code has 3 to 4 in Qwen2.5's vocabulary. With the lower figure, the
estimate is rarely below the true number of tokens, so budgets are rarely exceeded."""

LONG_CHARACTERS = 3 * MAX_CHARACTERS
"""Minimum prefix budget, in characters, at which lines above the window are included."""

MARGIN = 4000
"""Number of characters above and below the window that are also searched for secrets: the length of a 4,096-bit private
key."""

STEP_LINES = 64
"""Number of lines by which the start of the window moves at once. Between two moves the start of the prompt does not
change."""


@dataclass(frozen=True, slots=True)
class Window:
    r"""The part of a document that goes into the prompt. Line ends are `\n`; keys and passwords are masked.

    Args:
        prefix: the text before the anchor.
        typed: the text between the anchor and the cursor.
        suffix: the text after the cursor.
    """

    prefix: str
    typed: str
    suffix: str


def window(cursor: Cursor, anchor: int, prefix_tokens: int, suffix_tokens: int) -> Window:
    """Return the window around the cursor.

    Args:
        cursor: the document and the position of the cursor.
        anchor: offset of the anchor, at or before the cursor.
        prefix_tokens: maximum estimated number of tokens of the text before the anchor.
        suffix_tokens: maximum estimated number of tokens of the text after the cursor.
    """
    lines = Lines(cursor.text)
    start, heading = _start(cursor, lines, anchor, int(prefix_tokens * CHARACTERS_PER_TOKEN))
    end = _last_character(lines, cursor.offset, int(suffix_tokens * CHARACTERS_PER_TOKEN))
    cuts = (max(start - MARGIN, 0), start, anchor, cursor.offset, end, end + MARGIN)
    pieces = [_unix(cursor.text[each:following]) for each, following in pairwise(cuts)]
    # Mask all pieces at once: half a key, cut by the cursor or the window's edge, would not be recognized.
    masked = mask("".join(pieces))
    ends = list(accumulate(map(len, pieces)))
    prefix, typed, suffix = (masked[each:following] for each, following in pairwise(ends[:4]))
    return Window(mask(heading) + prefix, typed, suffix)


def _start(cursor: Cursor, lines: Lines, anchor: int, budget: int) -> tuple[int, str]:
    """Return the offset of the window's start, and the lines above it that are included."""
    start = _first_character(lines, anchor, budget)
    if start == 0 or budget < LONG_CHARACTERS:
        return start, ""
    start = _first_character(lines, anchor, budget - MAX_CHARACTERS)
    prefix = cursor.text[start:anchor]
    first = next((line for line in prefix.splitlines() if line.strip()), "")
    return start, above(cursor.path, _unix(cursor.text[:start]), first)


def _first_character(lines: Lines, offset: int, budget: int) -> int:
    """Return the offset at which the prefix starts: at a line whose number is a multiple of `STEP_LINES`.

    If no such line fits the budget, the prefix starts at the first line that fits. If the cursor's line alone exceeds
    the budget, the prefix starts inside this line.
    """
    if offset <= budget:
        return 0
    current = lines.position(offset).line
    first = lines.position(offset - budget).line + 1
    stepped = -(-first // STEP_LINES) * STEP_LINES
    if stepped <= current:
        return lines.starts[stepped]
    return lines.starts[first] if first <= current else offset - budget


def _last_character(lines: Lines, offset: int, budget: int) -> int:
    """Return the offset at which the suffix ends.

    This is a line end, or a position inside the cursor's line if this line alone exceeds the budget.
    """
    if len(lines.text) - offset <= budget:
        return len(lines.text)
    line = lines.position(offset + budget).line
    return max(lines.starts[line], offset) if lines.starts[line] > offset else offset + budget


def _unix(text: str) -> str:
    """Return the text with Unix line ends, without a byte order mark and without lone surrogates."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return plain.encode("utf-8", errors="replace").decode("utf-8")


def snippet_tokens(snippet: Snippet) -> float:
    """Return the estimated number of tokens of a snippet: its path, its text and the separator token."""
    return (len(snippet.path) + 1 + len(snippet.text)) / CHARACTERS_PER_TOKEN + 1


def prompt(
    cursor: Cursor, visible: Window, fim: FimTokens | None, snippets: Sequence[Snippet] = ()
) -> tuple[Segment, ...]:
    """Return the prompt for a model. Without FIM tokens the prompt is only the text before the cursor.

    Args:
        cursor: the document and the position of the cursor.
        visible: the window around the cursor.
        fim: the model's FIM tokens; None when it has none.
        snippets: snippets of other files, in the order of the prompt. Ignored for a model without a file separator.
    """
    typed = (Segment(visible.typed, heal=True),) if visible.typed else ()
    if fim is None:
        return (Segment(visible.prefix), *typed)
    return (
        *_header(cursor, fim, snippets),
        Segment(fim.prefix, special=True),
        Segment(visible.prefix),
        Segment(fim.suffix, special=True),
        Segment(visible.suffix),
        Segment(fim.middle, special=True),
        *typed,
    )


def _header(cursor: Cursor, fim: FimTokens, snippets: Sequence[Snippet]) -> tuple[Segment, ...]:
    repository = (
        (Segment(fim.repository, special=True), Segment(_unix(cursor.repository) + "\n")) if fim.repository else ()
    )
    if not fim.file:
        return repository
    file = Segment(fim.file, special=True)
    others = [part for each in snippets for part in (file, Segment(_unix(each.path) + "\n" + _unix(each.text)))]
    return (*repository, *others, file, Segment(_unix(cursor.path) + "\n"))
