"""The open documents, as the editor sees them: immutable snapshots, one a version."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path

from slm_lsp.context.cursor import Cursor
from slm_lsp.errors import UsageError
from slm_lsp.server.changes import apply_changes
from slm_lsp.text import Encoding, Lines, TextEdit, apply_edits, column, units


@dataclass(frozen=True)
class Document:
    """One version of an open document."""

    uri: str
    version: int
    language: str
    text: str

    @cached_property
    def lines(self) -> Lines:
        """Its lines."""
        return Lines(self.text)

    def offset(self, position: types.Position, encoding: Encoding) -> int:
        """The offset of an editor's position; outside the text it is the nearest place inside."""
        if position.line >= len(self.lines.starts):
            return len(self.text)
        line = self.lines.line(position.line)
        return self.lines.starts[position.line] + column(line, position.character, encoding)

    def position(self, offset: int, encoding: Encoding) -> types.Position:
        """The editor's position of an offset."""
        at = self.lines.position(offset)
        return types.Position(at.line, units(self.lines.line(at.line), at.column, encoding))

    def has(self, position: types.Position) -> bool:
        """Whether the document has that line."""
        return position.line < len(self.lines.starts)


class Documents:
    """Every open document and the workspace folders. State of the server's loop."""

    def __init__(self) -> None:
        self.encoding: Encoding = "utf-16"
        self._open: dict[str, Document] = {}
        self._folders: dict[str, Path] = {}

    def open(self, item: types.TextDocumentItem) -> None:
        """A document was opened."""
        self._open[item.uri] = Document(item.uri, item.version, item.language_id, item.text)

    def change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Apply the changes of a message, one after the other."""
        document, changes = self.get(params.text_document.uri), params.content_changes
        if len(changes) == 1:
            text = changed(document, changes[0], self.encoding)
        else:
            text = apply_changes(document.text, changes, self.encoding)
        self._open[document.uri] = replace(document, text=text, version=params.text_document.version)

    def close(self, uri: str) -> None:
        """A document was closed."""
        self._open.pop(uri, None)

    def get(self, uri: str) -> Document:
        """The current version of an open document.

        Raises:
            UsageError: it is not open.
        """
        try:
            return self._open[uri]
        except KeyError:
            raise UsageError(f"{uri} is not open.", "Send textDocument/didOpen first.") from None

    def opened(self) -> Iterable[Document]:
        """The current version of every open document."""
        return self._open.values()

    def is_current(self, document: Document) -> bool:
        """Whether the editor still has just this version open."""
        now = self._open.get(document.uri)
        return now is not None and now.version == document.version

    def set_folders(self, added: list[types.WorkspaceFolder], removed: list[types.WorkspaceFolder]) -> None:
        """The workspace's folders changed."""
        for folder in removed:
            self._folders.pop(folder.uri, None)
        for folder in added:
            if (path := to_fs_path(folder.uri)) is not None:
                self._folders[folder.uri] = Path(path)

    def workspace_of(self, uri: str) -> Path | None:
        """The innermost workspace folder a document lies in."""
        path = to_fs_path(uri)
        around = [folder for folder in self._folders.values() if path and Path(path).is_relative_to(folder)]
        return max(around, key=lambda folder: len(folder.parts), default=None)

    def cursor(self, document: Document, position: types.Position) -> Cursor:
        """A cursor as the features see it.

        Raises:
            UsageError: the document has no such line.
        """
        if not document.has(position):
            count = len(document.lines.starts)
            raise UsageError(f"Line {position.line + 1} is outside the document, which has {count} lines.")
        path = Path(to_fs_path(document.uri) or document.uri)
        folder = self.workspace_of(document.uri) or path.parent
        relative = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
        offset = document.offset(position, self.encoding)
        return Cursor(folder.name, relative, document.text, offset, document.language)


def changed(document: Document, change: types.TextDocumentContentChangeEvent, encoding: Encoding) -> str:
    """The text after one change, by the index of lines that the document may have already."""
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return change.text
    start = document.offset(change.range.start, encoding)
    end = document.offset(change.range.end, encoding)
    return apply_edits(document.text, [TextEdit(min(start, end), max(start, end), change.text)])
