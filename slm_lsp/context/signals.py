"""Why a piece of another file may matter: each signal gives candidates, the best first.

None of them knows of the others, of budgets or of time; `retrieve` fuses them.
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

MOST = 24
"""Candidates of one signal."""

SAME_NAME = 3
"""A name that more definitions than this have says too little about which is meant."""

UNUSED = 0.9
"""What an imported name that the file does not use yet counts: it is there to be used."""

ELSEWHERE = 0.3
"""What an imported name counts that is used in the file, but not near the cursor: that use shows most of it."""

SHARED = 0.3
"""What it adds that all parts of a name stand near the cursor."""

NOT_IMPORTED = 0.4
"""What a name near the cursor counts that was not imported: it may be another one that is spelled alike."""

COMMON_NAME = 0.1
"""The same, of a name such as `parse` or `before`, which many things have."""

MENTIONED = 0.1
"""What a type counts that stands in a signature."""

FEW_MEMBERS = 8
"""Members that are shown of a type that does not stand near the cursor."""

MODULE_LINES = 30

EDITED = 0.9
VIEWED, VIEWED_LINES = 0.3, 20
"""Worth of an outline of a file that was looked at, and its lines."""

TWIN, SIBLING, SIBLING_LINES = 0.4, 0.15, 12
"""Worth of an outline of a file in the same folder, with and without a word of its name in common; and its lines."""

MAX_BESIDE = 200
"""Files of one folder that are looked at."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A piece of a file that may be shown. Lines from 0, the last exclusive; of an outline those it stands for."""

    path: str
    first: int
    last: int
    text: str
    reason: str
    worth: float = 1.0
    """How likely it helps, by itself: 1 as good as certain, 0 not at all. `retrieve` says what may be read for that."""


@dataclass(frozen=True, slots=True)
class History:
    """What the user did, the latest first: places edited and files looked at, as paths in the workspace."""

    edits: Sequence[tuple[str, int]] = ()
    """Paths and lines."""
    viewed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a signal may look at."""

    query: Query
    project: Project
    history: History = field(default_factory=History)

    @property
    def comment(self) -> str:
        """How a comment begins in the file's language."""
        language = self.query.language
        return language.line_comments[0] if language and language.line_comments else "#"

    def is_related(self, path: str) -> bool:
        """Whether a file is in the language of the place, or in one that goes with it."""
        return related(self.query.cursor.path, path)


Signal = Callable[[Asked], Iterable[Candidate]]


def definitions(asked: Asked) -> Iterator[Candidate]:
    """Signatures of what the file imports and of the names used near the cursor, the likeliest first."""
    worth: dict[tuple[str, int], float] = {}
    known: dict[tuple[str, int], tuple[Symbol, str]] = {}

    def add(symbol: Symbol, value: float, reason: str) -> None:
        key = (symbol.path, symbol.first)
        if symbol.path != asked.query.cursor.path and value > worth.get(key, 0.0):
            worth[key], known[key] = value, (symbol, reason)

    common = COMMON_WORDS | (keywords(asked.query.language) if asked.query.language else frozenset())
    modules: dict[str, float] = {}
    for wanted in asked.query.imports:
        value = _likelihood(asked.query, wanted)
        for found in _imported(asked, wanted):
            if isinstance(found, str):
                modules[found] = max(modules.get(found, 0.0), value)
            else:
                add(found, value, f"imported from {found.path}")
    for symbol in asked.project.named(asked.query.used, SAME_NAME):
        if asked.is_related(symbol.path):
            value = COMMON_NAME if symbol.name in common else NOT_IMPORTED
            add(symbol, value * asked.query.near[symbol.name], f"`{symbol.name}` is used near the cursor")
    first = sorted(worth, key=lambda key: (-worth[key], key))[:MOST]
    for symbol in _mentioned(asked, [known[key][0] for key in first]):
        if asked.is_related(symbol.path):
            add(symbol, MENTIONED, f"`{symbol.name}` stands in a signature")
    ranked = [(-value, path, -1) for path, value in modules.items()]
    ranked += [(-value, path, line) for (path, line), value in worth.items()]
    for value, path, line in sorted(ranked)[:MOST]:
        if line < 0:
            yield from _file(asked, path, MODULE_LINES, "imported as a whole", -value)
            continue
        symbol, reason = known[path, line]
        members = asked.project.members(path, symbol.qualified) if symbol.kind in TYPES else []
        most = MAX_MEMBERS if symbol.name in asked.query.near else FEW_MEMBERS
        text = outline(symbol, members, asked.comment, asked.query.near_words, most)
        yield Candidate(path, symbol.first, symbol.last + 1, text, reason, -value)


def similar(asked: Asked) -> Iterator[Candidate]:
    """Chunks that share rare names with the cursor's surroundings, found by BM25."""
    rare = rare_names(asked.query, asked.project)
    for piece in asked.project.search(rare.words, MOST):
        if piece.path == asked.query.cursor.path:
            continue
        shared = rare.shared(piece)
        if (worth := shared.worth(related=asked.is_related(piece.path))) > 0:
            names = ", ".join(f"`{name}`" for name in shared.names[:3])
            yield _whole(piece, f"shares rare names such as {names}", worth)


def edited(asked: Asked) -> Iterator[Candidate]:
    """Chunks that were changed a moment ago."""
    for path, line in asked.history.edits[:MOST]:
        if path != asked.query.cursor.path:
            for piece in asked.project.chunks_of(path):
                if piece.first <= line < piece.last:
                    yield _whole(piece, "edited a moment ago", EDITED)


def viewed(asked: Asked) -> Iterator[Candidate]:
    """Outlines of the files looked at last."""
    for path in asked.history.viewed[:MOST]:
        if path != asked.query.cursor.path and asked.is_related(path):
            yield from _file(asked, path, VIEWED_LINES, "open, or looked at a moment ago", VIEWED)


def siblings(asked: Asked) -> Iterator[Candidate]:
    """Outlines of files in the same folder and of the test or the tested file, those with shared names first."""
    cursor = asked.query.cursor.path
    folder = cursor.rpartition("/")[0] or "."
    beside = [path for path in asked.project.files().in_folder(folder) if path != cursor][:MAX_BESIDE]
    beside = [path for path in beside if asked.is_related(path)]
    stems = _stems(cursor)
    beside.sort(key=lambda path: (-len(stems & _stems(path)), path))
    for path in beside[: MOST // 4]:
        worth = TWIN if stems & _stems(path) else SIBLING
        yield from _file(asked, path, SIBLING_LINES, "in the same folder", worth)


SIGNALS: Mapping[str, Signal] = {
    "definitions": definitions,
    "edited": edited,
    "similar": similar,
    "viewed": viewed,
    "siblings": siblings,
}
"""In the order in which time is given to them."""


def _likelihood(query: Query, wanted: Import) -> float:
    """How likely an imported name is about to be used."""
    name = wanted.local
    # The import itself is one use; a file that imports a name and does not use it is about to.
    value = UNUSED if query.uses.get(name, 0) <= 1 else ELSEWHERE
    parts = split(name)
    shared = sum(part in query.near_words for part in parts) / max(len(parts), 1)
    return max(query.near.get(name, 0.0), value) + SHARED * shared


def _imported(asked: Asked, wanted: Import) -> Iterator[Symbol | str]:
    """What one import brings into the file: definitions, or the path of a module that comes as a whole."""
    language = asked.query.language
    if language is None:
        return
    targets = resolve(language.name, asked.query.cursor.path, wanted, asked.project.files())
    name = "" if wanted.name in ("*", "default") else wanted.name
    for path in targets if name else ():
        if found := asked.project.top_level(path, name):
            yield from found
            return
    if not targets:
        return
    if not name or PurePosixPath(targets[0]).stem == name:
        yield targets[0]
        return
    # A package hands on what one of its modules defines.
    folder = str(PurePosixPath(targets[0]).parent)
    for symbol in asked.project.named([name], SAME_NAME):
        if not symbol.parent and symbol.path.startswith("" if folder == "." else folder + "/"):
            yield symbol


def _mentioned(asked: Asked, symbols: Sequence[Symbol]) -> list[Symbol]:
    """Types that stand in signatures, such as what a function returns."""
    names: dict[str, None] = {}
    for symbol in symbols:
        names.update(dict.fromkeys(name for name in identifiers(symbol.signature) if name[:1].isupper()))
    return [each for each in asked.project.named(names, SAME_NAME) if each.kind in TYPES]


def _file(asked: Asked, path: str, lines: int, reason: str, worth: float) -> Iterator[Candidate]:
    symbols = asked.project.top_level(path)
    text = file_outline(symbols, lines, asked.query.near_words)
    if text:
        yield Candidate(path, symbols[0].first, symbols[-1].last + 1, text, reason, worth)


def _whole(piece: IndexedChunk, reason: str, worth: float) -> Candidate:
    return Candidate(piece.path, piece.first, piece.last, piece.text.rstrip("\n") + "\n", reason, worth)


def _stems(path: str) -> set[str]:
    """Words of a file's name, without its extension and what makes it a test."""
    name = path.rpartition("/")[2]
    return {word for part in name.split(".")[:-1] or [name] for word in split(part)} - COMMON_WORDS
