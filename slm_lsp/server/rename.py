"""Renaming of a symbol in the whole workspace folder: `textDocument/prepareRename` and `textDocument/rename`."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.uris import to_fs_path

from slm_lsp.errors import SlmError, StaleEditError, UsageError
from slm_lsp.features.edit.changes import FileChange
from slm_lsp.features.edit.hunks import Hunk, hunks
from slm_lsp.features.edit.rename.rename import Renaming, rename, target_at
from slm_lsp.features.edit.rename.sources import Sources
from slm_lsp.server.document import Document
from slm_lsp.server.errors import lsp_error
from slm_lsp.server.sessions import Sessions
from slm_lsp.text import Encoding, Lines, TextEdit, units


class Renames:
    """Answers requests to rename. The work runs in a thread, on the texts that are open when the request arrives.

    Args:
        sessions: the open documents.
        capabilities: returns what the client supports.
    """

    def __init__(self, sessions: Sessions, capabilities: Callable[[], types.ClientCapabilities]) -> None:
        self._sessions = sessions
        self._capabilities = capabilities

    async def prepare(self, params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder:
        """Return the range of the name at a position.

        Raises:
            JsonRpcException: there is no name at the position, or it cannot be renamed. The message gives the reason.
        """
        document, root, opened = self._snapshot(params.text_document.uri)
        encoding = self._sessions.encoding
        path, offset = _relative(document, root), document.offset(params.position, encoding)

        def work() -> types.PrepareRenamePlaceholder:
            found = target_at(Sources(root, _texts(opened, root)), path, offset)
            area = types.Range(document.position(found.start, encoding), document.position(found.end, encoding))
            return types.PrepareRenamePlaceholder(area, found.occurrence.name)

        try:
            return await asyncio.to_thread(work)
        except SlmError as error:
            raise lsp_error(error) from error

    async def rename(self, params: types.RenameParams) -> types.WorkspaceEdit:
        """Return the edit that renames the symbol at a position.

        Raises:
            JsonRpcException: the symbol cannot be renamed, or a document was changed meanwhile.
        """
        document, root, opened = self._snapshot(params.text_document.uri)
        path, offset = _relative(document, root), document.offset(params.position, self._sessions.encoding)

        def work() -> Renaming:
            return rename(Sources(root, _texts(opened, root)), path, offset, params.new_name)

        try:
            found = await asyncio.to_thread(work)
            for each in opened:
                if not self._sessions.is_current(each):
                    raise StaleEditError(f"{each.uri} was changed meanwhile.", "Rename again.")
        except SlmError as error:
            raise lsp_error(error) from error
        by_path = {_relative(each, root): each for each in opened}
        encoding = self._sessions.encoding
        edits = [_edit(root, by_path.get(each.path), each, encoding) for each in found.change.files]
        if not get_capability(self._capabilities(), "workspace.workspace_edit.document_changes", False):
            plain = {each.text_document.uri: each.edits for each in edits}
            return types.WorkspaceEdit(changes=plain)  # type: ignore[arg-type]
        return types.WorkspaceEdit(document_changes=list(edits))

    def _snapshot(self, uri: str) -> tuple[Document, Path, list[Document]]:
        """Return a document, its workspace folder, and all open documents of this folder."""
        try:
            document = self._sessions.get(uri).document
            path = to_fs_path(uri)
            if path is None:
                raise UsageError(f"{uri} is not a file.")
        except SlmError as error:
            raise lsp_error(error) from error
        root = self._sessions.workspace_of(uri) or Path(path).parent
        opened = [each for each in self._sessions.documents() if _is_in(each, root)]
        return document, root, opened


def _is_in(document: Document, root: Path) -> bool:
    path = to_fs_path(document.uri)
    return path is not None and Path(path).is_relative_to(root)


def _relative(document: Document, root: Path) -> str:
    return Path(to_fs_path(document.uri) or "").relative_to(root).as_posix()


def _texts(opened: list[Document], root: Path) -> dict[str, str]:
    return {_relative(each, root): each.text for each in opened}


def _edit(root: Path, document: Document | None, change: FileChange, encoding: Encoding) -> types.TextDocumentEdit:
    """Return the changes of one file, for the version of the open document or for the file on disk."""
    uri = (root / change.path).as_uri() if document is None else document.uri
    version = None if document is None else document.version
    lines = Lines(change.old)

    def position(offset: int) -> types.Position:
        at = lines.position(offset)
        return types.Position(at.line, units(lines.line(at.line), at.column, encoding))

    edits = [
        types.TextEdit(types.Range(position(each.start), position(each.end)), each.new)
        for hunk in hunks(change.old, change.new)
        for each in _narrowed(hunk)
    ]
    return types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, version), list(edits))


def _narrowed(hunk: Hunk) -> list[TextEdit]:
    """Return one edit for each changed line of a hunk, without the unchanged words at the start and end of the line.

    Editors then keep cursors and marks that are elsewhere in the line.
    """
    before, after = hunk.old.splitlines(keepends=True), hunk.new.splitlines(keepends=True)
    if len(before) != len(after):
        return [TextEdit(hunk.start, hunk.end, hunk.new)]
    edits, start = [], hunk.start
    for old, new in zip(before, after, strict=True):
        prefix = _common(old, new)
        while prefix > 0 and _in_word(old[prefix - 1]):
            prefix -= 1
        suffix = _common(old[prefix:][::-1], new[prefix:][::-1])
        while suffix > 0 and _in_word(old[len(old) - suffix]):
            suffix -= 1
        if old != new:
            edits.append(TextEdit(start + prefix, start + len(old) - suffix, new[prefix : len(new) - suffix]))
        start += len(old)
    return edits


def _common(one: str, other: str) -> int:
    """Return the number of characters with which both texts start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _in_word(character: str) -> bool:
    return character.isalnum() or character in "_$"
