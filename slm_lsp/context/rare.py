"""Finds names near the cursor that are rare in the project, and rates chunks of other files that share them."""

from collections.abc import Mapping
from dataclasses import dataclass

from slm_lsp.context.common import COMMON_WORDS, MIN_LENGTH
from slm_lsp.context.query import Query
from slm_lsp.index.project import Project
from slm_lsp.index.reader import IndexedChunk
from slm_lsp.index.words import split, words
from slm_lsp.languages.keywords import keywords
from slm_lsp.languages.registry import Language, language_of

MAX_SEARCH_WORDS = 6
"""Maximum number of words in one search of the index."""

MAX_LOOKED_UP = 4 * MAX_SEARCH_WORDS
"""Maximum number of words per request for which the index counts the chunks that contain the word."""

MAX_CHUNKS = 300
"""A word in more chunks than this is not rare, because it is not specific and searching for it takes milliseconds."""

RARE_SHARE = 0.02
"""A word in a larger share of the project's chunks than this is not rare, except in small projects."""

SMALL_PROJECT_CHUNKS = 3
"""A word in at most this number of chunks is always rare, so that small projects have rare words too."""

PART_WEIGHT = 0.5
"""Weight of a shared part of a name, relative to a shared whole name."""

MAX_RELEVANCE = 0.6
"""Relevance of a chunk that shares `ENOUGH_NAMES` names or more. It is lower than the relevance of an imported
definition."""

ENOUGH_NAMES = 2.0
"""Number of shared names, each weighted by its proximity, at which a chunk reaches `MAX_RELEVANCE`."""

MIN_SHARED = 0.5
"""Minimum number of shared names, each weighted by its proximity, for a chunk to be relevant. A single shared name that
is 12 lines from the cursor is just enough."""

OTHER_LANGUAGE_NAMES = 2
"""Minimum number of compound names, such as `due_date`, that a file in an unrelated language must share with the text
near the cursor to be used. Single words, even rare words, occur in comments and texts of any language."""


@dataclass(frozen=True, slots=True)
class Shared:
    """The rare names that a chunk of another file shares with the text near the cursor.

    Args:
        names: the shared names, the nearest first.
        compound: number of shared whole names that have several parts, such as `due_date`.
        amount: number of shared names, each weighted by its proximity. A shared part of a name counts `PART_WEIGHT`.
    """

    names: tuple[str, ...]
    compound: int
    amount: float

    def relevance(self, *, related: bool) -> float:
        """Return the relevance of the chunk, from 0 to 1; `related` is the result of `companions.related`."""
        if self.amount < MIN_SHARED or (not related and self.compound < OTHER_LANGUAGE_NAMES):
            return 0.0
        return MAX_RELEVANCE * min(self.amount / ENOUGH_NAMES, 1.0)


@dataclass(frozen=True, slots=True)
class RareNames:
    """The rare names near a cursor.

    Args:
        near: every name near the cursor with its proximity, the nearest first.
        rare: rare words among these names and their parts.
        words: the rare words to search for, the best first.
    """

    near: Mapping[str, float]
    rare: frozenset[str]
    words: tuple[str, ...]

    def shared(self, chunk: IndexedChunk) -> Shared:
        """Return the names that a chunk shares. Reserved words of the chunk's own language do not count."""
        language = language_of(chunk.path)
        unmatched = self.rare.intersection(words(chunk.text).split()) - _reserved(language)
        names: list[str] = []
        compound, amount = 0, 0.0
        for name, proximity in self.near.items():
            parts = unmatched.intersection(split(name))
            if not parts:
                continue
            is_whole = name.lower() in parts
            names.append(name if is_whole else min(parts))
            compound += is_whole and len(split(name)) > 1
            amount += proximity * (1.0 if is_whole else PART_WEIGHT)
            unmatched -= parts  # each word counts once, for the nearest name that contains the word
        return Shared(tuple(names), compound, amount)


def rare_names(query: Query, project: Project) -> RareNames:
    """Return the rare names of a query: neither reserved nor common words, and in few chunks of the project."""
    near = dict(sorted(query.distinctive.items(), key=lambda item: -item[1]))
    excluded = COMMON_WORDS | _reserved(query.language)
    weights: dict[str, float] = {}
    for name, proximity in near.items():
        for word in split(name):
            if len(word) >= MIN_LENGTH and word not in excluded:
                weights.setdefault(word, proximity)
    counts = project.document_frequency(list(weights)[:MAX_LOOKED_UP])
    limit = min(MAX_CHUNKS, max(SMALL_PROJECT_CHUNKS, int(project.chunk_count() * RARE_SHARE)))
    # A word in only one chunk most likely occurs only in the open file, so a search would find nothing new.
    rare = [word for word, count in counts.items() if 1 < count <= limit]
    best = sorted(rare, key=lambda word: -weights[word] / (1 + counts[word]) ** 0.25)
    return RareNames(near, frozenset(rare), tuple(best[:MAX_SEARCH_WORDS]))


def _reserved(language: Language | None) -> frozenset[str]:
    return frozenset() if language is None else keywords(language)
