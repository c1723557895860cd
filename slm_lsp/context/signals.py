"""Signals. Each signal finds pieces of other files that may be useful at a cursor, for one kind of reason.

A signal yields its best piece first. It knows no other signal, no token budget and no time limit. `retrieve` fuses the
results of all signals.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from slm_lsp.context.common import COMMON_WORDS
from slm_lsp.context.companions import related
from slm_lsp.context.query import Query
from slm_lsp.context.rare import rare_names
from slm_lsp.context.skeleton import MAX_MEMBERS, file_outline, outline
from slm_lsp.index.project import Project
from slm_lsp.index.reader import IndexedChunk, Symbol
from slm_lsp.index.resolve import resolve
from slm_lsp.index.words import identifiers, split
from slm_lsp.languages.keywords import keywords
from slm_lsp.languages.symbols import TYPES, Import

MAX_PIECES = 24
"""Maximum number of pieces that one signal finds."""

MAX_SAME_NAME = 3
"""Maximum number of definitions of one name. A name with more definitions is ambiguous and is ignored."""

UNUSED_IMPORT = 0.9
"""Relevance of an imported name that the file does not use yet: the user probably imported it to use it next."""

USED_ELSEWHERE = 0.3
"""Relevance of an imported name that the file uses, but not near the cursor. The model may already see that use in the
prompt."""

SHARED_PARTS = 0.3
"""Relevance that an imported name gains when all its parts occur near the cursor."""

NOT_IMPORTED = 0.4
"""Relevance of a name on the cursor's line that is not imported: the definition found may belong to another name with
the same spelling. The relevance decreases with the distance from the cursor."""

COMMON_NAME = 0.1
"""The same as `NOT_IMPORTED`, but for common names such as `parse`, which often have many definitions."""

IN_SIGNATURE = 0.1
"""Relevance of a type that occurs in the signature of another piece."""

MAX_MEMBERS_FAR = 8
"""Maximum number of members in the outline of a type whose name does not occur near the cursor."""

MODULE_LINES = 30
"""Maximum number of lines in the outline of an imported module."""

EDITED = 0.9
"""Relevance of a chunk that the user has edited recently."""

VIEWED = 0.3
"""Relevance of the outline of a file that the user has viewed recently."""

VIEWED_LINES = 20
"""Maximum number of lines in the outline of a viewed file."""

SIMILAR_SIBLING = 0.4
"""Relevance of the outline of a file in the same folder whose name shares a word with the current file's name."""

SIBLING = 0.15
"""Relevance of the outline of a file in the same folder whose name shares no word with the current file's name."""

SIBLING_LINES = 12
"""Maximum number of lines in the outline of a file in the same folder."""

MAX_SIBLINGS = 200
"""Maximum number of files of one folder that are considered."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of another file that may go into the prompt.

    Args:
        path: path of the file in the workspace.
        first: number of the first line of the piece, from 0; for an outline, of the code that the outline describes.
        last: number of the line after the last line of the piece.
        text: text of the piece.
        reason: why the piece may be useful, in words for the user.
        relevance: estimated probability that the piece is useful, from 0 to 1. Values over 1 count as 1 when signals
            are fused.
    """

    path: str
    first: int
    last: int
    text: str
    reason: str
    relevance: float = 1.0


@dataclass(frozen=True, slots=True)
class History:
    """Recent edits and recently viewed files, the latest first.

    Args:
        edits: path in the workspace and line (from 0) of each edit.
        viewed: paths in the workspace.
    """

    edits: Sequence[tuple[str, int]] = ()
    viewed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SignalInput:
    """Everything that a signal may use."""

    query: Query
    project: Project
    history: History = field(default_factory=History)

    @property
    def comment(self) -> str:
        """Start of a line comment in the file's language."""
        language = self.query.language
        return language.line_comments[0] if language and language.line_comments else "#"

    def is_related(self, path: str) -> bool:
        """Return whether another file's language is used together with the language of the current file."""
        return related(self.query.cursor.path, path)


Signal = Callable[[SignalInput], Iterable[Piece]]


def definitions(inputs: SignalInput) -> Iterator[Piece]:
    """Yield the signatures of imported names and of names used near the cursor, the most relevant first."""
    relevance: dict[tuple[str, int], float] = {}
    known: dict[tuple[str, int], tuple[Symbol, str]] = {}

    def add(symbol: Symbol, value: float, reason: str) -> None:
        key = (symbol.path, symbol.first)
        if symbol.path != inputs.query.cursor.path and value > relevance.get(key, 0.0):
            relevance[key], known[key] = value, (symbol, reason)

    common = COMMON_WORDS | (keywords(inputs.query.language) if inputs.query.language else frozenset())
    modules: dict[str, float] = {}
    for wanted in inputs.query.imports:
        value = _import_relevance(inputs.query, wanted)
        for found in _imported(inputs, wanted):
            if isinstance(found, str):
                modules[found] = max(modules.get(found, 0.0), value)
            else:
                add(found, value, f"imported from {found.path}")
    for symbol in inputs.project.named(inputs.query.used, MAX_SAME_NAME):
        if inputs.is_related(symbol.path):
            value = COMMON_NAME if symbol.name in common else NOT_IMPORTED
            add(symbol, value * inputs.query.near[symbol.name], f"`{symbol.name}` is used near the cursor")
    first = sorted(relevance, key=lambda key: (-relevance[key], key))[:MAX_PIECES]
    for symbol in _types_in_signatures(inputs, [known[key][0] for key in first]):
        if inputs.is_related(symbol.path):
            add(symbol, IN_SIGNATURE, f"`{symbol.name}` occurs in a signature")
    ranked = [(-value, path, -1) for path, value in modules.items()]
    ranked += [(-value, path, line) for (path, line), value in relevance.items()]
    for value, path, line in sorted(ranked)[:MAX_PIECES]:
        if line < 0:
            yield from _file(inputs, path, MODULE_LINES, "imported as a whole", -value)
            continue
        symbol, reason = known[path, line]
        members = inputs.project.members(path, symbol.qualified) if symbol.kind in TYPES else []
        limit = MAX_MEMBERS if symbol.name in inputs.query.near else MAX_MEMBERS_FAR
        text = outline(symbol, members, inputs.comment, inputs.query.near_parts, limit)
        yield Piece(path, symbol.first, symbol.last + 1, text, reason, -value)


def similar(inputs: SignalInput) -> Iterator[Piece]:
    """Yield chunks that share rare names with the text near the cursor, found by a BM25 search."""
    rare = rare_names(inputs.query, inputs.project)
    for chunk in inputs.project.search(rare.words, MAX_PIECES):
        if chunk.path == inputs.query.cursor.path:
            continue
        shared = rare.shared(chunk)
        if (relevance := shared.relevance(related=inputs.is_related(chunk.path))) > 0:
            names = ", ".join(f"`{name}`" for name in shared.names[:3])
            yield _piece(chunk, f"shares rare names such as {names}", relevance)


def edited(inputs: SignalInput) -> Iterator[Piece]:
    """Yield the chunks that the user has edited recently."""
    for path, line in inputs.history.edits[:MAX_PIECES]:
        if path != inputs.query.cursor.path:
            for chunk in inputs.project.chunks_of(path):
                if chunk.first <= line < chunk.last:
                    yield _piece(chunk, "edited recently", EDITED)


def viewed(inputs: SignalInput) -> Iterator[Piece]:
    """Yield outlines of the files that the user has viewed recently."""
    for path in inputs.history.viewed[:MAX_PIECES]:
        if path != inputs.query.cursor.path and inputs.is_related(path):
            yield from _file(inputs, path, VIEWED_LINES, "open, or viewed recently", VIEWED)


def siblings(inputs: SignalInput) -> Iterator[Piece]:
    """Yield outlines of files in the same folder.

    Files whose name shares words with the current file's name come first.
    """
    cursor = inputs.query.cursor.path
    folder = cursor.rpartition("/")[0] or "."
    paths = [path for path in inputs.project.files().in_folder(folder) if path != cursor][:MAX_SIBLINGS]
    paths = [path for path in paths if inputs.is_related(path)]
    words = _name_words(cursor)
    paths.sort(key=lambda path: (-len(words & _name_words(path)), path))
    for path in paths[: MAX_PIECES // 4]:
        relevance = SIMILAR_SIBLING if words & _name_words(path) else SIBLING
        yield from _file(inputs, path, SIBLING_LINES, "in the same folder", relevance)


SIGNALS: Mapping[str, Signal] = {
    "definitions": definitions,
    "edited": edited,
    "similar": similar,
    "viewed": viewed,
    "siblings": siblings,
}
"""All signals, in the order in which they run. If the time limit is reached, the remaining signals are skipped."""


def _import_relevance(query: Query, wanted: Import) -> float:
    """Return the estimated probability that an imported name is used next."""
    name = wanted.local
    # The import itself is one occurrence.
    value = UNUSED_IMPORT if query.occurrences.get(name, 0) <= 1 else USED_ELSEWHERE
    parts = split(name)
    shared = sum(part in query.near_parts for part in parts) / max(len(parts), 1)
    return max(query.near.get(name, 0.0), value) + SHARED_PARTS * shared


def _imported(inputs: SignalInput, wanted: Import) -> Iterator[Symbol | str]:
    """Yield what one import refers to: definitions, or the path of a module that is imported as a whole."""
    language = inputs.query.language
    if language is None:
        return
    targets = resolve(language.name, inputs.query.cursor.path, wanted, inputs.project.files())
    name = "" if wanted.name in ("*", "default") else wanted.name
    for path in targets if name else ():
        if found := inputs.project.top_level(path, name):
            yield from found
            return
    if not targets:
        return
    if not name or PurePosixPath(targets[0]).stem == name:
        yield targets[0]
        return
    # A package may re-export a name that one of its modules defines.
    folder = str(PurePosixPath(targets[0]).parent)
    for symbol in inputs.project.named([name], MAX_SAME_NAME):
        if not symbol.parent and symbol.path.startswith("" if folder == "." else folder + "/"):
            yield symbol


def _types_in_signatures(inputs: SignalInput, symbols: Sequence[Symbol]) -> list[Symbol]:
    """Return the types that occur in signatures, such as return types."""
    names: dict[str, None] = {}
    for symbol in symbols:
        names.update(dict.fromkeys(name for name in identifiers(symbol.signature) if name[:1].isupper()))
    return [each for each in inputs.project.named(names, MAX_SAME_NAME) if each.kind in TYPES]


def _file(inputs: SignalInput, path: str, lines: int, reason: str, relevance: float) -> Iterator[Piece]:
    symbols = inputs.project.top_level(path)
    text = file_outline(symbols, lines, inputs.query.near_parts)
    if text:
        yield Piece(path, symbols[0].first, symbols[-1].last + 1, text, reason, relevance)


def _piece(chunk: IndexedChunk, reason: str, relevance: float) -> Piece:
    return Piece(chunk.path, chunk.first, chunk.last, chunk.text.rstrip("\n") + "\n", reason, relevance)


def _name_words(path: str) -> set[str]:
    """Return the words of a file's name, without its extension and without common words such as `test`."""
    name = path.rpartition("/")[2]
    return {word for part in name.split(".")[:-1] or [name] for word in split(part)} - COMMON_WORDS
