"""What of a long file stands above its window and is read all the same: imports, and the heads of what is open."""

from functools import lru_cache

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.index.extract import symbols
from slm_lsp.languages.registry import language_of

MAX_IMPORTS = 30
MAX_HEADS = 5
MAX_CHARACTERS = 1500
"""About 400 tokens; where there is more, the first imports are kept."""

MAX_LINES = 24
"""Of one import."""

BRACKETS = (("(", ")"), ("{", "}"), ("[", "]"))
PARSE_S = 0.25
CACHED = 16
TAB = 8


@lru_cache(CACHED)
def above(path: str, text: str, first: str) -> str:
    r"""Lines of the text above a window that its reader has to know, line ends as `\n`.

    Args:
        path: of the file; its name says which language it is.
        text: everything above the window. It stays the same while the window does, and so does the answer.
        first: the first line of the window that is not blank; what is open there is found by indentation, which every
            language has, also where the text does not parse.
    """
    lines = text.split("\n")
    language = language_of(path, lines[0])
    try:
        imported = symbols(language, text, PARSE_S)[1]
    except ParseTimeoutError:
        imported = []
    chosen = list(dict.fromkeys(each.line for each in imported if each.line < len(lines)))[:MAX_IMPORTS]
    shown = [_whole(lines, number) for number in chosen] + _heads(lines, first)
    kept: list[str] = []
    for line in shown:
        if sum(len(each) + 1 for each in kept) + len(line) > MAX_CHARACTERS:
            break
        kept.append(line)
    return "".join(line + "\n" for line in kept)


def _whole(lines: list[str], number: int) -> str:
    """A line, with those that its open bracket goes on in, on one line."""
    text = lines[number].rstrip()
    for line in lines[number + 1 : number + MAX_LINES]:
        if all(text.count(opened) <= text.count(closed) for opened, closed in BRACKETS):
            break
        text += f" {line.strip()}"
    return text


def _heads(lines: list[str], first: str) -> list[str]:
    """Lines above that are indented less than all between them and `first`, outermost first."""
    heads: list[str] = []
    depth = _depth(first)
    for line in reversed(lines):
        if depth == 0 or len(heads) == MAX_HEADS:
            break
        if line.strip() and _depth(line) < depth:
            depth = _depth(line)
            if line.strip().strip("{}()[];"):
                heads.append(line.rstrip())
    return heads[::-1]


def _depth(line: str) -> int:
    plain = line.expandtabs(TAB)
    return len(plain) - len(plain.lstrip())
