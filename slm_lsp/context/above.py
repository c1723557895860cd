"""Selects lines above the prompt's window in a long file: imports and the headers of the enclosing blocks."""

from functools import lru_cache

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.index.extract import symbols
from slm_lsp.languages.registry import language_of

MAX_IMPORTS = 30
"""Maximum number of import statements."""

MAX_HEADERS = 5
"""Maximum number of headers of enclosing blocks."""


MAX_CHARACTERS = 1500
"""Maximum total length of the selected lines, in characters; about 400 tokens. Headers come after imports, so if the
lines are too long, headers are dropped first."""

MAX_IMPORT_LINES = 24
"""Maximum number of lines that are read of one import statement."""

BRACKETS = (("(", ")"), ("{", "}"), ("[", "]"))
PARSE_S = 0.25
"""Time limit for parsing, in seconds. After a timeout only the headers are returned."""

CACHED = 16
TAB = 8


@lru_cache(CACHED)
def above(path: str, text: str, first: str) -> str:
    r"""Return the imports and enclosing block headers above a window, with `\n` as line end.

    Args:
        path: path of the file; its name decides the language.
        text: all text above the window. It changes only when the window moves, so results are cached.
        first: the first non-blank line of the window. Blocks that enclose this line are found by indentation, which
            works in every language and in text that does not parse.
    """
    lines = text.split("\n")
    language = language_of(path, lines[0])
    try:
        imported = symbols(language, text, PARSE_S)[1]
    except ParseTimeoutError:
        imported = []
    numbers = list(dict.fromkeys(each.line for each in imported if each.line < len(lines)))[:MAX_IMPORTS]
    selected = [_statement(lines, number) for number in numbers] + _headers(lines, first)
    kept: list[str] = []
    for line in selected:
        if sum(len(each) + 1 for each in kept) + len(line) > MAX_CHARACTERS:
            break
        kept.append(line)
    return "".join(line + "\n" for line in kept)


def _statement(lines: list[str], number: int) -> str:
    """Return a line joined with the following lines until all its brackets are closed."""
    text = lines[number].rstrip()
    for line in lines[number + 1 : number + MAX_IMPORT_LINES]:
        if all(text.count(opened) <= text.count(closed) for opened, closed in BRACKETS):
            break
        text += f" {line.strip()}"
    return text


def _headers(lines: list[str], first: str) -> list[str]:
    """Return the lines that open the blocks around `first`, the outermost first.

    A line opens such a block when it is indented less than `first` and than all lines between them.
    """
    headers: list[str] = []
    depth = _depth(first)
    for line in reversed(lines):
        if depth == 0 or len(headers) == MAX_HEADERS:
            break
        if line.strip() and _depth(line) < depth:
            depth = _depth(line)
            if line.strip().strip("{}()[];"):
                headers.append(line.rstrip())
    return headers[::-1]


def _depth(line: str) -> int:
    plain = line.expandtabs(TAB)
    return len(plain) - len(plain.lstrip())
