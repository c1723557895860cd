"""The current state of a project: its index, overlaid with the files that are open in the editor."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from slm_lsp.errors import IndexMissingError
from slm_lsp.index.database import index_dir
from slm_lsp.index.extract import FileRows
from slm_lsp.index.reader import IndexedChunk, Reader, Symbol
from slm_lsp.index.resolve import ProjectFiles


@dataclass(frozen=True)
class Project:
    """Answers the same queries as `Reader`, but for open files uses their current text instead of the index.

    Args:
        reader: reader of the index; None if there is no index.
        opened: index rows of the open files, by path.
    """

    reader: Reader | None
    opened: Mapping[str, FileRows] = field(default_factory=dict)

    def time_limit(self, seconds: float) -> AbstractContextManager[None]:
        """Limit the time of the queries inside the `with` block. A longer query raises `sqlite3.OperationalError`."""
        return self.reader.time_limit(seconds) if self.reader else nullcontext()

    def files(self) -> ProjectFiles:
        """Return the paths of all indexed and open files."""
        if self.reader is None:
            return ProjectFiles.of(self.opened)
        indexed = self.reader.project_files()
        new = frozenset(path for path in self.opened if path not in indexed)
        return self.reader.project_files(new) if new else indexed

    def digest(self, path: str) -> bytes:
        """Return the digest of a file's current content; empty if the file is neither open nor indexed."""
        if path in self.opened:
            return self.opened[path].digest
        return self.reader.digest(path) if self.reader else b""

    def top_level(self, path: str, name: str | None = None) -> list[Symbol]:
        """Return the top-level definitions of a file. If `name` is given, return only definitions with this name."""
        if path in self.opened:
            return [each for each in self.members(path, "") if name is None or each.name == name]
        return self.reader.top_level(path, name) if self.reader else []

    def members(self, path: str, qualified: str) -> list[Symbol]:
        """Return the definitions directly inside a definition, in text order."""
        if path in self.opened:
            return [each for each in _symbols(self.opened[path]) if each.parent == qualified]
        return self.reader.members(path, qualified) if self.reader else []

    def named(self, names: Iterable[str], limit: int) -> list[Symbol]:
        """Return the definitions with these names, except names that have more than `limit` definitions."""
        wanted = list(dict.fromkeys(names))
        found = self.reader.named(wanted, limit) if self.reader else []
        found = [each for each in found if each.path not in self.opened]
        for rows in self.opened.values():
            found += [each for each in _symbols(rows) if each.name in wanted]
        counts = {name: sum(each.name == name for each in found) for name in wanted}
        return [each for each in found if counts[each.name] <= limit]

    def search(self, words: Sequence[str], limit: int) -> list[IndexedChunk]:
        """Return indexed chunks that contain some of these words, best first. Chunks of open files are omitted."""
        found = self.reader.search(words, limit) if self.reader else []
        return [each for each in found if each.path not in self.opened]

    def document_frequency(self, words: Iterable[str]) -> dict[str, int]:
        """Return the number of indexed chunks that contain each word; words that no chunk contains are absent."""
        return self.reader.document_frequency(words) if self.reader else {}

    def chunk_count(self) -> int:
        """Return the number of indexed chunks."""
        return self.reader.chunk_count() if self.reader else 0

    def chunks_of(self, path: str) -> list[IndexedChunk]:
        """Return the chunks of a file, in text order."""
        if path in self.opened:
            return [IndexedChunk(path, *row, 0.0) for row in self.opened[path].chunks]
        return self.reader.chunks_of(path) if self.reader else []


def _symbols(rows: FileRows) -> list[Symbol]:
    return [Symbol(rows.path, *row) for row in rows.definitions]


def open_project(root: Path, opened: Mapping[str, FileRows] | None = None) -> Project:
    """Open the project in a folder. Without an index, it contains only the open files."""
    try:
        reader = Reader(index_dir(root))
    except IndexMissingError:
        reader = None
    return Project(reader, opened or {})
