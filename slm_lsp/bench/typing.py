"""Reads the recorded typing sessions of `fixtures/typing`, and replays the document after each event."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

import msgspec

from slm_lsp.errors import UsageError
from slm_lsp.text import Lines, Position

SESSIONS = "sessions.json"
LANGUAGES = {".py": "python", ".ts": "typescript", ".go": "go"}


@dataclass(frozen=True, slots=True)
class Insert:
    """Characters typed at the cursor."""

    text: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Characters deleted before the cursor."""

    count: int


@dataclass(frozen=True, slots=True)
class Move:
    """The cursor moved to another position."""

    to: Position


Event = Insert | Delete | Move


@dataclass(frozen=True, slots=True)
class State:
    """A document, and the cursor as an offset in characters."""

    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class TypingSession:
    """A recording of typing in one file.

    Args:
        file: path relative to the folder of recordings, with `/`.
        text: the complete file.
        cut: start and end (exclusive) of the part that the document lacks at the start of the recording, in characters.
        events: the events of the recording.
    """

    file: str
    text: str
    cut: tuple[int, int]
    events: tuple[Event, ...]

    @property
    def language(self) -> str:
        """The language of the file, by its extension."""
        suffix = Path(self.file).suffix
        return LANGUAGES.get(suffix, suffix.removeprefix("."))

    @property
    def start(self) -> State:
        """The document before the first event."""
        begin, end = self.cut
        return State(self.text[:begin] + self.text[end:], begin)


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    insert: str | None = None
    delete: int | None = None
    move: tuple[int, int] | None = None

    def value(self) -> Event:
        match (self.insert, self.delete, self.move):
            case (str(text), None, None):
                return Insert(text)
            case (None, int(count), None):
                return Delete(count)
            case (None, None, (line, column)):
                return Move(Position(line, column))
        raise ValueError("an event must be one of insert, delete and move")


class _Start(msgspec.Struct):
    line: int
    column: int


class _Session(msgspec.Struct):
    file: str
    start: _Start
    cut: tuple[int, int]
    events: tuple[_Event, ...]


def load_sessions(folder: Path) -> tuple[TypingSession, ...]:
    """Return all sessions of a folder of recordings, in order.

    Raises:
        UsageError: the folder has no recordings, or they do not match its files.
    """
    try:
        raw = msgspec.json.decode((folder / SESSIONS).read_bytes(), type=tuple[_Session, ...])
        return tuple(_session(folder, each) for each in raw)
    except OSError as error:
        raise UsageError(
            f"There is no recorded typing in {folder}: {error.strerror}.",
            "The recordings are part of the repository: run the benchmark from a checkout.",
        ) from error
    except ValueError as error:
        raise UsageError(f"The recorded typing in {folder} is damaged: {error}.") from error


def _session(folder: Path, raw: _Session) -> TypingSession:
    session = TypingSession(
        raw.file,
        (folder / raw.file).read_text(encoding="utf-8"),
        raw.cut,
        tuple(event.value() for event in raw.events),
    )
    if Lines(session.text).position(raw.cut[0]) != Position(raw.start.line, raw.start.column):
        raise ValueError(f"{raw.file} differs from the recorded file: character {raw.cut[0]} has another position")
    return session


def replay(session: TypingSession) -> Iterator[State]:
    """Yield the start state, and the state after each event."""
    state = session.start
    yield state
    for event in session.events:
        state = apply(state, event)
        yield state


def apply(state: State, event: Event) -> State:
    """Return the state after one event.

    Raises:
        ValueError: the event is outside the text.
    """
    text, offset = state.text, state.offset
    match event:
        case Insert(typed):
            return State(text[:offset] + typed + text[offset:], offset + len(typed))
        case Delete(count):
            if not 0 < count <= offset:
                raise ValueError(f"{count} characters cannot be deleted before character {offset}")
            return State(text[: offset - count] + text[offset:], offset - count)
        case Move(to):
            lines = Lines(text)
            there = lines.offset(to)
            if lines.position(there) != to:
                raise ValueError(f"there is no line {to.line}, column {to.column}")
            return State(text, there)
    assert_never(event)


def spread(sessions: tuple[TypingSession, ...], count: int) -> tuple[TypingSession, ...]:
    """Return at most `count` of the sessions, evenly spread over all files."""
    if count >= len(sessions):
        return sessions
    return tuple(sessions[(2 * number + 1) * len(sessions) // (2 * count)] for number in range(count))
