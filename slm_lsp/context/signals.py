"""Why a piece of another file may matter: each signal gives candidates, the best first.

None of them knows of the others, of budgets or of time; `retrieve` fuses them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from slm_lsp.context.query import Query
from slm_lsp.context.skeleton import file_outline, outline
from slm_lsp.index.project import Project
from slm_lsp.index.reader import Piece, Symbol
from slm_lsp.index.resolve import resolve
from slm_lsp.index.words import identifiers, split
from slm_lsp.languages.symbols import TYPES, Import

MOST = 24
"""Candidates of one signal."""

SAME_NAME = 3
"""A name that more definitions than this have says too little about which is meant."""

UNUSED = 0.9
"""What an imported name that the file does not use yet counts: it is there to be used."""

ELSEWHERE = 0.4
"""What an imported name counts that is used in the file, but not near the cursor."""

SHARED = 0.3
"""What it adds that all parts of a name stand near the cursor."""

NOT_IMPORTED = 0.4
"""What a name near the cursor counts that was not imported: it may be another one that is spelled alike."""

MENTIONED = 0.1
"""What a type counts that stands in a signature."""

MODULE_LINES = 30

SEARCH_WORDS = 6
COMMON = 300
"""A word in more chunks than this distinguishes nothing, and costs a search milliseconds."""

SIBLING_LINES = 12
MAX_BESIDE = 200
"""Files of one folder that are looked at."""

VIEWED_LINES = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A piece of a file that may be shown. Lines from 0, the last exclusive; of an outline those it stands for."""

    path: str
    first: int
    last: int
    text: str
    reason: str


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


Signal = Callable[[Asked], Iterable[Candidate]]


def definitions(asked: Asked) -> Iterator[Candidate]:
    """Signatures of what the file imports and of the names used near the cursor, the likeliest first."""
    worth: dict[tuple[str, int], float] = {}
    known: dict[tuple[str, int], tuple[Symbol, str]] = {}

    def add(symbol: Symbol, value: float, reason: str) -> None:
        key = (symbol.path, symbol.first)
        if symbol.path != asked.query.place.path and value > worth.get(key, 0.0):
            worth[key], known[key] = value, (symbol, reason)

    modules: dict[str, float] = {}
    for wanted in asked.query.imports:
        value = _likelihood(asked.query, wanted)
        for found in _imported(asked, wanted):
            if isinstance(found, str):
                modules[found] = max(modules.get(found, 0.0), value)
            else:
                add(found, value, f"imported from {found.path}")
    for symbol in asked.project.named(asked.query.used, SAME_NAME):
        if _same_language(asked, symbol):
            add(symbol, NOT_IMPORTED * asked.query.near[symbol.name], f"`{symbol.name}` is used near the cursor")
    first = sorted(worth, key=lambda key: (-worth[key], key))[:MOST]
    for symbol in _mentioned(asked, [known[key][0] for key in first]):
        add(symbol, MENTIONED, f"`{symbol.name}` stands in a signature")
    ranked = [(-value, path, -1) for path, value in modules.items()]
    ranked += [(-value, path, line) for (path, line), value in worth.items()]
    for _, path, line in sorted(ranked)[:MOST]:
        if line < 0:
            yield from _file(asked, path, MODULE_LINES, "imported as a whole")
            continue
        symbol, reason = known[path, line]
        members = asked.project.members(path, symbol.qualified) if symbol.kind in TYPES else []
        text = outline(symbol, members, asked.comment, asked.query.near_words)
        yield Candidate(path, symbol.first, symbol.last + 1, text, reason)


def similar(asked: Asked) -> Iterator[Candidate]:
    """Chunks that share rare words with the cursor's surroundings (BM25)."""
    weights: dict[str, float] = {}
    for name, near in asked.query.near.items():
        for word in split(name):
            weights[word] = max(weights.get(word, 0.0), near)
    counts = asked.project.rarity(sorted(weights, key=lambda word: -weights[word])[: SEARCH_WORDS * 4])
    rare = [word for word, count in counts.items() if 1 < count <= COMMON]
    chosen = sorted(rare, key=lambda word: -weights[word] / (1 + counts[word]) ** 0.25)[:SEARCH_WORDS]
    for piece in asked.project.search(chosen, MOST):
        if piece.path != asked.query.place.path:
            yield _whole(piece, f"shares rare words such as {', '.join(f'`{word}`' for word in chosen[:3])}")


def edited(asked: Asked) -> Iterator[Candidate]:
    """Chunks that were changed a moment ago."""
    for path, line in asked.history.edits[:MOST]:
        if path != asked.query.place.path:
            for piece in asked.project.chunks_of(path):
                if piece.first <= line < piece.last:
                    yield _whole(piece, "edited a moment ago")


def viewed(asked: Asked) -> Iterator[Candidate]:
    """Outlines of the files looked at last."""
    for path in asked.history.viewed[:MOST]:
        if path != asked.query.place.path:
            yield from _file(asked, path, VIEWED_LINES, "open, or looked at a moment ago")


def siblings(asked: Asked) -> Iterator[Candidate]:
    """Outlines of files in the same folder and of the test or the tested file, those with shared names first."""
    place = asked.query.place.path
    folder = place.rpartition("/")[0] or "."
    beside = [path for path in asked.project.files().in_folder(folder) if path != place][:MAX_BESIDE]
    stems = _stems(place)
    beside.sort(key=lambda path: (-len(stems & _stems(path)), path))
    for path in beside[: MOST // 4]:
        yield from _file(asked, path, SIBLING_LINES, "in the same folder")


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
    targets = resolve(language.name, asked.query.place.path, wanted, asked.project.files())
    name = "" if wanted.name in ("*", "default") else wanted.name
    for path in targets if name else ():
        if found := asked.project.top(path, name):
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


def _same_language(asked: Asked, symbol: Symbol) -> bool:
    return PurePosixPath(symbol.path).suffix == PurePosixPath(asked.query.place.path).suffix


def _mentioned(asked: Asked, symbols: Sequence[Symbol]) -> list[Symbol]:
    """Types that stand in signatures, such as what a function returns."""
    names: dict[str, None] = {}
    for symbol in symbols:
        names.update(dict.fromkeys(name for name in identifiers(symbol.signature) if name[:1].isupper()))
    return [each for each in asked.project.named(names, SAME_NAME) if each.kind in TYPES]


def _file(asked: Asked, path: str, lines: int, reason: str) -> Iterator[Candidate]:
    symbols = asked.project.top(path)
    text = file_outline(symbols, lines, asked.query.near_words)
    if text:
        yield Candidate(path, symbols[0].first, symbols[-1].last + 1, text, reason)


def _whole(piece: Piece, reason: str) -> Candidate:
    return Candidate(piece.path, piece.first, piece.last, piece.text.rstrip("\n") + "\n", reason)


def _stems(path: str) -> set[str]:
    """Words of a file's name, without its extension and what makes it a test."""
    name = path.rpartition("/")[2]
    return {word for part in name.split(".")[:-1] or [name] for word in split(part)} - {"test", "tests", "spec"}
