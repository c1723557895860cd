"""Suggestions that were made before: what is typed into one, or accepted of it, leaves the rest of it to show."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from slm_lsp.context.cursor import Cursor
from slm_lsp.features.completion.around import indentation, surroundings, width
from slm_lsp.features.completion.complete import Alternative, Completion, line_end
from slm_lsp.features.completion.filters import (
    AUTO_CLOSED,
    Draft,
    cut_where_the_line_goes_on,
    replace_what_the_editor_closed,
)

REMEMBERED = 64
"""Suggestions that are kept, of all documents; each with the text it was made for."""

NEAR = 2_000
"""So many characters round the cursor tell whether a text is the one that a suggestion was made for, beside lengths."""


@dataclass(frozen=True, slots=True)
class Known:
    """A suggestion, and where it was made."""

    path: str
    before: str
    """The document up to the cursor."""
    after: str
    """The document behind it."""
    completion: Completion


class Cache:
    """The last suggestions of all documents."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._known: deque[Known] = deque(maxlen=size)

    def put(self, cursor: Cursor, completion: Completion) -> None:
        """Remember what was suggested at a place."""
        if completion.text:
            before, after = cursor.text[: cursor.offset], cursor.text[cursor.offset :]
            self._known.appendleft(Known(cursor.path, before, after, completion))

    def get(self, cursor: Cursor) -> Completion | None:
        """What is left of an earlier suggestion at a place; the latest one counts."""
        return find(self._known, cursor)

    def forget(self, path: str) -> None:
        """A document is not open any more."""
        kept = [each for each in self._known if each.path != path]
        self._known = deque(kept, self._known.maxlen)


def find(known: Iterable[Known], cursor: Cursor) -> Completion | None:
    """The first suggestion of which something is left at a place."""
    before, after = cursor.text[: cursor.offset], cursor.text[cursor.offset :]
    for each in known:
        if each.path != cursor.path or not before.startswith(each.before):
            continue
        typed = before[len(each.before) :]
        closed = len(after) - len(each.after)
        if closed < 0 or after[closed:] != each.after or not set(after[:closed]) <= AUTO_CLOSED:
            continue
        found = _left(each.completion, typed, closed, cursor)
        if found is not None:
            return found
    return None


def _left(completion: Completion, typed: str, closed: int, cursor: Cursor) -> Completion | None:
    """A completion less what was typed; `closed` characters were put behind the cursor by the editor."""
    unix = typed.replace("\r\n", "\n").replace("\r", "\n")
    over = completion.end - completion.start
    shown = [
        Alternative(rest, cursor.offset + more, each.confidence)
        for each in (Alternative(completion.text, completion.end, completion.confidence), *completion.others)
        if (left := remainder(each.text.replace("\r\n", "\n"), unix)) is not None
        for rest, more in [_over_what_was_closed(left, over, closed, cursor)]
    ]
    if not shown or not shown[0].text.strip():
        return None
    first, *others = [replace(each, text=each.text.replace("\n", line_end(cursor.text))) for each in shown]
    return replace(
        completion,
        text=first.text,
        start=cursor.offset,
        end=first.end,
        confidence=first.confidence,
        others=tuple(others),
        cached=True,
    )


def _over_what_was_closed(text: str, over: int, closed: int, cursor: Cursor) -> tuple[str, int]:
    """Brackets and quotes that the editor closed by itself are not said twice."""
    if not closed:
        return text, over
    around = surroundings(cursor.text, cursor.offset)
    draft = cut_where_the_line_goes_on(replace_what_the_editor_closed(Draft(text), around), around)
    return draft.text, draft.over


def remainder(text: str, typed: str) -> str | None:
    r"""What is left of a suggestion behind what was typed of it; None where it was something else, or all of it.

    Behind a line end the editor indents by itself, and not always as the suggestion does: there white space may differ.
    Both have `\n` as their line ends.
    """
    lines, done = text.split("\n"), typed.split("\n")
    if len(done) > len(lines) or (len(done) > 1 and done[0] != lines[0]):
        return None
    if any(one.strip() != other.strip() for one, other in zip(done[1:-1], lines[1:-1], strict=False)):
        return None
    last, current = done[-1], lines[len(done) - 1]
    rest = _of_line(current, last, exact=len(done) == 1)
    if rest is None:
        return None
    left = "\n".join([rest, *lines[len(done) :]])
    return left if left.strip() else None


def _of_line(line: str, typed: str, *, exact: bool) -> str | None:
    if line.startswith(typed):
        return line[len(typed) :]
    if exact:
        return None
    body, code = line.lstrip(" \t"), typed.lstrip(" \t")
    if not body.startswith(code):
        return None
    missing = 0 if code else width(indentation(line)) - width(indentation(typed))
    return " " * max(missing, 0) + body[len(code) :]
