"""Rules that replace a wrong name: by the name that the message suggests, or by the only similar name in scope."""

import re
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher

from slm_lsp.features.edit.rules.source import Source
from slm_lsp.features.fix.problem import Fixes, Problem, RuleFix
from slm_lsp.languages.symbols import CALLABLE, definitions, imports, references, scopes

SIMILAR = 0.75
"""Minimum similarity (`SequenceMatcher.ratio`) of a wrong name and the name that replaces it."""

VERY_SIMILAR = 0.85
"""Minimum similarity if a built-in name replaces the wrong name."""

NEAR_LINES = 8
"""Number of lines below the reported one that are searched for the wrong name: a call may have several lines."""

_SUGGESTS = re.compile(r"\b(?:[Dd]id you mean|similar name(?: exists)?|maybe)\b(?P<rest>[^?;]*)")
_QUOTED = re.compile(r"[`'\"\u2018\u201c]([A-Za-z_$][\w$.]*)[`'\"\u2019\u201d]")
_KEYWORD = re.compile(r"(?P<function>[\w.<>]+)\(\) got an unexpected keyword argument '(?P<name>\w+)'")
_MEMBER = re.compile(r"has no (?:attribute|member|field)\b|does not exist on type|\bno (?:method|field)\b")


def suggested_name(problem: Problem) -> Fixes:
    """Replace a name by the name that the message suggests."""
    found = _SUGGESTS.search(problem.message)
    if found is None:
        return
    wrong = _QUOTED.findall(problem.message[: found.start()])
    for right in _QUOTED.findall(found["rest"]):
        by_similarity = sorted(wrong, key=lambda each: _similarity(each, right), reverse=True)
        for each in by_similarity[:1]:
            text = _replaced(problem, each, right)
            if text is not None:
                yield RuleFix(text, f"`{each}` was replaced by `{right}`, as the error message suggests.")


def similar_name(problem: Problem) -> Fixes:
    """Replace an undefined name by the only similar name of the document, or of the class around it."""
    name, source = problem.undefined, problem.source()
    if not name or source is None or problem.language.level != "full":
        return
    listed = definitions(problem.language, source.tree, source.raw)
    row = problem.line - 1
    owners = {each.qualified for each in listed if each.kind == "class" and each.first_line <= row <= each.last_line}
    if problem.language.name == "python" and any(each.name == name and each.parent in owners for each in listed):
        text = _replaced(problem, name, f"self.{name}")
        if text is not None:
            yield RuleFix(text, f"`{name}` was replaced by `self.{name}`, because it is a member of the class.")
    at = source.byte(problem.lines.starts[row]) if 0 <= row < len(problem.lines.starts) else 0
    known = {each.name for each in listed if not each.parent}
    known |= {each.local for each in imports(problem.language, source.tree, source.raw)}
    for scope in scopes(problem.language, source.tree, source.raw):
        if scope.start <= at < scope.end or not problem.line:
            known |= scope.names
    right = _only_similar(name, known - {name}, problem.language.builtins)
    if right and (text := _replaced(problem, name, right)) is not None:
        yield RuleFix(text, f"`{name}` is not defined; it was replaced by the similar name `{right}`.")


def keyword_argument(problem: Problem) -> Fixes:
    """Rename a keyword argument that the function does not have to its only similar parameter."""
    match = _KEYWORD.search(problem.message)
    if match is None or _SUGGESTS.search(problem.message):
        return
    parameters = _parameters(problem, match["function"])
    right = _only_similar(match["name"], parameters)
    if right and (text := _replaced(problem, match["name"], right)) is not None:
        yield RuleFix(text, f"`{match['function']}` has no parameter `{match['name']}`; `{right}` is the similar one.")


def _parameters(problem: Problem, function: str) -> Sequence[str]:
    """Return the parameters of a Python function of the document, or of the only one of this name in the project."""
    source = problem.source()
    name = function.rpartition(".")[2]
    listed = [] if source is None else definitions(problem.language, source.tree, source.raw)
    found = [each.signature for each in listed if each.qualified == function or each.name == name]
    if len(found) != 1:
        found = [each.signature for each in listed if each.qualified == function] or [
            each.signature for each in problem.project.named([name], 1)
        ]
    if len(found) != 1:
        return ()
    inside = found[0].partition("(")[2].rpartition(")")[0]
    names = (each.strip().lstrip("*") for each in re.split(r",(?![^\[(]*[\])])", inside))
    return [re.match(r"\w*", each).group() for each in names if each and each not in ("self", "cls", "/")]  # type: ignore[union-attr]


def _replaced(problem: Problem, wrong: str, right: str) -> str | None:
    """Return the document with the wrong name replaced where the message means it; None if the name is not there."""
    source = problem.source()
    if source is None or not problem.line or problem.language.level != "full":
        return None
    keyword, member = bool(_KEYWORD.search(problem.message)), bool(_MEMBER.search(problem.message))
    used = references(problem.language, source.tree, source.raw)
    places = []
    for each in used:
        before = source.before(each.start).rstrip()
        after = source.after(each.start + len(wrong.encode())).lstrip()
        is_member = before.endswith((".", "->", "::"))
        is_keyword = bool(re.match(r"=(?!=)", after)) and (not before or before.endswith(("(", ",")))
        if each.name == wrong and is_member == member and (is_keyword or not keyword):
            places.append(each)
    row = problem.line - 1
    if member or keyword:
        near = [each for each in places if row <= each.line <= row + NEAR_LINES]
        chosen = [each for each in near if each.line == near[0].line]
        chosen = chosen[:1] if keyword else chosen
    else:
        # An undefined name has the same meaning in the whole function, and outside of functions in the whole file.
        first, last = _function_rows(problem, source, row)
        chosen = [each for each in places if first <= each.line <= last]
        if not any(row <= each.line <= row + NEAR_LINES for each in chosen):
            return None
    if not chosen:
        return None
    size = len(wrong.encode())
    return source.replaced([(each.start, each.start + size, right) for each in chosen])


def _function_rows(problem: Problem, source: Source, row: int) -> tuple[int, int]:
    """Return the first and last line of the innermost function around a line; outside of functions, of the file."""
    around = [
        (each.first_line, each.last_line)
        for each in definitions(problem.language, source.tree, source.raw)
        if each.kind in CALLABLE and each.first_line <= row <= each.last_line
    ]
    return min(around, key=lambda each: each[1] - each[0], default=(0, len(problem.lines.starts)))


def _only_similar(name: str, known: Collection[str], builtins: Collection[str] = ()) -> str:
    """Return the known name that is most similar to `name`.

    If no name is similar enough, or several are equally similar, return an empty string.
    """
    scores = {each: _closeness(name, each) for each in known}
    # Short built-in names are similar to many words: `item` and `iter`, `row` and `pow`.
    scores |= {each: _closeness(name, each) for each in builtins if _closeness(name, each) >= VERY_SIMILAR}
    best = max(scores.values(), default=0.0)
    found = [each for each, score in scores.items() if score == best]
    return found[0] if best >= SIMILAR and len(found) == 1 else ""


def _closeness(name: str, other: str) -> float:
    """Return how similar two names are, from 0 to 1. Two exchanged letters are a frequent slip, so they give 0.99."""
    different = [at for at, pair in enumerate(zip(name, other, strict=False)) if pair[0] != pair[1]]
    if len(name) == len(other) > 2 and len(different) == 2 and different[1] == different[0] + 1:
        first, second = different
        if name[first] == other[second] and name[second] == other[first]:
            return 0.99
    return _similarity(name, other) if min(len(name), len(other)) > 1 else 0.0


def _similarity(wrong: str, right: str) -> float:
    return SequenceMatcher(None, wrong, right.rpartition(".")[2]).ratio()
