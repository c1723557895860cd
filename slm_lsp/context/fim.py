"""The window round the cursor and the fill-in-the-middle prompt made of it.

Order: repository name first, then snippets of other files, then the path, which change least, then what stands before
the cursor, then what stands behind it (Qwen2.5-Coder Technical Report, arXiv 2409.12186, section 3.2.1), then what was
typed since the anchor was set, as the beginning of the answer. What is stable stands early, so that a keystroke leaves
the evaluated prompt as it was.
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
"""Source code in Qwen2.5's vocabulary has 3 to 4 characters a token; the smaller figure keeps budgets honest."""

LONG_CHARACTERS = 3 * MAX_CHARACTERS
"""Of a smaller budget nothing is spent on what stands above the window."""

MARGIN = 4000
"""Characters above and below the window that are looked at for keys: as many as a private key of 4,096 bits has."""

STEP_LINES = 64
"""The window's first line moves in steps of so many lines: between two steps the prompt begins alike."""


@dataclass(frozen=True, slots=True)
class Window:
    r"""What of a document goes into the prompt: line ends as `\n`, keys and passwords masked."""

    prefix: str
    typed: str
    """What stands between the anchor and the cursor."""
    suffix: str


def window(cursor: Cursor, anchor: int, prefix_tokens: int, suffix_tokens: int) -> Window:
    """The text round the cursor, as much as the budgets hold; `anchor` is an offset at or before the cursor."""
    lines = Lines(cursor.text)
    start, head = _begin(cursor, lines, anchor, int(prefix_tokens * CHARACTERS_PER_TOKEN))
    end = _last_character(lines, cursor.offset, int(suffix_tokens * CHARACTERS_PER_TOKEN))
    cuts = (max(start - MARGIN, 0), start, anchor, cursor.offset, end, end + MARGIN)
    pieces = [_unix(cursor.text[each:following]) for each, following in pairwise(cuts)]
    # Together, since a key that the cursor or the window's end cuts in two is none to either side.
    masked = mask("".join(pieces))
    ends = list(accumulate(map(len, pieces)))
    prefix, typed, suffix = (masked[each:following] for each, following in pairwise(ends[:4]))
    return Window(mask(head) + prefix, typed, suffix)


def _begin(cursor: Cursor, lines: Lines, anchor: int, budget: int) -> tuple[int, str]:
    """Where the window begins, and what is read of the text above it."""
    start = _first_character(lines, anchor, budget)
    if start == 0 or budget < LONG_CHARACTERS:
        return start, ""
    start = _first_character(lines, anchor, budget - MAX_CHARACTERS)
    shown = cursor.text[start:anchor]
    first = next((line for line in shown.splitlines() if line.strip()), "")
    return start, above(cursor.path, _unix(cursor.text[:start]), first)


def _first_character(lines: Lines, offset: int, budget: int) -> int:
    """Where the prefix begins: on a multiple of `STEP_LINES`, or on any line where that is behind the cursor's."""
    if offset <= budget:
        return 0
    current = lines.position(offset).line
    first = lines.position(offset - budget).line + 1
    stepped = -(-first // STEP_LINES) * STEP_LINES
    if stepped <= current:
        return lines.starts[stepped]
    return lines.starts[first] if first <= current else offset - budget


def _last_character(lines: Lines, offset: int, budget: int) -> int:
    """Where the suffix ends: at the end of a line, or inside the cursor's line where that alone is too long."""
    if len(lines.text) - offset <= budget:
        return len(lines.text)
    line = lines.position(offset + budget).line
    return max(lines.starts[line], offset) if lines.starts[line] > offset else offset + budget


def _unix(text: str) -> str:
    """Line ends as the model knows them; no byte order mark, and nothing that is no character."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return plain.encode("utf-8", errors="replace").decode("utf-8")


def snippet_tokens(snippet: Snippet) -> float:
    """What a snippet takes of a budget, as an estimate: its path, its text and the token between files."""
    return (len(snippet.path) + 1 + len(snippet.text)) / CHARACTERS_PER_TOKEN + 1


def prompt(
    cursor: Cursor, shown: Window, fim: FimTokens | None, snippets: Sequence[Snippet] = ()
) -> tuple[Segment, ...]:
    """The prompt for a model with these tokens; for a model without, just the text before the cursor.

    Args:
        cursor: where the cursor is.
        shown: the text round it.
        fim: the model's tokens.
        snippets: of other files, in this order; a model without a token between files gets none.
    """
    typed = (Segment(shown.typed, heal=True),) if shown.typed else ()
    if fim is None:
        return (Segment(shown.prefix), *typed)
    return (
        *_header(cursor, fim, snippets),
        Segment(fim.prefix, special=True),
        Segment(shown.prefix),
        Segment(fim.suffix, special=True),
        Segment(shown.suffix),
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
