"""Open documents: changes are applied in every position encoding, and each version is an immutable snapshot."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from slm_lsp.errors import UsageError
from slm_lsp.features.completion.complete import Completion
from slm_lsp.server import document as module
from slm_lsp.server.document import Document
from slm_lsp.server.in_flight import InFlightGeneration
from slm_lsp.server.sessions import Sessions
from slm_lsp.text import Encoding, Lines

URI = "file:///home/me/shop/src/app.py"
PIECES = st.sampled_from(["a", "é", "語", "🎉", "\n", "\r\n", "\f", "\u2028", " "])
TEXTS = st.lists(PIECES, max_size=20).map("".join)
LINE_ENDS = st.lists(st.sampled_from(["a", "🎉", "\n", "\r", "\r\n", "\ud83d"]), max_size=8).map("".join)
POSITIONS = st.builds(types.Position, st.integers(0, 9), st.integers(0, 9))
CHANGES = st.one_of(
    st.builds(types.TextDocumentContentChangePartial, st.builds(types.Range, POSITIONS, POSITIONS), TEXTS | LINE_ENDS),
    st.builds(types.TextDocumentContentChangeWholeDocument, TEXTS),
)
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-32"])


def opened(text: str, encoding: Encoding = "utf-16") -> Sessions:
    """Return sessions with one open document."""
    sessions = Sessions()
    sessions.encoding = encoding
    sessions.open(types.TextDocumentItem(URI, "python", 1, text))
    return sessions


def change(sessions: Sessions, version: int, *changes: types.TextDocumentContentChangeEvent) -> None:
    sessions.change(
        types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(version, URI), list(changes))
    )


@given(TEXTS, TEXTS, ENCODINGS, st.data())
def test_range_is_replaced_in_every_encoding(text: str, new: str, encoding: Encoding, data: st.DataObject) -> None:
    document = Document(URI, 1, "python", text)
    offsets = [o for o in range(len(text) + 1) if text[o - 1 : o + 1] != "\r\n"]
    start, end = sorted((data.draw(st.sampled_from(offsets)), data.draw(st.sampled_from(offsets))))
    sessions = opened(text, encoding)
    area = types.Range(document.position(start, encoding), document.position(end, encoding))
    change(sessions, 2, types.TextDocumentContentChangePartial(area, new))
    assert sessions.get(URI).document.text == text[:start] + new + text[end:]
    assert sessions.get(URI).document.version == 2


def test_changes_of_one_message_are_applied_one_after_the_other() -> None:
    sessions = opened("one\n")
    at = types.Range(types.Position(0, 3), types.Position(0, 3))
    after = types.Range(types.Position(0, 4), types.Position(0, 4))
    change(
        sessions,
        2,
        types.TextDocumentContentChangePartial(at, "!"),
        types.TextDocumentContentChangePartial(after, "?"),
    )
    assert sessions.get(URI).document.text == "one!?\n"


@settings(max_examples=400)
@given(TEXTS | LINE_ENDS, st.lists(CHANGES, max_size=6), ENCODINGS)
def test_several_changes_in_one_message_equal_the_same_changes_one_by_one(
    text: str, changes: list[types.TextDocumentContentChangeEvent], encoding: Encoding
) -> None:
    expected = text
    for each in changes:
        expected = Document(URI, 1, "python", expected).changed([each], 2, encoding).text
    sessions = opened(text, encoding)
    change(sessions, 2, *changes)
    assert sessions.get(URI).document.text == expected


@pytest.mark.parametrize(("first", "second"), [("a\r", "\nb"), ("a\r", "b")])
def test_change_that_joins_cr_and_lf_makes_one_line_end(first: str, second: str) -> None:
    sessions = opened("")
    begin, after = types.Position(0, 0), types.Position(1, 0)
    change(
        sessions,
        2,
        types.TextDocumentContentChangePartial(types.Range(begin, begin), first),
        types.TextDocumentContentChangePartial(types.Range(after, after), second),
        types.TextDocumentContentChangePartial(types.Range(after, types.Position(1, 1)), "c"),
    )
    assert sessions.get(URI).document.text == first + second.replace("b", "c")


def test_many_changes_in_one_message_build_the_line_index_once(monkeypatch: pytest.MonkeyPatch) -> None:
    indexed: list[str] = []

    def counting(text: str) -> Lines:
        indexed.append(text)
        return Lines(text)

    monkeypatch.setattr(module, "Lines", counting)
    sessions = opened("value = old\n" * 200)
    old = [types.Range(types.Position(line, 8), types.Position(line, 11)) for line in range(200)]
    change(sessions, 2, *(types.TextDocumentContentChangePartial(area, "new") for area in old))
    assert sessions.get(URI).document.text == "value = new\n" * 200
    assert len(indexed) <= 1


def test_change_of_the_whole_text_replaces_the_document() -> None:
    sessions = opened("old")
    change(sessions, 5, types.TextDocumentContentChangeWholeDocument("new"))
    assert sessions.get(URI).document == Document(URI, 5, "python", "new")


def test_later_changes_do_not_alter_an_earlier_snapshot() -> None:
    sessions = opened("old")
    before = sessions.get(URI).document
    change(sessions, 2, types.TextDocumentContentChangeWholeDocument("new"))
    assert before.text == "old"
    assert not sessions.is_current(before)


def test_using_a_closed_document_raises_an_error() -> None:
    sessions = opened("")
    sessions.close(URI)
    with pytest.raises(UsageError, match="is not open"):
        sessions.get(URI)


def test_innermost_folder_is_the_workspace() -> None:
    sessions = opened("")
    outer, inner = types.WorkspaceFolder("file:///home/me", "me"), types.WorkspaceFolder("file:///home/me/shop", "shop")
    sessions.set_folders([outer, inner], [])
    assert sessions.workspace_of(URI) == Path("/home/me/shop")
    sessions.set_folders([], [inner])
    assert sessions.workspace_of(URI) == Path("/home/me")
    sessions.set_folders([], [outer])
    assert sessions.workspace_of(URI) is None


def test_cursor_has_repository_path_and_offset() -> None:
    sessions = opened("a🎉b")
    sessions.set_folders([types.WorkspaceFolder("file:///home/me/shop", "shop")], [])
    cursor = sessions.cursor(sessions.get(URI).document, types.Position(0, 3))
    assert (cursor.repository, cursor.path, cursor.offset) == ("shop", "src/app.py", 2)


def test_document_outside_all_workspace_folders_uses_its_parent_folder() -> None:
    sessions = opened("")
    cursor = sessions.cursor(sessions.get(URI).document, types.Position(0, 0))
    assert (cursor.repository, cursor.path) == ("src", "app.py")


def test_line_outside_the_document_raises_an_error() -> None:
    sessions = opened("one\n")
    with pytest.raises(UsageError, match="Line 3 is outside the document, which has 2 lines"):
        sessions.cursor(sessions.get(URI).document, types.Position(2, 0))


async def never() -> Completion:
    """Stand in for a request that is never answered."""
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("by", ["closing", "opening again"])
async def test_end_of_a_session_cancels_its_request_and_its_generation(by: str) -> None:
    sessions = opened("x = ")
    session = sessions.get(URI)
    cursor = sessions.cursor(session.document, types.Position(0, 4))
    pending = session.pending = asyncio.ensure_future(never())
    generation = session.generation = InFlightGeneration(cursor, False, lambda _: never(), lambda: None)
    assert sessions.has_pending
    if by == "closing":
        sessions.close(URI)
    else:
        sessions.open(types.TextDocumentItem(URI, "python", 1, "y = "))
    await asyncio.wait({pending})
    await generation.progress()
    assert pending.cancelled()
    assert generation.done
    assert not sessions.has_pending


async def test_generation_is_cancelled_when_its_context_is_deleted_or_no_request_needs_it() -> None:
    sessions = opened("x = ")
    session = sessions.get(URI)
    cursor = sessions.cursor(session.document, types.Position(0, 4))

    def start() -> InFlightGeneration:
        session.generation = InFlightGeneration(cursor, False, lambda _: never(), lambda: None)
        return session.generation

    generation = start()
    session.cancel_if_unused()
    change(sessions, 2, types.TextDocumentContentChangeWholeDocument("x = y"))
    session.cancel_if_unused()
    await asyncio.sleep(0)
    assert not generation.done
    change(sessions, 3, types.TextDocumentContentChangeWholeDocument("z"))
    session.cancel_if_unused()
    await generation.progress()
    assert generation.done

    change(sessions, 4, types.TextDocumentContentChangeWholeDocument("x = "))
    generation = start()
    generation.wanted = False
    session.cancel_if_unused()
    await generation.progress()
    assert generation.done
