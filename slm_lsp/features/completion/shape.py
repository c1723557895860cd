"""How much is suggested: the rest of a line, or a block where one is being opened or is empty; and where it ends."""

import re
from dataclasses import dataclass
from functools import cache

from slm_lsp.engine.api import Stop
from slm_lsp.features.completion.around import Surroundings, indentation, opens_block, width
from slm_lsp.languages.registry import Language

MAX_BLOCK_LINES = 24
"""More than that nobody reads while typing."""

DOCSTRINGS = ('"""', "'''")

CLOSERS = ")]}"
_NAME = r"[\w.]*"
"""Pattern that replaces `*` in `Language.block_closers`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a suggestion may be."""

    block: bool
    indent: int = 0
    """Columns of the line that opens the block; what stands no deeper ends it."""


LINE = Shape(block=False)


def shape_of(around: Surroundings) -> Shape:
    """A block where the line above (or the cursor's, up to it) opens one that has nothing in it yet; else a line."""
    if around.after.strip():
        return LINE
    opener = around.before if around.before.strip() else _above(around)
    if not opens_block(opener, around.language):
        return LINE
    indent = width(indentation(opener))
    if around.next_line and width(indentation(around.next_line)) > indent:
        return LINE
    return Shape(block=True, indent=indent)


def _above(around: Surroundings) -> str:
    """The next line above that is code: what explains a block, a comment or a docstring, does not fill it."""
    comments = around.language.line_comments if around.language else ()
    lines = [line for line in around.above if line.strip()]
    while lines:
        code = lines[-1].strip()
        quotes = next((each for each in DOCSTRINGS if code.endswith(each)), None)
        if quotes is not None:
            start = next((n for n in range(len(lines), 0, -1) if _begins(lines[n - 1], quotes, n == len(lines))), 0)
            del lines[max(start - 1, 0) :]
        elif comments and code.startswith(comments):
            lines.pop()
        else:
            return lines[-1]
    return ""


def _begins(line: str, quotes: str, last: bool) -> bool:
    """Whether a docstring begins with a line; on its last one it does so only where that has its quotes twice."""
    return line.strip().startswith(quotes) and (not last or line.count(quotes) > 1)


def stop_of(shape: Shape, around: Surroundings) -> Stop:
    """Where the engine ends an answer by itself: a line with its end; behind a finished one it may be the next."""
    if shape.block:
        return Stop()
    behind_a_line = bool(around.before.strip()) and not around.after.strip()
    return Stop(("\n",), after_text=behind_a_line)


def block_end(shape: Shape, said: str, around: Surroundings) -> int | None:
    """Where in a growing answer its block has ended; None while it may go on.

    Args:
        shape: a block.
        said: the answer so far.
        around: what stands round the cursor.
    """
    before, language = around.before, around.language
    lines = said.split("\n")
    at = 0
    for number, line in enumerate(lines):
        whole = number + 1 < len(lines)
        text = before + line if number == 0 else line
        inside = number > 0 or not before.strip()
        if inside and text.strip() and width(indentation(text)) <= shape.indent:
            closing = closes(text, language)
            if text.lstrip()[0] not in CLOSERS and not closing:
                growing = not whole and _may_close(text, language)
                return None if growing else max(at - 1, 0)
            if not whole:
                return None
            body = line.lstrip()
            return at + len(line) - len(body) + (len(body) if closing else 1)
        if whole and number + 1 >= MAX_BLOCK_LINES:
            return at + len(line)
        at += len(line) + 1
    return None


def closes(line: str, language: Language | None) -> bool:
    """Whether a line does nothing but close a block: brackets, or one of the language's closing keywords."""
    code = line.strip().rstrip(";,.")
    if not code or all(each in CLOSERS for each in code):
        return bool(code)
    phrases = language.block_closers if language else ()
    return bool(phrases) and _closing_line(phrases).fullmatch(code) is not None


@cache
def _closing_line(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Matches the lines that a language's `block_closers` describe."""
    spelled = "|".join(r"\s+".join(map(re.escape, each.split())) for each in phrases)
    return re.compile(spelled.replace(re.escape("*"), _NAME), re.IGNORECASE)


def _may_close(line: str, language: Language | None) -> bool:
    """Whether the beginning of a line, such as `en`, may still become a line that closes a block."""
    said = " ".join(line.lower().split())
    for phrase in language.block_closers if language else ():
        head, star, _ = phrase.lower().partition("*")
        if head.startswith(said) or (star and said.startswith(head)):
            return True
    return False
