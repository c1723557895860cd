"""Turn a model's answer into the new text of a unit, or return the reason why the answer cannot be used.

Each step is a pure function from text to text. Small models add fences, explanations and repeated context even when the
prompt forbids it. Each step removes one kind of such additions; `tests/features/edit/test_cleaning.py` has real
examples.
"""

import re
from dataclasses import dataclass

from slm_lsp.features.completion.around import indentation

EMPTY = "the model returned no code"
CUT_OFF = "the answer was cut off at the limit of tokens"

MIN_ECHO_LINES = 2
"""Lines around the unit that an answer repeats are removed if there are at least this many. A single repeated line may
be intended."""

CONTEXT_LINES = 12
"""Number of lines above and below the unit that are compared with the start and the end of an answer."""

_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\n|\r")
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n`]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Surrounding:
    r"""The unit that the answer replaces, and the text around it. Line ends are `\n`."""

    unit: str
    above: str = ""
    """Text of the document before the unit, without its last line end."""
    below: str = ""
    """Text of the document after the unit, without its first line end."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An answer that cannot be used."""

    reason: str


def clean(answer: str, surrounding: Surrounding, *, finished: bool = True, fenced: bool = False) -> str | Rejected:
    """Return the new text of a unit.

    Args:
        answer: what the model generated.
        surrounding: the unit and the text around it.
        finished: whether the model ended the answer itself. If the token limit ended it, its fence must be closed.
        fenced: whether the prompt has already opened a fence, so that the answer starts with code.
    """
    text = _plain(answer)
    text = without_thoughts(text)
    text, closed = inside_fence(text, fenced=fenced)
    if not finished and not closed:
        return Rejected(CUT_OFF)
    text = without_blank_edges(text)
    text = without_echo(text, surrounding)
    text = reindented(text, surrounding.unit)
    return text if text.strip() else Rejected(EMPTY)


def without_thoughts(text: str) -> str:
    """Remove `<think>` blocks."""
    return _THOUGHT.sub("", text)


def inside_fence(text: str, *, fenced: bool) -> tuple[str, bool]:
    """Return the code of the first fenced block, and whether the block was closed.

    If the text has no fence, all of it is code.

    Args:
        text: the answer.
        fenced: whether the prompt has already opened the fence.
    """
    fences = list(_FENCE.finditer(text))
    if fenced:
        # A model may repeat the opening fence that the prompt already has.
        if fences and not text[: fences[0].start()].strip() and fences[0].group().strip().strip("`~"):
            text, fences = text[fences[0].end() :], []
            fences = list(_FENCE.finditer(text))
        return (text[: fences[0].start()], True) if fences else (text, False)
    if not fences:
        return text, False
    opening = fences[0]
    closing = next((each for each in fences[1:] if each.group(1)[0] == opening.group(1)[0]), None)
    end = len(text) if closing is None else closing.start()
    return text[opening.end() : end], closing is not None


def without_blank_edges(text: str) -> str:
    """Remove blank lines at the start and end; the indentation of the first line stays."""
    lines = text.split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    return "\n".join(line.rstrip() if not line.strip() else line for line in lines)


def without_echo(text: str, surrounding: Surrounding) -> str:
    """Remove lines around the unit that the answer repeats at its start and end."""
    lines = text.split("\n")
    above = surrounding.above.split("\n")[-CONTEXT_LINES:] if surrounding.above else []
    below = surrounding.below.split("\n")[:CONTEXT_LINES] if surrounding.below else []
    unit = [line.strip() for line in surrounding.unit.split("\n")]
    first = _repeated(lines, above, at_end=False)
    if first and [line.strip() for line in lines[:first]] != unit[:first]:
        lines = lines[first:]
    last = _repeated(lines, below, at_end=True)
    if last and [line.strip() for line in lines[-last:]] != unit[-last:]:
        lines = lines[:-last]
    return without_blank_edges("\n".join(lines))


def _repeated(lines: list[str], context: list[str], *, at_end: bool) -> int:
    """Return how many lines at the start or the end of an answer repeat the adjacent lines of the context."""
    stripped, around = [line.strip() for line in lines], [line.strip() for line in context]
    for count in range(min(len(lines) - 1, len(around)), MIN_ECHO_LINES - 1, -1):
        same = stripped[-count:] == around[:count] if at_end else stripped[:count] == around[-count:]
        if same and sum(map(bool, stripped[-count:] if at_end else stripped[:count])) >= MIN_ECHO_LINES:
            return count
    return 0


def reindented(text: str, unit: str) -> str:
    """Shift an answer to the indentation of the unit's first line.

    A prefilled or fenced answer often starts at column 0 although its unit is indented. All lines are shifted by the
    same amount. If only the first line lost its indentation, only that line is shifted.
    """
    wanted = _first_indentation(unit)
    lines = text.split("\n")
    have = _first_indentation(text)
    if have == wanted:
        return text
    others = [indentation(line) for line in lines[1:] if line.strip()]
    if (
        not have
        and others
        and wanted
        and all(each.startswith(wanted) for each in others)
        and _nested(unit, others, wanted)
    ):
        return "\n".join([wanted + lines[0], *lines[1:]])
    return "\n".join(wanted + line.removeprefix(have) if line.strip() else line for line in lines)


def _nested(unit: str, others: list[str], wanted: str) -> bool:
    """Return whether the other lines are indented as in the unit, so that only the first line lost its indentation."""
    rest = [indentation(line) for line in unit.split("\n")[1:] if line.strip()]
    return bool(rest) and min(map(len, others)) >= min(map(len, rest)) >= len(wanted)


def _first_indentation(text: str) -> str:
    return next((indentation(line) for line in text.split("\n") if line.strip()), "")


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def with_line_ends(text: str, document: str) -> str:
    """Return a text with the line ends that the document uses."""
    first = _LINE_END.search(document)
    end = first.group() if first else "\n"
    return text.replace("\n", end)


def surrounding_of(document: str, start: int, end: int) -> Surrounding:
    r"""Return the unit from `start` to `end` with the text around it, both with `\n` as line ends."""
    above, below = document[:start], document[end:]
    return Surrounding(_plain(document[start:end]), _plain(above).removesuffix("\n"), _plain(below).removeprefix("\n"))
