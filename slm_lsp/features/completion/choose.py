"""Ranks the candidates for one request by their probability, minus a penalty for faults that checks find.

All functions are pure: the caller passes the document and a function that returns whether the project defines a name.
`docs/evals.md` says how much each rule improves the suggestions.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from types import MappingProxyType

from tree_sitter import Node, Tree

from slm_lsp.engine.api import Finish
from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.completion.around import Surroundings
from slm_lsp.features.completion.below import cuts_off, sets_unused_variable
from slm_lsp.features.completion.syntax import PARSE_S, closed, errors_of
from slm_lsp.languages.parse import matches
from slm_lsp.languages.registry import Language
from slm_lsp.languages.symbols import imports, references
from slm_lsp.languages.syntax_tree import SyntaxTree
from slm_lsp.sandbox.process import Verdict

_BLANKS = re.compile(r"\s+")
_WORD = re.compile(r"[^\W\d]\w*")
_MEMBER = re.compile(rb"(?:\.|->|::)\s{0,80}\Z")
_BINDING = re.compile(rb"\s*=(?![=>~])")

MIN_END_PROBABILITY = 0.007
"""Lower limit for the estimated probability that the missing text ends where a candidate ends. Its logarithm is about
-5."""

HEAD_START = 0.25
"""Nats that are added to the score of the greedy candidate. A smaller lead of another candidate hardly shows that it is
better (`docs/evals.md`)."""

FAILED_PENALTY = 6.0
"""Nats that are subtracted from the score of a candidate that fails the examples of its function."""

IsKnown = Callable[[str], bool]
"""Returns whether the project defines a name, for example according to the index."""


class Fault(Enum):
    """A fault of a candidate. The value is subtracted from its score, in nats."""

    NONE = 0.0
    UNUSED_VARIABLE = 3.0
    """The candidate ends a function by assigning a local variable that nothing reads."""
    UNKNOWN_NAME = 4.0
    """The candidate uses a name that is neither in the file, nor defined in the project, nor built in."""
    BROKEN = 9.0
    """The candidate adds a syntax error."""
    CUTS_OFF = 9.25
    """The candidate makes the code below unreachable or wrongly indented."""
    NO_CODE = 9.5
    """The candidate starts with a comment on a blank line."""
    EMPTY = 99.0
    """The candidate is empty or only whitespace."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several answers to a request."""

    text: str
    logprobs: tuple[float, ...]
    """Log-probabilities of the candidate's tokens, including the token that ended it."""
    finish: Finish | None = None
    merged: bool = False
    """Whether the token that ended the candidate also contributed text, such as `:` with a line end."""
    continuation_mass: float = 0.0
    """Total probability of the tokens with which other candidates continue the text of this one."""

    @property
    def likelihood(self) -> float:
        """Log-probability that the missing text is exactly this candidate.

        If a stop string ended the candidate, the model itself was about to continue. The probability of an end is then
        estimated as 1 minus the probability of the token with the stop string, minus `continuation_mass`.
        """
        if self.finish != "stop":
            return sum(self.logprobs)
        *logprobs, last = self.logprobs
        continued = math.exp(last)
        ended = 1 - continued - self.continuation_mass
        if self.merged:
            ended = min(ended, continued * (1 - continued))
        return sum(logprobs) + math.log(max(ended, MIN_END_PROBABILITY))


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its fault and score."""

    candidate: Candidate
    fault: Fault
    score: float
    """Log-probability minus the penalties, in nats; higher is better."""


@dataclass(frozen=True)
class Site:
    """The document and the position where candidates are inserted.

    Args:
        around: the document around the cursor.
        is_known: returns whether the project defines a name.
    """

    around: Surroundings
    is_known: IsKnown = lambda _: False

    @property
    def language(self) -> Language | None:
        """Language of the document."""
        return self.around.language

    @cached_property
    def text(self) -> str:
        """The document without a candidate."""
        return self.around.syntax.text

    @cached_property
    def source(self) -> bytes:
        """`text` as UTF-8, for the parser."""
        return self.around.syntax.source

    @cached_property
    def start(self) -> int:
        """Position of the cursor in `source`, in bytes."""
        return len(_bytes(self.around.head + self.around.before))

    @cached_property
    def tree(self) -> Tree | None:
        """Syntax tree of the document without a candidate; None without a language or if parsing takes too long."""
        try:
            return self.around.syntax.tree(PARSE_S)
        except ParseTimeoutError:
            return None

    @cached_property
    def errors(self) -> int:
        """Number of syntax errors in the document without a candidate.

        Brackets and blocks that the cursor's line leaves open do not count as errors.
        """
        unchanged = 0 if self.tree is None else errors_of(self.tree.root_node)
        if unchanged == 0:
            return 0
        closed_tree = self.document_with("")[0]
        return unchanged if closed_tree is None else min(unchanged, errors_of(closed_tree.root_node))

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of the document."""
        return frozenset(_WORD.findall(self.text))

    @cached_property
    def has_wildcards(self) -> bool:
        """Whether the document has an import such as `from x import *`, which defines names that it does not list."""
        if self.language is None or self.tree is None or b"*" not in self.source:
            return False
        found = imports(self.language, self.tree, self.source)
        return any(each.name == "*" and not each.alias for each in found)

    def fault(self, text: str) -> Fault:
        """Return the worst fault of a candidate's text. Results are cached."""
        if text not in self._faults:
            self._faults[text] = self._fault(text)
        return self._faults[text]

    @cached_property
    def _faults(self) -> dict[str, Fault]:
        return {}

    def _fault(self, text: str) -> Fault:
        if not text.strip():
            return Fault.EMPTY
        if _begins_comment(text, self.around):
            return Fault.NO_CODE
        tree, source = self.document_with(text)
        if tree is None or self.language is None:
            return Fault.NONE
        if errors_of(tree.root_node) > self.errors:
            return Fault.BROKEN
        stop = self.start + len(_bytes(text.rstrip()))
        if cuts_off(tree, source, self.start, stop, self.language):
            return Fault.CUTS_OFF
        if any(_unknown(self, self.language, tree, source, len(_bytes(text)))):
            return Fault.UNKNOWN_NAME
        return Fault.UNUSED_VARIABLE if sets_unused_variable(tree, source, self.start, stop) else Fault.NONE

    def document_with(self, text: str) -> tuple[Tree | None, bytes]:
        """Return the syntax tree and the source of the document with a text at the cursor.

        Brackets and blocks that the text leaves open are closed. The tree is None if the document cannot be parsed.
        """
        around = self.around
        changed = around.head + closed(around.before + text, around.after, around) + around.tail
        syntax = SyntaxTree(self.language, changed, around.syntax)
        try:
            return None if self.tree is None else syntax.tree(PARSE_S), syntax.source
        except ParseTimeoutError:
            return None, syntax.source


def compared(candidates: Sequence[Candidate], unfinished: Sequence[Sequence[float]] = ()) -> list[Candidate]:
    """Return the candidates with their `continuation_mass`.

    Candidates that branch off from each other share the tokens before the branch, with identical log-probabilities.
    That is how this function finds the candidates that continue another one.

    Args:
        candidates: the finished candidates.
        unfinished: log-probabilities of the tokens of each unfinished candidate.
    """
    different: dict[str, list[tuple[float, ...]]] = {}
    for text in {_without_whitespace(each.text) for each in candidates}:
        finished = (each.logprobs for each in candidates if _without_whitespace(each.text) != text)
        different[text] = [tuple(each) for each in (*finished, *unfinished)]
    masses = [_continuation_mass(each, different[_without_whitespace(each.text)]) for each in candidates]
    return [replace(each, continuation_mass=mass) for each, mass in zip(candidates, masses, strict=True)]


def _continuation_mass(candidate: Candidate, others: Sequence[tuple[float, ...]]) -> float:
    if candidate.finish != "stop":
        return 0.0
    own, last = candidate.logprobs[:-1], candidate.logprobs[-1]
    next_tokens = {each[len(own)] for each in others if len(each) > len(own) and each[: len(own)] == own}
    return sum(math.exp(each) for each in next_tokens - {last})


def _without_whitespace(text: str) -> str:
    return _BLANKS.sub("", text)


def ranked(
    candidates: Sequence[Candidate],
    site: Site,
    *,
    greedy_first: bool = True,
    unfinished: Sequence[Sequence[float]] = (),
    verdicts: Mapping[str, Verdict] = MappingProxyType({}),
) -> list[Ranked]:
    """Return the candidates, the best first.

    Of candidates that differ only in whitespace, only one is returned: the one that passes the examples, or else the
    greedy one, or else the most likely one.

    Args:
        candidates: the finished candidates for one request.
        site: where they are inserted.
        greedy_first: whether the first candidate is the greedy one.
        unfinished: log-probabilities of the tokens of each unfinished candidate.
        verdicts: results of the examples, by text of the candidate.
    """
    candidates = compared(candidates, unfinished)
    greedy = candidates[0] if greedy_first and candidates else None
    scores: dict[str, float] = {}
    kept: dict[str, Candidate] = {}
    penalties = {each.text: _penalty(verdicts.get(each.text)) for each in candidates}
    for each in sorted(candidates, key=lambda each: (penalties[each.text], each is not greedy, -each.likelihood)):
        text = _without_whitespace(each.text)
        score = each.likelihood + (HEAD_START if each is greedy else 0.0)
        scores[text] = max(score, scores.get(text, score))
        kept.setdefault(text, each)
    faults = {text: site.fault(each.text) for text, each in kept.items()}
    found = [
        Ranked(each, faults[text], scores[text] - faults[text].value - penalties[each.text])
        for text, each in kept.items()
    ]
    return sorted(found, key=lambda each: -each.score)


def _penalty(verdict: Verdict | None) -> float:
    return FAILED_PENALTY if verdict in (Verdict.FAILED, Verdict.UNFINISHED) else 0.0


def _begins_comment(text: str, around: Surroundings) -> bool:
    if around.language is None or around.before.strip():
        return False
    openers = (*around.language.line_comments, *(opener for opener, _ in around.language.block_comments))
    return text.lstrip().startswith(openers)


def _unknown(site: Site, language: Language, tree: Tree, source: bytes, length: int) -> Iterator[str]:
    """Yield the undefined names that a candidate uses. Attributes and names that it assigns are skipped."""
    if not language.builtins:
        return
    stop = site.start + length
    first = source.count(b"\n", 0, site.start)
    rows = range(first, first + source.count(b"\n", site.start, stop) + 1)
    bound: set[str] | None = None
    for each in references(language, tree, source, rows):
        end = each.start + len(_bytes(each.name))
        if each.start >= stop or end <= site.start or each.name in language.builtins:
            continue
        if each.name in site.words or _MEMBER.search(source, max(0, each.start - 80), each.start):
            continue
        if _BINDING.match(source, end) or site.is_known(each.name):
            continue
        if bound is None:
            scopes = matches(language, "scopes", tree.root_node, rows)
            bound = {_text(node) for match in scopes for node in match.get("local", [])}
        if each.name not in bound and not site.has_wildcards:
            yield each.name


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", errors="replace")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")
