"""Immutable snapshots of an open document, one for each version. Changes are applied by making the next snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from lsprotocol import types
from pygls.uris import to_fs_path

from slm_lsp.languages.registry import language_of
from slm_lsp.languages.syntax_tree import SyntaxTree
from slm_lsp.server.changes import apply_changes
from slm_lsp.text import Encoding, Lines, TextEdit, apply_edits, column, units

FIRST_LINE_CHARACTERS = 1000
"""Number of characters in which to search for a first line such as `#!/usr/bin/env python3`."""


@dataclass(frozen=True)
class Document:
    """One version of an open document."""

    uri: str
    version: int
    language: str
    """The language identifier that the editor sent."""
    text: str
    earlier: SyntaxTree | None = field(default=None, compare=False, repr=False)
    """The syntax tree of the previous version. With it, parsing this version takes less time."""

    @cached_property
    def syntax(self) -> SyntaxTree:
        """The syntax tree. The document is parsed at the first access."""
        path = to_fs_path(self.uri) or self.uri
        first_line = self.text[:FIRST_LINE_CHARACTERS].partition("\n")[0].removesuffix("\r")
        return SyntaxTree(language_of(Path(path).as_posix(), first_line, self.language), self.text, self.earlier)

    @cached_property
    def lines(self) -> Lines:
        """The lines of the text."""
        return Lines(self.text)

    def offset(self, position: types.Position, encoding: Encoding) -> int:
        """Return the offset of an editor's position; for a position outside the text, the nearest offset inside."""
        if position.line >= len(self.lines.starts):
            return len(self.text)
        line = self.lines.line(position.line)
        return self.lines.starts[position.line] + column(line, position.character, encoding)

    def position(self, offset: int, encoding: Encoding) -> types.Position:
        """Return the editor's position of an offset."""
        at = self.lines.position(offset)
        return types.Position(at.line, units(self.lines.line(at.line), at.column, encoding))

    def has_line(self, number: int) -> bool:
        """Return whether the document has a line of this number, counted from 0."""
        return number < len(self.lines.starts)

    def changed(
        self, changes: Sequence[types.TextDocumentContentChangeEvent], version: int, encoding: Encoding
    ) -> "Document":
        """Return the next version of the document, with the changes applied one after the other.

        Args:
            changes: the changes of one message. The positions of a change refer to the text after the previous change.
            version: version number of the text with all changes.
            encoding: the unit in which positions count columns.
        """
        if len(changes) == 1:
            # Fast for one change, because the line index of this version usually exists already.
            text = _changed_text(self, changes[0], encoding)
        else:
            text = apply_changes(self.text, changes, encoding)
        return replace(self, text=text, version=version, earlier=self.syntax)


def _changed_text(document: Document, change: types.TextDocumentContentChangeEvent, encoding: Encoding) -> str:
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return change.text
    start = document.offset(change.range.start, encoding)
    end = document.offset(change.range.end, encoding)
    return apply_edits(document.text, [TextEdit(min(start, end), max(start, end), change.text)])
