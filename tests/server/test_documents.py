"""Documents follow the editor's changes, in whatever units it counts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from slm_lsp.errors import UsageError
from slm_lsp.server.documents import Document, Documents
from slm_lsp.text import Encoding

URI = "file:///home/me/shop/src/app.py"
PIECES = st.sampled_from(["a", "é", "語", "🎉", "\n", "\r\n", "\f", "\u2028", " "])
TEXTS = st.lists(PIECES, max_size=20).map("".join)


def opened(text: str, encoding: Encoding = "utf-16") -> Documents:
    documents = Documents()
    documents.encoding = encoding
    documents.open(types.TextDocumentItem(URI, "python", 1, text))
    return documents


def change(documents: Documents, version: int, *changes: types.TextDocumentContentChangeEvent) -> None:
    documents.change(
        types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(version, URI), list(changes))
    )


@given(TEXTS, TEXTS, st.sampled_from(["utf-8", "utf-16", "utf-32"]), st.data())
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
    place = documents.place(documents.get(URI), types.Position(0, 3))
    assert (place.repository, place.path, place.offset) == ("shop", "src/app.py", 2)


def test_a_document_outside_every_folder_stands_for_itself() -> None:
    documents = opened("")
    place = documents.place(documents.get(URI), types.Position(0, 0))
    assert (place.repository, place.path) == ("src", "app.py")


def test_a_line_the_document_does_not_have_is_an_error() -> None:
    documents = opened("one\n")
    with pytest.raises(UsageError, match="Line 3 is outside the document, which has 2 lines"):
        documents.place(documents.get(URI), types.Position(2, 0))
