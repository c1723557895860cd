"""Recorded typing: what the recordings contain, and how they are replayed."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from slm_lsp.bench.typing import Delete, Insert, Move, State, TypingSession, apply, load_sessions, replay, spread
from slm_lsp.errors import UsageError
from slm_lsp.text import Position
from tests.conftest import FIXTURES

FOLDER = FIXTURES / "typing"
SESSIONS = load_sessions(FOLDER)
each_session = pytest.mark.parametrize("session", SESSIONS, ids=lambda each: f"{each.file}:{each.cut[0]}")


def test_recordings_have_enough_sessions_in_three_languages() -> None:
    assert len(SESSIONS) >= 20
    assert {session.language for session in SESSIONS} == {"python", "typescript", "go"}
    assert len({(session.file, session.cut) for session in SESSIONS}) == len(SESSIONS)
    assert set(Counter(session.file for session in SESSIONS).values()) == {4}


@each_session
def test_session_has_thirty_events_with_deletions_and_moves(session: TypingSession) -> None:
    assert len(session.events) == 30
    kinds = Counter(type(event) for event in session.events)
    assert 2 <= kinds[Delete] <= 4
    assert 1 <= kinds[Move] <= 2


@each_session
def test_events_stay_inside_the_text(session: TypingSession) -> None:
    states = list(replay(session))
    assert len(states) == 31
    assert all(0 <= state.offset <= len(state.text) for state in states)
    assert states == list(replay(session))


@each_session
def test_session_types_the_removed_text_again(session: TypingSession) -> None:
    """The final text is the complete file plus one piece that the session types at another position."""
    *_, last = replay(session)
    more = len(last.text) - len(session.text)
    assert more > 0
    without_one_piece = (last.text[:at] + last.text[at + more :] for at in range(len(session.text) + 1))
    assert session.text in without_one_piece


def test_recordings_contain_moves_and_line_breaks() -> None:
    moves = Counter(sum(isinstance(event, Move) for event in session.events) for session in SESSIONS)
    assert moves.keys() == {1, 2}
    newlines = [
        session for session in SESSIONS if any(isinstance(e, Insert) and "\n" in e.text for e in session.events)
    ]
    assert len(newlines) >= 6


def test_script_reproduces_the_recordings(tmp_path: Path) -> None:
    for path in FOLDER.rglob("*"):
        if path.suffix in {".py", ".ts", ".go"}:
            copy = tmp_path / path.relative_to(FOLDER)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    subprocess.run([sys.executable, str(tmp_path / "make_sessions.py")], check=True)
    assert (tmp_path / "sessions.json").read_bytes() == (FOLDER / "sessions.json").read_bytes()


def test_events_change_text_and_cursor() -> None:
    state = apply(State("ab\ncd", 2), Insert("x\n"))
    assert state == State("abx\n\ncd", 4)
    assert apply(state, Delete(3)) == State("a\ncd", 1)
    assert apply(state, Move(Position(2, 1))) == State("abx\n\ncd", 6)


@pytest.mark.parametrize("event", [Delete(3), Delete(0), Move(Position(0, 9)), Move(Position(7, 0))])
def test_event_outside_the_text_is_an_error(event: Delete | Move) -> None:
    with pytest.raises(ValueError, match=r"cannot be deleted|there is no line"):
        apply(State("ab\ncd", 2), event)


def test_smaller_selection_is_spread_over_files_and_languages() -> None:
    assert len({session.file for session in spread(SESSIONS, 6)}) == 6
    assert len({session.language for session in spread(SESSIONS, 3)}) == 3
    assert spread(SESSIONS, 99) == SESSIONS
    assert len(spread(SESSIONS, 1)) == 1


def test_missing_recordings_are_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run the benchmark from a checkout"):
        load_sessions(tmp_path)


def test_recordings_for_another_version_of_a_file_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    record = {"file": "a.py", "start": {"line": 0, "column": 4}, "cut": [5, 6], "events": []}
    (tmp_path / "sessions.json").write_text(json.dumps([record]))
    with pytest.raises(UsageError, match="differs from the recorded file"):
        load_sessions(tmp_path)
