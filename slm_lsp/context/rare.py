"""Names round a cursor that are rare in the project, and how much of them a piece of another file shares."""

from collections.abc import Mapping
from dataclasses import dataclass

from slm_lsp.context.common import COMMON_WORDS, MIN_LENGTH
from slm_lsp.context.query import Query
from slm_lsp.index.project import Project
from slm_lsp.index.reader import IndexedChunk
from slm_lsp.index.words import split, words
from slm_lsp.languages.keywords import keywords
from slm_lsp.languages.registry import Language, language_of

SEARCH_WORDS = 6
LOOKED_UP = 4 * SEARCH_WORDS
"""The most words whose number of chunks is looked up in the index, for one request."""

MOST_CHUNKS = 300
"""A word in more chunks than this distinguishes nothing, and costs a search milliseconds."""

RARE_SHARE = 0.02
LEAST_CHUNKS = 3
"""Rare is what stands in at most this share of all chunks, or in this many where the project is small."""

PART = 0.5
"""What a shared part of a name counts, beside the whole name."""

MOST_WORTH, ENOUGH_NAMES = 0.6, 2.0
"""The most that a similar piece is worth, less than what is imported, and how many shared names make it worth that,
each counted by its nearness."""

LEAST_SHARED = 0.5
"""A piece that shares less than one name twelve lines from the cursor shares nothing."""

OTHER_LANGUAGE_NAMES = 2
"""Names of several words, such as `due_date`, that a file of an unrelated language has to share: single words, however
rare, are in comments and texts of any language."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a piece has in common with a place: the names, the nearest first, and how much that is."""

    names: tuple[str, ...]
    compound: int
    """How many of the names have several words and are shared whole."""
    amount: float

    def worth(self, *, related: bool) -> float:
        """How likely the piece helps; 0 where it shares too little. `related` as `companions.related` says."""
        if self.amount < LEAST_SHARED or (not related and self.compound < OTHER_LANGUAGE_NAMES):
            return 0.0
        return MOST_WORTH * min(self.amount / ENOUGH_NAMES, 1.0)


@dataclass(frozen=True, slots=True)
class RareNames:
    """The rare names round a cursor.

    Args:
        near: every name with its nearness, the nearest first.
        rare: the words of them that are rare.
        words: those of them to search for, the best first.
    """

    near: Mapping[str, float]
    rare: frozenset[str]
    words: tuple[str, ...]

    def shared(self, piece: IndexedChunk) -> Shared:
        """What a piece shares; words that are reserved in its own language do not count."""
        language = language_of(piece.path)
        there = self.rare.intersection(words(piece.text).split()) - _reserved(language)
        names: list[str] = []
        compound, amount = 0, 0.0
        for name, nearness in self.near.items():
            parts = there.intersection(split(name))
            if not parts:
                continue
            is_whole = name.lower() in parts
            names.append(name if is_whole else min(parts))
            compound += is_whole and len(split(name)) > 1
            amount += nearness * (1.0 if is_whole else PART)
            there -= parts  # `tax` in a second name says nothing new
        return Shared(tuple(names), compound, amount)


def rare_names(query: Query, project: Project) -> RareNames:
    """The names near a place that are rare: neither reserved nor common words, and in few of the project's chunks."""
    near = dict(sorted(query.telling.items(), key=lambda item: -item[1]))
    excluded = COMMON_WORDS | _reserved(query.language)
    weights: dict[str, float] = {}
    for name, nearness in near.items():
        for word in split(name):
            if len(word) >= MIN_LENGTH and word not in excluded:
                weights.setdefault(word, nearness)
    counts = project.document_frequency(list(weights)[:LOOKED_UP])
    most = min(MOST_CHUNKS, max(LEAST_CHUNKS, int(project.chunk_count() * RARE_SHARE)))
    # A word of one chunk stands nowhere but here.
    rare = [word for word, count in counts.items() if 1 < count <= most]
    best = sorted(rare, key=lambda word: -weights[word] / (1 + counts[word]) ** 0.25)
    return RareNames(near, frozenset(rare), tuple(best[:SEARCH_WORDS]))


def _reserved(language: Language | None) -> frozenset[str]:
    return frozenset() if language is None else keywords(language)
