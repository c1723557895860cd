"""Which of several answers to one request is shown: by checks, then by agreement and likelihood.

Pure: what a candidate is put into and what is known of names comes with the question. The order, and how much it is
worth, was measured; the figures stand in `docs/evals.md`.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from tree_sitter import Node, Tree

from slm_lsp.engine.protocol import Finish
from slm_lsp.errors import ParseTimeoutError
from slm_lsp.languages.parse import matches, parse, parse_inserted
from slm_lsp.languages.registry import Language, language_of
from slm_lsp.languages.symbols import references

PARSE_LIMIT_S = 0.05
"""A file that takes longer to parse is not checked: candidates are then ordered by likelihood alone."""

_BLANKS = re.compile(r"\s+")
_WORD = re.compile(rb"[^\W\d]\w*")
_MEMBER = re.compile(rb"(?:\.|->|::)\s*\Z")
_BINDING = re.compile(rb"\s*=(?![=>~])")

IsKnown = Callable[[str], bool]
"""Whether the project defines a name, such as the index tells."""


class Fault(IntEnum):
    """What is wrong with a candidate; the worse the greater."""

    NOTHING = 0
    OPEN = 1
    """The model would have gone on behind what was cut: the piece does not fill the gap."""
    UNKNOWN_NAME = 2
    """It uses a name that neither the file nor the project nor the language has."""
    BROKEN = 3
    """The file parses worse with it."""
    NO_CODE = 4
    """A comment, where no comment was begun."""
    EMPTY = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer."""

    text: str
    logprobs: tuple[float, ...]
    """Of its tokens, and of the one that ended it."""
    finish: Finish | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate, with what speaks for and against it."""

    candidate: Candidate
    votes: int
    """How many candidates say the same but for white space."""
    fault: Fault
    likelihood: float
    """Natural logarithm of the probability of saying this, of all ways that were seen."""


@dataclass(frozen=True)
class Site:
    """Where candidates go.

    Args:
        path: of the document, which tells its language.
        text: the whole document.
        offset: of the cursor, in characters.
        is_known: whether the project defines a name.
    """

    path: str
    text: str
    offset: int
    is_known: IsKnown = lambda _: False

    @cached_property
    def language(self) -> Language | None:
        """That of the document."""
        return language_of(self.path, self.text[: self.text.find("\n")])

    @cached_property
    def source(self) -> bytes:
        """The document as parsers want it."""
        return self.text.encode("utf-8", errors="replace")

    @cached_property
    def at(self) -> int:
        """The cursor, in bytes."""
        return len(self.text[: self.offset].encode("utf-8", errors="replace"))

    @cached_property
    def line_before(self) -> str:
        """The cursor's line up to it."""
        return self.text[self.text.rfind("\n", 0, self.offset) + 1 : self.offset]

    @cached_property
    def tree(self) -> Tree | None:
        """Of the document without a candidate; None where it cannot be parsed in time."""
        try:
            return None if self.language is None else parse(self.language, self.source, PARSE_LIMIT_S)
        except ParseTimeoutError:
            return None

    @cached_property
    def errors(self) -> int:
        """How many errors the document has without a candidate."""
        return 0 if self.tree is None else errors(self.tree)

    @cached_property
    def words(self) -> frozenset[bytes]:
        """Every word of the document."""
        return frozenset(_WORD.findall(self.source))


def ranked(candidates: Sequence[Candidate], site: Site) -> list[Ranked]:
    """Candidates, the best first, those that say the same put together.

    The order is by faults, then by likelihood. Agreement is in the likelihood: what several ways of spelling lead to
    has the probability of all of them.
    """
    groups: dict[str, list[Candidate]] = {}
    for each in candidates:
        groups.setdefault(_BLANKS.sub("", each.text), []).append(each)
    found = [_judged(same, site) for same in groups.values()]
    return sorted(found, key=lambda each: (each.fault, -each.likelihood))


def _judged(same: Sequence[Candidate], site: Site) -> Ranked:
    best = max(same, key=lambda each: (each.finish == "end", sum(each.logprobs)))
    ways = {each.logprobs: sum(each.logprobs) for each in same}
    return Ranked(best, len(same), fault(best, site), _log_of_sum(list(ways.values())))


def _log_of_sum(logarithms: Sequence[float]) -> float:
    top = max(logarithms)
    return top + math.log(sum(math.exp(each - top) for each in logarithms))


def fault(candidate: Candidate, site: Site) -> Fault:
    """The worst that is wrong with a candidate."""
    if not candidate.text.strip():
        return Fault.EMPTY
    if _begins_comment(candidate.text, site):
        return Fault.NO_CODE
    if site.language is not None and site.tree is not None:
        put = candidate.text.encode("utf-8", errors="replace")
        try:
            tree = parse_inserted(site.language, site.tree, site.source, site.at, put, PARSE_LIMIT_S)
        except ParseTimeoutError:
            tree = None
        if tree is not None and errors(tree) > site.errors:
            return Fault.BROKEN
        if tree is not None and any(_unknown(site, site.language, tree, put)):
            return Fault.UNKNOWN_NAME
    return Fault.OPEN if candidate.finish == "stop" else Fault.NOTHING


def _begins_comment(text: str, site: Site) -> bool:
    if site.language is None or site.line_before.strip():
        return False
    openers = (*site.language.line_comments, *(opener for opener, _ in site.language.block_comments))
    return text.lstrip().startswith(openers)


def errors(tree: Tree) -> int:
    """How many places of a tree did not parse."""
    count = 0
    left: list[Node] = [tree.root_node] if tree.root_node.has_error else []
    while left:
        node = left.pop()
        count += node.is_error or node.is_missing
        left += [each for each in node.children if each.has_error or each.is_missing]
    return count


def _unknown(site: Site, language: Language, tree: Tree, put: bytes) -> Iterator[str]:
    """Names that a candidate uses and nobody defines; members of something are not looked at, nor what it binds."""
    if not language.builtins:
        return
    source = site.source[: site.at] + put + site.source[site.at :]
    first = source.count(b"\n", 0, site.at)
    rows = range(first, first + put.count(b"\n") + 1)
    bound: set[str] | None = None
    for each in references(language, tree, source, rows):
        end = each.start + len(each.name.encode())
        if each.start >= site.at + len(put) or end <= site.at or each.name in language.builtins:
            continue
        if each.name.encode() in site.words or _MEMBER.search(source, max(0, each.start - 8), each.start):
            continue
        if _BINDING.match(source, end) or site.is_known(each.name):
            continue
        if bound is None:
            caught = matches(language, "scopes", tree.root_node, rows)
            bound = {_name(node) for match in caught for node in match.get("local", [])}
        if each.name not in bound:
            yield each.name


def _name(node: Node) -> str:
    return (node.text or b"").decode("utf-8", errors="replace")
