"""Decides whether to suggest the rest of a line or a whole block, and where a generated block ends."""

import re
from dataclasses import dataclass
from functools import cache

from slm_lsp.engine.api import Stop
from slm_lsp.features.completion.around import Surroundings, indentation, opens_block, width
from slm_lsp.languages.registry import Language

MAX_BLOCK_LINES = 24
"""Maximum number of lines of a suggested block. Few users read more while typing."""

DOCSTRINGS = ('"""', "'''")

CLOSERS = ")]}"
_NAME = r"[\w.]*"
"""Pattern that replaces `*` in `Language.block_closers`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a suggestion: a single line or a block."""

    block: bool
    """Whether the suggestion may have several lines."""
    indent: int = 0
    """Indentation, in columns, of the line that opens the block. A line that is not indented deeper ends the block."""


LINE = Shape(block=False)


def shape_of(around: Surroundings) -> Shape:
    """Return a block if the cursor is in an empty block or at the end of a line that opens one; otherwise a line."""
    if around.after.strip():
        return LINE
    opener = around.before if around.before.strip() else _code_line_above(around)
    if not opens_block(opener, around.language):
        return LINE
    indent = width(indentation(opener))
    if around.next_line and width(indentation(around.next_line)) > indent:
        return LINE
    return Shape(block=True, indent=indent)


def _code_line_above(around: Surroundings) -> str:
    """Return the nearest line above that is not blank and not in a comment or docstring; empty if no line is."""
    comments = around.language.line_comments if around.language else ()
    lines = [line for line in around.above if line.strip()]
    while lines:
        code = lines[-1].strip()
        quotes = next((each for each in DOCSTRINGS if code.endswith(each)), None)
        if quotes is not None:
            starts = (n for n in range(len(lines), 0, -1) if _starts_docstring(lines[n - 1], quotes, n == len(lines)))
            del lines[max(next(starts, 0) - 1, 0) :]
        elif comments and code.startswith(comments):
            lines.pop()
        else:
            return lines[-1]
    return ""


def _starts_docstring(line: str, quotes: str, last: bool) -> bool:
    """Return whether a line starts a docstring. If it is also the last line, it must contain the quotes twice."""
    return line.strip().startswith(quotes) and (not last or line.count(quotes) > 1)


def stop_of(shape: Shape, around: Surroundings) -> Stop:
    """Return the stop rule for the engine: a single line stops at a line end; a block has no stop string.

    If the cursor is at the end of a line with text, the model may suggest the next line instead. The answer may then
    start with line ends, so the stop rule applies only after the first character that is not white space.
    """
    if shape.block:
        return Stop()
    after_finished_line = bool(around.before.strip()) and not around.after.strip()
    return Stop(("\n",), after_text=after_finished_line)


def block_end(shape: Shape, answer: str, around: Surroundings) -> int | None:
    """Return the length at which the block in a growing answer ends; None if it may continue.

    Args:
        shape: the shape of the block.
        answer: the text generated so far.
        around: the document around the cursor.
    """
    before, language = around.before, around.language
    lines = answer.split("\n")
    start = 0
    for number, line in enumerate(lines):
        complete = number + 1 < len(lines)
        text = before + line if number == 0 else line
        inside = number > 0 or not before.strip()
        if inside and text.strip() and width(indentation(text)) <= shape.indent:
            closing = closes(text, language)
            if text.lstrip()[0] not in CLOSERS and not closing:
                undecided = not complete and _may_close(text, language)
                return None if undecided else max(start - 1, 0)
            if not complete:
                return None
            body = line.lstrip()
            return start + len(line) - len(body) + (len(body) if closing else 1)
        if complete and number + 1 >= MAX_BLOCK_LINES:
            return start + len(line)
        start += len(line) + 1
    return None


def closes(line: str, language: Language | None) -> bool:
    """Return whether a line only closes a block, with brackets or with a closing keyword of the language."""
    code = line.strip().rstrip(";,.")
    if not code or all(each in CLOSERS for each in code):
        return bool(code)
    phrases = language.block_closers if language else ()
    return bool(phrases) and _closing_line(phrases).fullmatch(code) is not None


@cache
def _closing_line(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern for the lines that a language's `block_closers` describe."""
    spelled = "|".join(r"\s+".join(map(re.escape, each.split())) for each in phrases)
    return re.compile(spelled.replace(re.escape("*"), _NAME), re.IGNORECASE)


def _may_close(line: str, language: Language | None) -> bool:
    """Return whether an incomplete line, such as `en`, may still become a line that closes a block."""
    typed = " ".join(line.lower().split())
    for phrase in language.block_closers if language else ():
        head, star, _ = phrase.lower().partition("*")
        if head.startswith(typed) or (star and typed.startswith(head)):
            return True
    return False
