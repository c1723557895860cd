"""Chooses pieces of other files for a place: signals, fused by reciprocal rank, as far as they are worth reading."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import CHARACTERS_PER_TOKEN
from slm_lsp.context.query import query
from slm_lsp.context.signals import SIGNALS, Asked, Candidate, History, Signal
from slm_lsp.context.snippets import Snippet
from slm_lsp.errors import IndexMissingError
from slm_lsp.index.project import Project

FUSION_K = 60.0
"""Reciprocal rank fusion: a candidate at rank r of a signal gets weight / (k + r). The constant is that of Cormack,
Clarke and Büttcher, Reciprocal Rank Fusion outperforms Condorcet (SIGIR 2009)."""

WEIGHTS: Mapping[str, float] = {"definitions": 2.0, "edited": 1.5, "similar": 1.0, "viewed": 0.7, "siblings": 0.4}
"""How much a signal's ranks count beside those of the others."""

ON_REQUEST_S = 0.6

ECHO = 0.5
"""A piece of which more lines than this share stand round the cursor makes a model repeat them (llama.vim drops such
chunks at the same share)."""

MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was chosen."""

    snippets: tuple[Snippet, ...]
    """The best last: what stands nearer to the file counts for more."""
    milliseconds: Mapping[str, float]
    """What each signal took."""
    late: tuple[str, ...]
    """Signals that were left out since time was up."""


@dataclass(frozen=True, slots=True)
class _Scored:
    candidate: Candidate
    score: float
    reasons: tuple[str, ...]
    worth: float
    """How likely it helps, all signals taken together."""


def retrieve(
    cursor: Cursor,
    project: Project,
    history: History,
    tokens: int,
    limit_s: float = ON_REQUEST_S,
    *,
    signals: Mapping[str, Signal] = SIGNALS,
    clock: Callable[[], float] = time.perf_counter,
) -> Retrieved:
    """Snippets for a place, the best last.

    Args:
        cursor: the cursor's place.
        project: the index, and the open files over it.
        history: what the user did.
        tokens: how many the snippets may take at most, as an estimate; what is hardly worth reading takes fewer.
        limit_s: signals that have not begun by then are left out, and one that is searching then is stopped.
        signals: which to ask, in this order.
        clock: seconds, from any start.

    Raises:
        IndexMissingError: the index is damaged.
    """
    start = clock()
    asked = Asked(query(cursor), project, history)
    spent: dict[str, float] = {}
    late: list[str] = []
    ranked: dict[str, list[Candidate]] = {}
    for name, signal in signals.items():
        begun = clock()
        if begun - start >= limit_s:
            late.append(name)
            continue
        try:
            with project.time_limit(start + limit_s - begun):
                ranked[name] = list(signal(asked))
        except sqlite3.OperationalError:
            late.append(name)
        except sqlite3.DatabaseError as error:
            raise IndexMissingError(f"The index is damaged ({error}).", "Run `slm-lsp index`.") from error
        spent[name] = (clock() - begun) * MILLISECONDS
    chosen = _pack(_fused(ranked), asked.query.surroundings, tokens)
    return Retrieved(_snippets(chosen, project), spent, tuple(late))


def _fused(ranked: Mapping[str, Sequence[Candidate]]) -> list[_Scored]:
    """All candidates, the best first; one that several signals name has the sum of what each gives it."""
    scores: dict[tuple[str, int], float] = {}
    first: dict[tuple[str, int], Candidate] = {}
    reasons: dict[tuple[str, int], list[str]] = {}
    useless: dict[tuple[str, int], float] = {}
    for name, candidates in ranked.items():
        for rank, candidate in enumerate(candidates, start=1):
            key = (candidate.path, candidate.first)
            scores[key] = scores.get(key, 0.0) + WEIGHTS.get(name, 1.0) / (FUSION_K + rank)
            first.setdefault(key, candidate)
            useless[key] = useless.get(key, 1.0) * (1.0 - min(candidate.worth, 1.0))
            if candidate.reason not in reasons.setdefault(key, []):
                reasons[key].append(candidate.reason)
    ordered = sorted(scores, key=lambda key: (-scores[key], key))
    return [_Scored(first[key], scores[key], tuple(reasons[key]), 1.0 - useless[key]) for key in ordered]


def _pack(scored: Iterable[_Scored], surroundings: frozenset[str], tokens: int) -> list[_Scored]:
    """Choose pieces, the best first. Skip pieces that overlap a chosen one or repeat the lines around the cursor.

    Reading takes time, so the more is chosen already, the more a further piece has to be worth: one that helps with a
    likelihood of 0.4 is taken only while all pieces with it fit into 0.4 of the budget.
    """
    budget = tokens * CHARACTERS_PER_TOKEN
    spent = 0.0
    chosen: list[_Scored] = []
    for each in scored:
        piece = each.candidate
        cost = len(piece.text) + _heading(piece.path, chosen)
        if spent + cost > each.worth * budget or _echoes(piece.text, surroundings):
            continue
        if any(_overlap(piece, one.candidate) for one in chosen):
            continue
        chosen.append(each)
        spent += cost
    return chosen


def _heading(path: str, chosen: Sequence[_Scored]) -> float:
    """Characters that naming the file costs, once a file."""
    return 0 if any(each.candidate.path == path for each in chosen) else len(path) + 1 + CHARACTERS_PER_TOKEN


def _echoes(text: str, surroundings: frozenset[str]) -> bool:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return bool(lines) and sum(line in surroundings for line in lines) > ECHO * len(lines)


def _overlap(one: Candidate, other: Candidate) -> bool:
    return one.path == other.path and one.first < other.last and other.first < one.last


def _snippets(chosen: Sequence[_Scored], project: Project) -> tuple[Snippet, ...]:
    """One snippet a file, its pieces in the order of the file; the file with the best piece last."""
    by_path = sorted(chosen, key=lambda each: (each.candidate.path, each.candidate.first))
    made: list[Snippet] = []
    for path, group in groupby(by_path, key=lambda each: each.candidate.path):
        pieces = list(group)
        reasons = dict.fromkeys(reason for each in pieces for reason in each.reasons)
        text = "".join(each.candidate.text for each in pieces)
        score = max(each.score * each.worth for each in pieces)
        made.append(Snippet(path, text, "; ".join(reasons), score, _version(path, project)))
    return tuple(sorted(made, key=lambda each: (each.score, each.path)))


def _version(path: str, project: Project) -> str:
    """Tells one content of a file from another; empty where the index cannot tell at once."""
    try:
        return project.digest(path).hex()
    except sqlite3.Error:
        return ""
