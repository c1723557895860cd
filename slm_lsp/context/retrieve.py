"""Chooses snippets of other files for a cursor: fuses several signals by reciprocal rank, within a token budget."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from slm_lsp.context.cursor import Cursor
from slm_lsp.context.fim import CHARACTERS_PER_TOKEN
from slm_lsp.context.query import query
from slm_lsp.context.signals import SIGNALS, History, Piece, Signal, SignalInput
from slm_lsp.context.snippets import Snippet
from slm_lsp.errors import IndexMissingError
from slm_lsp.index.project import Project

FUSION_K = 60.0
"""The constant k of reciprocal rank fusion: a piece at rank r of a signal scores weight / (k + r). The value is
from Cormack, Clarke and Büttcher, Reciprocal Rank Fusion outperforms Condorcet (SIGIR 2009)."""

WEIGHTS: Mapping[str, float] = {"definitions": 2.0, "edited": 1.5, "similar": 1.0, "viewed": 0.7, "siblings": 0.4}
"""Weight of each signal in the fusion."""

RETRIEVAL_LIMIT_S = 0.6
"""Time limit of retrieval, in seconds, for an answer that the user is waiting for."""

MAX_ECHO = 0.5
"""Maximum share of a piece's lines that also occur near the cursor. A piece with a higher share is not used, because it
makes the model repeat these lines (llama.vim drops such chunks at the same share)."""

MILLISECONDS = 1e3


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The result of a retrieval.

    Args:
        snippets: the chosen snippets, the best last, because the model gives more weight to text near the file.
        milliseconds: time that each signal took.
        late: signals that were skipped or stopped by the time limit.
    """

    snippets: tuple[Snippet, ...]
    milliseconds: Mapping[str, float]
    late: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Scored:
    piece: Piece
    score: float
    reasons: tuple[str, ...]
    relevance: float
    """Estimated probability that the piece is useful, from all signals together."""


def retrieve(
    cursor: Cursor,
    project: Project,
    history: History,
    tokens: int,
    limit_s: float = RETRIEVAL_LIMIT_S,
    *,
    signals: Mapping[str, Signal] = SIGNALS,
    clock: Callable[[], float] = time.perf_counter,
) -> Retrieved:
    """Return snippets of other files for a cursor.

    Args:
        cursor: the document and the position of the cursor.
        project: the index, overlaid with the open files.
        history: recent edits and viewed files.
        tokens: maximum estimated number of tokens of all snippets. Pieces of low relevance use only a part of it.
        limit_s: time limit in seconds. Signals that have not started by then are skipped; a running search is stopped.
        signals: the signals to use, in this order.
        clock: returns seconds since any fixed time.

    Raises:
        IndexMissingError: the index is damaged.
    """
    start = clock()
    inputs = SignalInput(query(cursor), project, history)
    spent: dict[str, float] = {}
    late: list[str] = []
    ranked: dict[str, list[Piece]] = {}
    for name, signal in signals.items():
        begun = clock()
        if begun - start >= limit_s:
            late.append(name)
            continue
        try:
            with project.time_limit(start + limit_s - begun):
                ranked[name] = list(signal(inputs))
        except sqlite3.OperationalError:
            late.append(name)
        except sqlite3.DatabaseError as error:
            raise IndexMissingError(f"The index is damaged ({error}).", "Run `slm-lsp index`.") from error
        spent[name] = (clock() - begun) * MILLISECONDS
    chosen = _pack(_fused(ranked), inputs.query.surroundings, tokens)
    return Retrieved(_snippets(chosen, project), spent, tuple(late))


def _fused(ranked: Mapping[str, Sequence[Piece]]) -> list[_Scored]:
    """Return all pieces, the best first. The score of a piece is the sum over all signals that found it."""
    scores: dict[tuple[str, int], float] = {}
    first: dict[tuple[str, int], Piece] = {}
    reasons: dict[tuple[str, int], list[str]] = {}
    useless: dict[tuple[str, int], float] = {}
    for name, pieces in ranked.items():
        for rank, piece in enumerate(pieces, start=1):
            key = (piece.path, piece.first)
            scores[key] = scores.get(key, 0.0) + WEIGHTS.get(name, 1.0) / (FUSION_K + rank)
            first.setdefault(key, piece)
            useless[key] = useless.get(key, 1.0) * (1.0 - min(piece.relevance, 1.0))
            if piece.reason not in reasons.setdefault(key, []):
                reasons[key].append(piece.reason)
    ordered = sorted(scores, key=lambda key: (-scores[key], key))
    return [_Scored(first[key], scores[key], tuple(reasons[key]), 1.0 - useless[key]) for key in ordered]


def _pack(scored: Iterable[_Scored], surroundings: frozenset[str], tokens: int) -> list[_Scored]:
    """Choose pieces, the best first. Skip pieces that overlap a chosen one or repeat the lines around the cursor.

    Evaluating a piece takes time, so a piece needs more relevance the more pieces are chosen already: a piece of
    relevance 0.4 is chosen only if it and all pieces before it fit into 0.4 of the budget.
    """
    budget = tokens * CHARACTERS_PER_TOKEN
    spent = 0.0
    chosen: list[_Scored] = []
    for each in scored:
        piece = each.piece
        cost = len(piece.text) + _heading(piece.path, chosen)
        if spent + cost > each.relevance * budget or _echoes(piece.text, surroundings):
            continue
        if any(_overlap(piece, one.piece) for one in chosen):
            continue
        chosen.append(each)
        spent += cost
    return chosen


def _heading(path: str, chosen: Sequence[_Scored]) -> float:
    """Return the number of characters that the file's path takes; 0 if a piece of this file is already chosen."""
    return 0 if any(each.piece.path == path for each in chosen) else len(path) + 1 + CHARACTERS_PER_TOKEN


def _echoes(text: str, surroundings: frozenset[str]) -> bool:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return bool(lines) and sum(line in surroundings for line in lines) > MAX_ECHO * len(lines)


def _overlap(one: Piece, other: Piece) -> bool:
    return one.path == other.path and one.first < other.last and other.first < one.last


def _snippets(chosen: Sequence[_Scored], project: Project) -> tuple[Snippet, ...]:
    """Return one snippet per file, with its pieces in file order. The file with the best piece comes last."""
    by_path = sorted(chosen, key=lambda each: (each.piece.path, each.piece.first))
    snippets: list[Snippet] = []
    for path, group in groupby(by_path, key=lambda each: each.piece.path):
        pieces = list(group)
        reasons = dict.fromkeys(reason for each in pieces for reason in each.reasons)
        text = "".join(each.piece.text for each in pieces)
        score = max(each.score * each.relevance for each in pieces)
        snippets.append(Snippet(path, text, "; ".join(reasons), score, _version(path, project)))
    return tuple(sorted(snippets, key=lambda each: (each.score, each.path)))


def _version(path: str, project: Project) -> str:
    """Return the hash of a file's content; empty when the index is locked or has no hash of it."""
    try:
        return project.digest(path).hex()
    except sqlite3.Error:
        return ""
