"""Which of several answers to one request is shown: the likeliest to be all that is missing, less what checks find.

Pure: what candidates are put into, and what is known of names, comes with the question. What each rule is worth stands
in `docs/evals.md`.
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
from slm_lsp.features.completion.below import cuts_off, sets_for_nothing
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

LEAST_END = 0.007
"""The least that the end of an answer is taken to be likely: some 5 nats."""

HEAD_START = 0.25
"""Nats by which another answer has to be better than the greedy one: a smaller difference decides little
(`docs/evals.md`)."""

WRONG = 6.0
"""Nats that it costs not to do as the examples of the function say."""

IsKnown = Callable[[str], bool]
"""Whether the project defines a name, such as the index tells."""


class Fault(Enum):
    """What is wrong with a candidate, and how many nats of likelihood that costs it."""

    NONE = 0.0
    FOR_NOTHING = 3.0
    """It ends a function by giving a value to a variable of that function."""
    UNKNOWN_NAME = 4.0
    """It uses a name that neither the file nor the project nor the language has."""
    BROKEN = 9.0
    """The file parses worse with it."""
    CUTS_OFF = 9.25
    """What stands below would never be reached, or be indented for nothing."""
    NO_CODE = 9.5
    """A comment, where no comment was begun."""
    EMPTY = 99.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer."""

    text: str
    logprobs: tuple[float, ...]
    """Of its tokens, and of what ended it."""
    finish: Finish | None = None
    merged: bool = False
    """Whether the token that ended it said something too, such as `:` with the end of its line."""
    beside: float = 0.0
    """How likely it is that an answer goes on like one of the others, where this one ends."""

    @property
    def likelihood(self) -> float:
        """Logarithm of the probability that this, and no more, is what is missing.

        Where the model went on behind what was cut, that it could have ended there is at most as likely as that it went
        on neither so nor like another answer.
        """
        if self.finish != "stop":
            return sum(self.logprobs)
        *said, last = self.logprobs
        went_on = math.exp(last)
        end = 1 - went_on - self.beside
        if self.merged:
            end = min(end, went_on * (1 - went_on))
        return sum(said) + math.log(max(end, LEAST_END))


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with what speaks against it."""

    candidate: Candidate
    fault: Fault
    score: float
    """The higher the better."""


@dataclass(frozen=True)
class Site:
    """Where candidates go.

    Args:
        around: what stands round the cursor.
        is_known: whether the project defines a name.
    """

    around: Surroundings
    is_known: IsKnown = lambda _: False

    @property
    def language(self) -> Language | None:
        """That of the document."""
        return self.around.language

    @cached_property
    def text(self) -> str:
        """The document without a candidate."""
        return self.around.syntax.text

    @cached_property
    def source(self) -> bytes:
        """The same, as parsers want it."""
        return self.around.syntax.source

    @cached_property
    def start(self) -> int:
        """The cursor, in bytes."""
        return len(_bytes(self.around.head + self.around.before))

    @cached_property
    def tree(self) -> Tree | None:
        """Of the document without a candidate; None where it cannot be parsed in time."""
        try:
            return self.around.syntax.tree(PARSE_S)
        except ParseTimeoutError:
            return None

    @cached_property
    def errors(self) -> int:
        """How many places of the document do not parse, as it is, or with what the cursor's line leaves open closed."""
        as_it_is = 0 if self.tree is None else errors_of(self.tree.root_node)
        if as_it_is == 0:
            return 0
        finished = self.put("")[0]
        return as_it_is if finished is None else min(as_it_is, errors_of(finished.root_node))

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of the document."""
        return frozenset(_WORD.findall(self.text))

    @cached_property
    def has_wildcards(self) -> bool:
        """Whether the document imports names that it does not name."""
        if self.language is None or self.tree is None or b"*" not in self.source:
            return False
        found = imports(self.language, self.tree, self.source)
        return any(each.name == "*" and not each.alias for each in found)

    def fault(self, text: str) -> Fault:
        """The worst that is wrong with a candidate; a text that comes again is not checked again."""
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
        tree, source = self.put(text)
        if tree is None or self.language is None:
            return Fault.NONE
        if errors_of(tree.root_node) > self.errors:
            return Fault.BROKEN
        stop = self.start + len(_bytes(text.rstrip()))
        if cuts_off(tree, source, self.start, stop, self.language):
            return Fault.CUTS_OFF
        if any(_unknown(self, self.language, tree, source, len(_bytes(text)))):
            return Fault.UNKNOWN_NAME
        return Fault.FOR_NOTHING if sets_for_nothing(tree, source, self.start, stop) else Fault.NONE

    def put(self, text: str) -> tuple[Tree | None, bytes]:
        """The tree of the document with a text at the cursor, what it opens closed; and the document."""
        around = self.around
        changed = around.head + closed(around.before + text, around.after, around) + around.tail
        syntax = SyntaxTree(self.language, changed, around.syntax)
        try:
            return None if self.tree is None else syntax.tree(PARSE_S), syntax.source
        except ParseTimeoutError:
            return None, syntax.source


def compared(candidates: Sequence[Candidate], growing: Sequence[Sequence[float]] = ()) -> list[Candidate]:
    """Answers to one request that know of each other.

    Two that branch off from each other have the tokens before in common, and these their probabilities to the last bit.

    Args:
        candidates: those that are whole.
        growing: the logarithms of the probabilities of the tokens of those that are not.
    """
    unlike: dict[str, list[tuple[float, ...]]] = {}
    for text in {_same(each.text) for each in candidates}:
        whole = (each.logprobs for each in candidates if _same(each.text) != text)
        unlike[text] = [tuple(each) for each in (*whole, *growing)]
    return [replace(each, beside=_beside(each, unlike[_same(each.text)])) for each in candidates]


def _beside(candidate: Candidate, others: Sequence[tuple[float, ...]]) -> float:
    if candidate.finish != "stop":
        return 0.0
    own, last = candidate.logprobs[:-1], candidate.logprobs[-1]
    behind = {each[len(own)] for each in others if len(each) > len(own) and each[: len(own)] == own}
    return sum(math.exp(each) for each in behind - {last})


def _same(text: str) -> str:
    """What answers have in common that differ only in white space."""
    return _BLANKS.sub("", text)


def ranked(
    candidates: Sequence[Candidate],
    site: Site,
    *,
    greedy_first: bool = True,
    growing: Sequence[Sequence[float]] = (),
    verdicts: Mapping[str, Verdict] = MappingProxyType({}),
) -> list[Ranked]:
    """Candidates, the best first; of those that differ only in white space the greedy one, or else the likeliest.

    Args:
        candidates: answers to one request.
        site: where they go.
        greedy_first: whether the first is the greedy answer.
        growing: as for `compared`.
        verdicts: what came of running those of a text.
    """
    candidates = compared(candidates, growing)
    greedy = candidates[0] if greedy_first and candidates else None
    scores: dict[str, float] = {}
    shown: dict[str, Candidate] = {}
    costs = {each.text: _cost(verdicts.get(each.text)) for each in candidates}
    for each in sorted(candidates, key=lambda each: (costs[each.text], each is not greedy, -each.likelihood)):
        text = _same(each.text)
        score = each.likelihood + (HEAD_START if each is greedy else 0.0)
        scores[text] = max(score, scores.get(text, score))
        shown.setdefault(text, each)
    faults = {text: site.fault(each.text) for text, each in shown.items()}
    found = [
        Ranked(each, faults[text], scores[text] - faults[text].value - costs[each.text]) for text, each in shown.items()
    ]
    return sorted(found, key=lambda each: -each.score)


def _cost(verdict: Verdict | None) -> float:
    return WRONG if verdict in (Verdict.FAILED, Verdict.UNFINISHED) else 0.0


def _begins_comment(text: str, around: Surroundings) -> bool:
    if around.language is None or around.before.strip():
        return False
    openers = (*around.language.line_comments, *(opener for opener, _ in around.language.block_comments))
    return text.lstrip().startswith(openers)


def _unknown(site: Site, language: Language, tree: Tree, source: bytes, length: int) -> Iterator[str]:
    """Names that a candidate uses and nobody defines; members of something are not looked at, nor what it binds."""
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
            caught = matches(language, "scopes", tree.root_node, rows)
            bound = {_text(node) for match in caught for node in match.get("local", [])}
        if each.name not in bound and not site.has_wildcards:
            yield each.name


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", errors="replace")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")
