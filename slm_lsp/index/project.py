"""The project as it is now: the index, and over it the files that are open in an editor, saved or not."""

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
    """Answers as `Reader` does; what is open stands in for what the index holds of it.

    Args:
        reader: of the index; None while there is none.
        opened: rows of open files, by path.
    """

    reader: Reader | None
    opened: Mapping[str, FileRows] = field(default_factory=dict)

    def time_limit(self, seconds: float) -> AbstractContextManager[None]:
        """Inside, a search that still runs after so long gives up with `sqlite3.OperationalError`."""
        return self.reader.time_limit(seconds) if self.reader else nullcontext()

    def files(self) -> ProjectFiles:
        """The paths of all files."""
        if self.reader is None:
            return ProjectFiles.of(self.opened)
        indexed = self.reader.project_files()
        new = frozenset(path for path in self.opened if path not in indexed)
        return self.reader.project_files(new) if new else indexed

    def digest(self, path: str) -> bytes:
        """The digest of a file's content as it is now; empty where it is not known."""
        if path in self.opened:
            return self.opened[path].digest
        return self.reader.digest(path) if self.reader else b""

    def top_level(self, path: str, name: str | None = None) -> list[Symbol]:
        """Outermost definitions of a file, or those of one name."""
        if path in self.opened:
            return [each for each in self.members(path, "") if name is None or each.name == name]
        return self.reader.top_level(path, name) if self.reader else []

    def members(self, path: str, qualified: str) -> list[Symbol]:
        """What is defined right inside a definition, in the order of the text."""
        if path in self.opened:
            return [each for each in _symbols(self.opened[path]) if each.parent == qualified]
        return self.reader.members(path, qualified) if self.reader else []

    def named(self, names: Iterable[str], limit: int) -> list[Symbol]:
        """Definitions with one of these names; names with more than `limit` of them are left out."""
        wanted = list(dict.fromkeys(names))
        found = self.reader.named(wanted, limit) if self.reader else []
        found = [each for each in found if each.path not in self.opened]
        for rows in self.opened.values():
            found += [each for each in _symbols(rows) if each.name in wanted]
        counts = {name: sum(each.name == name for each in found) for name in wanted}
        return [each for each in found if counts[each.name] <= limit]

    def search(self, words: Sequence[str], limit: int) -> list[IndexedChunk]:
        """Chunks on disk that hold some of these words, the best first, but for those of open files."""
        found = self.reader.search(words, limit) if self.reader else []
        return [each for each in found if each.path not in self.opened]

    def document_frequency(self, words: Iterable[str]) -> dict[str, int]:
        """In how many chunks on disk each word stands."""
        return self.reader.document_frequency(words) if self.reader else {}

    def chunk_count(self) -> int:
        """How many chunks there are on disk."""
        return self.reader.chunk_count() if self.reader else 0

    def chunks_of(self, path: str) -> list[IndexedChunk]:
        """A file's chunks, in order."""
        if path in self.opened:
            return [IndexedChunk(path, *row, 0.0) for row in self.opened[path].chunks]
        return self.reader.chunks_of(path) if self.reader else []


def _symbols(rows: FileRows) -> list[Symbol]:
    return [Symbol(rows.path, *row) for row in rows.definitions]


def open_project(root: Path, opened: Mapping[str, FileRows] | None = None) -> Project:
    """The project in a folder; without an index it knows only what is open."""
    try:
        reader = Reader(index_dir(root))
    except IndexMissingError:
        reader = None
    return Project(reader, opened or {})
