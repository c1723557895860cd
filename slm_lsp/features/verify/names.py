"""Check that an edit neither uses undefined names nor removes names that are used elsewhere."""

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tree_sitter import Tree

from slm_lsp.errors import ParseTimeoutError
from slm_lsp.features.verify.verdict import Check
from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import Language
from slm_lsp.languages.symbols import Definition, definitions, imports, references, scopes

SHOWN = 5
"""Maximum number of names that the evidence lists."""

Uses = Callable[[str], Sequence[str]]
"""Returns where other files of the project use a name, as `path:line`."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one version of a document."""

    undefined: frozenset[str]
    """Names that are used and that neither the document nor the language defines. Members (`a.name`) are left out."""
    defined: frozenset[str]
    """Names of the definitions that other code can use. These are the definitions at the top level and in classes."""
    signatures: dict[str, str]
    """The signature of each definition, by its qualified name. Those of Python have no annotations."""
    used: frozenset[str]
    """All names that are used."""
    complete: bool
    """Whether `undefined` can be trusted: the language's built-in names are known and there is no wildcard import."""


def names_of(language: Language, text: str) -> Names | None:
    """Return the names of a document; None if the language has no queries for them or parsing takes too long."""
    source = text.encode("utf-8", errors="replace")
    try:
        tree = parse(language, source)
    except ParseTimeoutError:
        return None
    if tree is None or language.level != "full":
        return None
    found, brought = definitions(language, tree, source), imports(language, tree, source)
    own = {each.name for each in found} | {each.local for each in brought}
    own |= {part for each in brought for part in each.module.split(".")}
    used = references(language, tree, source)
    unbound = {each.name for each in used if not _is_member(source, each.start)} - own - set(language.builtins)
    wildcard = any(each.name == "*" and not each.alias for each in brought)
    return Names(
        undefined=frozenset(unbound - _bound(language, tree, source)),
        defined=frozenset(each.name for each in _public(found)),
        signatures={each.qualified: _calling(language, each.signature) for each in found},
        used=frozenset(each.name for each in used),
        complete=bool(language.builtins) and not wildcard,
    )


def check_names(
    language: Language | None, old: str, new: str, is_known: Callable[[str], bool], uses: Uses
) -> tuple[Check, ...]:
    """Return the checks `names` and `signature` of a change.

    Args:
        language: language of the document.
        old: the document before the edit.
        new: the document after the edit.
        is_known: returns whether the project defines a name.
        uses: returns where other files use a name.
    """
    before = None if language is None else names_of(language, old)
    after = None if language is None else names_of(language, new)
    if before is None or after is None:
        reason = "names are not analysed for this language"
        return (Check("names", "not available", reason), Check("signature", "not available", reason))
    return (_names(before, after, is_known, uses), _signature(before, after, uses))


def _calling(language: Language, signature: str) -> str:
    """Return the part of a signature on which callers depend. In Python, they do not depend on annotations."""
    plain = " ".join(signature.split())
    if language.name != "python":
        return plain
    try:
        tree = ast.parse(f"{plain.rstrip(': ')}: pass")
    except (SyntaxError, ValueError):
        return plain
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
    return ast.unparse(tree)


def _names(before: Names, after: Names, is_known: Callable[[str], bool], uses: Uses) -> Check:
    lost = [
        (name, where) for name in sorted(before.defined - after.defined) if (where := _still_used(name, after, uses))
    ]
    if lost:
        return Check(
            "names",
            "failed",
            "; ".join(f"`{name}` was removed but is still used in {where}" for name, where in lost[:SHOWN]),
        )
    undefined = sorted(name for name in after.undefined - before.undefined if not is_known(name))
    if undefined and after.complete:
        return Check("names", "failed", f"undefined: {_listed(undefined)}")
    if not after.complete:
        return Check(
            "names",
            "not available",
            "the built-in names of the language or the names of a wildcard import are not known",
        )
    return Check("names", "passed", "no removed name is still used, and no new name is undefined")


def _signature(before: Names, after: Names, uses: Uses) -> Check:
    changed = [
        name for name, signature in before.signatures.items() if after.signatures.get(name, signature) != signature
    ]
    found = ((name, uses(name.rpartition(".")[2])) for name in changed)
    called = [f"`{name}` has changed and is used in {_listed(where)}" for name, where in found if where]
    if called:
        return Check("signature", "failed", "; ".join(called[:SHOWN]))
    if changed:
        return Check("signature", "passed", f"changed, but not used in other files: {_listed(changed)}")
    return Check("signature", "passed", "unchanged")


def _still_used(name: str, after: Names, uses: Uses) -> str:
    """Return where a removed name is still used; empty if it is not used."""
    if name in after.used:
        return "this file"
    return _listed(uses(name))


def _public(found: Iterable[Definition]) -> Iterable[Definition]:
    """Return the definitions that are not local to a function, so that other code can use them."""
    callables = {each.qualified for each in found if each.kind in ("function", "method", "constructor", "procedure")}
    return [each for each in found if each.parent not in callables]


def _bound(language: Language, tree: Tree, source: bytes) -> set[str]:
    """Return all names that a scope binds, such as parameters and variables."""
    return {name for scope in scopes(language, tree, source) for name in scope.names}


def _is_member(source: bytes, start: int) -> bool:
    before = source[max(0, start - 80) : start].rstrip()
    return before.endswith((b".", b"->", b"::"))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
