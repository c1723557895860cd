"""The languages in which names can be renamed, and the rules for each language."""

from collections.abc import Callable
from dataclasses import dataclass

from slm_lsp.errors import UsageError
from slm_lsp.features.edit.rename.go.resolver import GoResolver
from slm_lsp.features.edit.rename.java.resolver import JavaResolver
from slm_lsp.features.edit.rename.javascript.resolver import JavaScriptResolver
from slm_lsp.features.edit.rename.model import Resolver
from slm_lsp.features.edit.rename.python.resolver import PythonResolver
from slm_lsp.features.edit.rename.sources import Sources
from slm_lsp.languages.registry import language_of

KINDS = {
    "module": "global name",
    "local": "local name",
    "parameter": "parameter",
    "member": "member",
    "field": "field",
    "method": "method",
}
"""Names of the kinds of symbols for messages, by the kind in the symbol's key."""

OWN_FILE = frozenset({"local", "field", "method"})
"""Kinds of symbols that can be used only in the file that defines them: local names, and the private fields and methods
of Java."""


_WORD = r"(?<![\w$]){}(?![\w$])"
_EXAMPLE = r"(?m)^[ \t]*(?:>>>|\.\.\.) [^\n]*?(?<![\w$]){}(?![\w$])"
"""Pattern of a line in a text file that is part of a doctest example and uses the name."""
_ENTRY_POINT = r"[\w.]+\s*:\s*{}(?![\w$])"


@dataclass(frozen=True, slots=True)
class Family:
    """Languages whose files can use each other's names."""

    languages: frozenset[str]
    resolver: Callable[[Sources], Resolver]
    others: tuple[tuple[str, str], ...] = ()
    """Other kinds of files that can use the names, although the rules cannot read their syntax. Each has the end of the
    path, and a regular expression that finds a use; `{}` in the expression is replaced by the name."""


FAMILIES = (
    Family(
        frozenset({"python"}),
        PythonResolver,
        (
            (".pyx", _WORD),
            (".pxd", _WORD),
            (".ipynb", _WORD),
            (".toml", _ENTRY_POINT),
            (".cfg", _ENTRY_POINT),
            (".rst", _EXAMPLE),
            (".md", _EXAMPLE),
            (".txt", _EXAMPLE),
        ),
    ),
    Family(
        frozenset({"javascript", "typescript", "tsx"}),
        JavaScriptResolver,
        ((".vue", _WORD), (".svelte", _WORD), (".astro", _WORD), (".mdx", _WORD)),
    ),
    Family(frozenset({"java"}), JavaResolver),
    Family(frozenset({"go"}), GoResolver, ((".s", _WORD),)),
)


def family_of(sources: Sources, path: str) -> Family:
    """Return the family of a file's language.

    Raises:
        UsageError: the file is ignored or not read, or its language is not supported.
    """
    if path not in sources.files:
        raise UsageError(f"{path} is not one of the project's own files, or it is ignored.")
    text = sources.text(path)
    if text is None:
        why = f": {sources.unread[path].why}" if path in sources.unread else ""
        raise UsageError(f"{path} is not read{why}.")
    language = language_of(path, text.partition("\n")[0])
    for family in FAMILIES:
        if language is not None and language.name in family.languages:
            return family
    raise UsageError(f"Names in {path} cannot be renamed: its language is not supported.")
