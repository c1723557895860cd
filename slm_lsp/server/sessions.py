"""Owns the open documents and the workspace folders of one client."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path

from slm_lsp.context.cursor import Cursor
from slm_lsp.errors import UsageError
from slm_lsp.server.document import Document
from slm_lsp.server.session import DocumentSession
from slm_lsp.text import Encoding


class Sessions:
    """Keeps a `DocumentSession` for each open document. Use it on the event loop only."""

    def __init__(self) -> None:
        self.encoding: Encoding = "utf-16"
        """The unit in which positions count columns, as agreed with the client."""
        self._sessions: dict[str, DocumentSession] = {}
        self._folders: dict[str, Path] = {}

    def __iter__(self) -> Iterator[DocumentSession]:
        """Return an iterator over the sessions of the open documents."""
        return iter(self._sessions.values())

    def open(self, item: types.TextDocumentItem) -> None:
        """Start a session for a document that was opened. If the same URI already has a session, close that first."""
        self.close(item.uri)
        document = Document(item.uri, item.version, item.language_id, item.text)
        self._sessions[item.uri] = DocumentSession(document)

    def change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Apply the changes of a message to their document.

        Raises:
            UsageError: the document is not open.
        """
        session = self.get(params.text_document.uri)
        session.change(params.content_changes, params.text_document.version, self.encoding)

    def close(self, uri: str) -> None:
        """End the session of a document that was closed, and cancel its requests."""
        if (session := self._sessions.pop(uri, None)) is not None:
            session.close()

    def get(self, uri: str) -> DocumentSession:
        """Return the session of an open document.

        Raises:
            UsageError: the document is not open.
        """
        try:
            return self._sessions[uri]
        except KeyError:
            raise UsageError(f"{uri} is not open.", "Send textDocument/didOpen first.") from None

    def documents(self) -> list[Document]:
        """Return the current version of every open document."""
        return [session.document for session in self]

    def current(self, uri: str) -> Document | None:
        """Return the current version of a document; None if it is not open."""
        session = self._sessions.get(uri)
        return None if session is None else session.document

    def is_current(self, document: Document) -> bool:
        """Return whether the document is still open and has this version."""
        current = self.current(document.uri)
        return current is not None and current.version == document.version

    @property
    def has_pending(self) -> bool:
        """Whether any document has a request without an answer."""
        return any(session.pending is not None for session in self)

    def set_folders(self, added: Iterable[types.WorkspaceFolder], removed: Iterable[types.WorkspaceFolder]) -> None:
        """Add and remove workspace folders."""
        for folder in removed:
            self._folders.pop(folder.uri, None)
        for folder in added:
            if (path := to_fs_path(folder.uri)) is not None:
                self._folders[folder.uri] = Path(path)

    def workspace_of(self, uri: str) -> Path | None:
        """Return the innermost workspace folder that contains a document; None if no folder does."""
        path = to_fs_path(uri)
        containing = [folder for folder in self._folders.values() if path and Path(path).is_relative_to(folder)]
        return max(containing, key=lambda folder: len(folder.parts), default=None)

    def cursor(self, document: Document, position: types.Position) -> Cursor:
        """Convert an editor's position in a document to a `Cursor`.

        Raises:
            UsageError: the document has no such line.
        """
        if not document.has_line(position.line):
            count = len(document.lines.starts)
            raise UsageError(f"Line {position.line + 1} is outside the document, which has {count} lines.")
        folder, relative = self.place_of(document.uri)
        offset = document.offset(position, self.encoding)
        return Cursor(folder.name, relative, document.text, offset, document.language, document.syntax)

    def place_of(self, uri: str) -> tuple[Path, str]:
        """Return the workspace folder of a document and the document's path in it, with `/`.

        For a document outside every workspace folder, return the document's own folder and the name of the document.
        """
        path = Path(to_fs_path(uri) or uri)
        folder = self.workspace_of(uri) or path.parent
        return folder, path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
