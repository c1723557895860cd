"""How much is suggested: the rest of a line, or a block where one is being opened or is empty; and where it ends."""

import re
from dataclasses import dataclass

from slm_lsp.engine.protocol import Stop
from slm_lsp.features.around import Surroundings, indentation, opens_block, width

MAX_BLOCK_LINES = 24
"""More than that nobody reads while typing."""

DOCSTRINGS = ('"""', "'''")

CLOSERS = ")]}"
_END = re.compile(r"end([-_ ]?\w+)?|done|fi|esac", re.IGNORECASE)


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


def block_end(shape: Shape, said: str, before: str) -> int | None:
    """Where in a growing answer its block has ended; None while it may go on.

    Args:
        shape: a block.
        said: the answer so far.
        before: the cursor's line up to the cursor.
    """
    lines = said.split("\n")
    at = 0
    for number, line in enumerate(lines):
        whole = number + 1 < len(lines)
        text = before + line if number == 0 else line
        inside = number > 0 or not before.strip()
        if inside and text.strip() and width(indentation(text)) <= shape.indent:
            if text.lstrip()[0] not in CLOSERS and not closes(text):
                return max(at - 1, 0)
            if not whole:
                return None
            body = line.lstrip()
            return at + len(line) - len(body) + (len(body) if closes(text) else 1)
        if whole and number + 1 >= MAX_BLOCK_LINES:
            return at + len(line)
        at += len(line) + 1
    return None


def closes(line: str) -> bool:
    """Whether a line does nothing but close a block."""
    code = line.strip().rstrip(";,.")
    return bool(code) and (all(each in CLOSERS for each in code) or _END.fullmatch(code) is not None)
