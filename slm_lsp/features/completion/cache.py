"""Caches suggestions. While the user types or accepts the beginning of one, its rest is shown without a new request."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from slm_lsp.context.cursor import Cursor
from slm_lsp.features.completion.around import indentation, surroundings, width
from slm_lsp.features.completion.complete import Alternative, Completion, line_end
from slm_lsp.features.completion.filters import (
    AUTO_CLOSED,
    Draft,
    cut_rest_of_line,
    replace_auto_closed,
)

SIZE = 64
"""Number of the latest suggestions to keep, over all documents."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A suggestion and the document for which it was made."""

    path: str
    before: str
    """The document up to the cursor."""
    after: str
    """The document from the cursor on."""
    completion: Completion


class Cache:
    """The latest suggestions of all documents."""

    def __init__(self, size: int = SIZE) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)

    def put(self, cursor: Cursor, completion: Completion) -> None:
        """Add a suggestion for a cursor position. An empty suggestion is not added."""
        if completion.text:
            before, after = cursor.text[: cursor.offset], cursor.text[cursor.offset :]
            self._entries.appendleft(Entry(cursor.path, before, after, completion))

    def get(self, cursor: Cursor) -> Completion | None:
        """Return the rest of the latest suggestion that fits the text at the cursor; None if none fits."""
        return _find(self._entries, cursor)

    def forget(self, path: str) -> None:
        """Remove the suggestions of a document, because it was closed."""
        kept = [each for each in self._entries if each.path != path]
        self._entries = deque(kept, self._entries.maxlen)


def _find(entries: Iterable[Entry], cursor: Cursor) -> Completion | None:
    before, after = cursor.text[: cursor.offset], cursor.text[cursor.offset :]
    for each in entries:
        if each.path != cursor.path or not before.startswith(each.before):
            continue
        typed = before[len(each.before) :]
        closed = len(after) - len(each.after)
        if closed < 0 or after[closed:] != each.after or not set(after[:closed]) <= AUTO_CLOSED:
            continue
        rest = _rest(each.completion, typed, closed, cursor)
        if rest is not None:
            return rest
    return None


def _rest(completion: Completion, typed: str, closed: int, cursor: Cursor) -> Completion | None:
    """Return what remains of a completion after the typed text; None if nothing remains or the text differs.

    Args:
        completion: the completion as it was cached.
        typed: the text between the start of the completion and the cursor.
        closed: number of characters that the editor has inserted after the cursor, such as closing brackets.
        cursor: the current document and cursor.
    """
    unix = typed.replace("\r\n", "\n").replace("\r", "\n")
    over = completion.end - completion.start
    remaining = [
        Alternative(text, cursor.offset + new_over, each.confidence)
        for each in (Alternative(completion.text, completion.end, completion.confidence), *completion.others)
        if (rest := remainder(each.text.replace("\r\n", "\n"), unix)) is not None
        for text, new_over in [_without_auto_closed(rest, over, closed, cursor)]
    ]
    if not remaining or not remaining[0].text.strip():
        return None
    first, *others = [replace(each, text=each.text.replace("\n", line_end(cursor.text))) for each in remaining]
    return replace(
        completion,
        text=first.text,
        start=cursor.offset,
        end=first.end,
        confidence=first.confidence,
        others=tuple(others),
        cached=True,
    )


def _without_auto_closed(text: str, over: int, closed: int, cursor: Cursor) -> tuple[str, int]:
    """Remove from a text the brackets and quotes that the editor has already inserted after the cursor.

    Return the remaining text and the number of characters after the cursor that it replaces.
    """
    if not closed:
        return text, over
    around = surroundings(cursor.text, cursor.offset)
    draft = cut_rest_of_line(replace_auto_closed(Draft(text), around), around)
    return draft.text, draft.over


def remainder(text: str, typed: str) -> str | None:
    r"""Return what remains of a suggestion after the typed text; None if nothing remains or the text differs.

    Editors indent each new line automatically, perhaps differently from the suggestion. So the indentation of every
    line but the first may differ.

    Args:
        text: the suggestion, with `\n` as line ends.
        typed: the text that the user has typed or accepted, with `\n` as line ends.
    """
    lines, typed_lines = text.split("\n"), typed.split("\n")
    if len(typed_lines) > len(lines) or (len(typed_lines) > 1 and typed_lines[0] != lines[0]):
        return None
    if any(one.strip() != other.strip() for one, other in zip(typed_lines[1:-1], lines[1:-1], strict=False)):
        return None
    last, current = typed_lines[-1], lines[len(typed_lines) - 1]
    rest_of_line = _rest_of_line(current, last, exact=len(typed_lines) == 1)
    if rest_of_line is None:
        return None
    rest = "\n".join([rest_of_line, *lines[len(typed_lines) :]])
    return rest if rest.strip() else None


def _rest_of_line(line: str, typed: str, *, exact: bool) -> str | None:
    if line.startswith(typed):
        return line[len(typed) :]
    if exact:
        return None
    body, code = line.lstrip(" \t"), typed.lstrip(" \t")
    if not body.startswith(code):
        return None
    missing = 0 if code else width(indentation(line)) - width(indentation(typed))
    return " " * max(missing, 0) + body[len(code) :]
