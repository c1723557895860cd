"""Documents follow the editor's changes, in whatever units it counts."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from slm_lsp.errors import UsageError
from slm_lsp.server import documents as module
from slm_lsp.server.documents import Document, Documents, changed
from slm_lsp.text import Encoding, Lines

URI = "file:///home/me/shop/src/app.py"
PIECES = st.sampled_from(["a", "é", "語", "🎉", "\n", "\r\n", "\f", "\u2028", " "])
TEXTS = st.lists(PIECES, max_size=20).map("".join)
LINE_ENDS = st.lists(st.sampled_from(["a", "🎉", "\n", "\r", "\r\n", "\ud83d"]), max_size=8).map("".join)
PLACES = st.builds(types.Position, st.integers(0, 9), st.integers(0, 9))
CHANGES = st.one_of(
    st.builds(types.TextDocumentContentChangePartial, st.builds(types.Range, PLACES, PLACES), TEXTS | LINE_ENDS),
    st.builds(types.TextDocumentContentChangeWholeDocument, TEXTS),
)
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-32"])


def opened(text: str, encoding: Encoding = "utf-16") -> Documents:
    documents = Documents()
    documents.encoding = encoding
    documents.open(types.TextDocumentItem(URI, "python", 1, text))
    return documents


def change(documents: Documents, version: int, *changes: types.TextDocumentContentChangeEvent) -> None:
    documents.change(
        types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(version, URI), list(changes))
    )


@given(TEXTS, TEXTS, ENCODINGS, st.data())
def test_a_replaced_range_is_the_one_the_editor_means(
    text: str, new: str, encoding: Encoding, data: st.DataObject
) -> None:
    document = Document(URI, 1, "python", text)
    offsets = [o for o in range(len(text) + 1) if text[o - 1 : o + 1] != "\r\n"]
    start, end = sorted((data.draw(st.sampled_from(offsets)), data.draw(st.sampled_from(offsets))))
    documents = opened(text, encoding)
    area = types.Range(document.position(start, encoding), document.position(end, encoding))
    change(documents, 2, types.TextDocumentContentChangePartial(area, new))
    assert documents.get(URI).text == text[:start] + new + text[end:]
    assert documents.get(URI).version == 2


def test_changes_apply_one_after_the_other() -> None:
    documents = opened("one\n")
    at = types.Range(types.Position(0, 3), types.Position(0, 3))
    after = types.Range(types.Position(0, 4), types.Position(0, 4))
    change(
        documents,
        2,
        types.TextDocumentContentChangePartial(at, "!"),
        types.TextDocumentContentChangePartial(after, "?"),
    )
    assert documents.get(URI).text == "one!?\n"


@settings(max_examples=400)
@given(TEXTS | LINE_ENDS, st.lists(CHANGES, max_size=6), ENCODINGS)
def test_a_batch_leaves_what_its_changes_leave_one_by_one(
    text: str, changes: list[types.TextDocumentContentChangeEvent], encoding: Encoding
) -> None:
    expected = text
    for each in changes:
        expected = changed(Document(URI, 1, "python", expected), each, encoding)
    documents = opened(text, encoding)
    change(documents, 2, *changes)
    assert documents.get(URI).text == expected


@pytest.mark.parametrize(("first", "second"), [("a\r", "\nb"), ("a\r", "b")])
def test_a_line_end_may_be_completed_by_a_later_change(first: str, second: str) -> None:
    documents = opened("")
    begin, after = types.Position(0, 0), types.Position(1, 0)
    change(
        documents,
        2,
        types.TextDocumentContentChangePartial(types.Range(begin, begin), first),
        types.TextDocumentContentChangePartial(types.Range(after, after), second),
        types.TextDocumentContentChangePartial(types.Range(after, types.Position(1, 1)), "c"),
    )
    assert documents.get(URI).text == first + second.replace("b", "c")


def test_a_batch_does_not_index_the_lines_once_per_change(monkeypatch: pytest.MonkeyPatch) -> None:
    indexed: list[str] = []

    def counting(text: str) -> Lines:
        indexed.append(text)
        return Lines(text)

    monkeypatch.setattr(module, "Lines", counting)
    documents = opened("value = old\n" * 200)
    old = [types.Range(types.Position(line, 8), types.Position(line, 11)) for line in range(200)]
    change(documents, 2, *(types.TextDocumentContentChangePartial(area, "new") for area in old))
    assert documents.get(URI).text == "value = new\n" * 200
    assert len(indexed) <= 1


def test_a_whole_text_replaces_the_document() -> None:
    documents = opened("old")
    change(documents, 5, types.TextDocumentContentChangeWholeDocument("new"))
    assert documents.get(URI) == Document(URI, 5, "python", "new")


def test_a_snapshot_is_not_touched_by_later_changes() -> None:
    documents = opened("old")
    before = documents.get(URI)
    change(documents, 2, types.TextDocumentContentChangeWholeDocument("new"))
    assert before.text == "old"
    assert not documents.is_current(before)


def test_a_closed_document_is_an_error() -> None:
    documents = opened("")
    documents.close(URI)
    with pytest.raises(UsageError, match="is not open"):
        documents.get(URI)


def test_the_innermost_folder_is_the_workspace() -> None:
    documents = opened("")
    outer, inner = types.WorkspaceFolder("file:///home/me", "me"), types.WorkspaceFolder("file:///home/me/shop", "shop")
    documents.set_folders([outer, inner], [])
    assert documents.workspace_of(URI) == Path("/home/me/shop")
    documents.set_folders([], [inner])
    assert documents.workspace_of(URI) == Path("/home/me")
    documents.set_folders([], [outer])
    assert documents.workspace_of(URI) is None


def test_a_place_knows_its_repository_and_path() -> None:
    documents = opened("a🎉b")
    documents.set_folders([types.WorkspaceFolder("file:///home/me/shop", "shop")], [])
    cursor = documents.cursor(documents.get(URI), types.Position(0, 3))
    assert (cursor.repository, cursor.path, cursor.offset) == ("shop", "src/app.py", 2)


def test_a_document_outside_every_folder_stands_for_itself() -> None:
    documents = opened("")
    cursor = documents.cursor(documents.get(URI), types.Position(0, 0))
    assert (cursor.repository, cursor.path) == ("src", "app.py")


def test_a_line_the_document_does_not_have_is_an_error() -> None:
    documents = opened("one\n")
    with pytest.raises(UsageError, match="Line 3 is outside the document, which has 2 lines"):
        documents.cursor(documents.get(URI), types.Position(2, 0))
