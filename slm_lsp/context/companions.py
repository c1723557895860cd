"""Decides which languages are used together, so that a file in one is useful context for a file in the other."""

from functools import cache, lru_cache
from itertools import chain

from slm_lsp.languages.registry import language_of, languages

KNOWN_PATHS = 4096

_FAMILIES = (
    {"html", "css", "scss", "javascript", "typescript", "tsx", "vue", "svelte", "astro", "template"},
    {"html", "css", "scss", "javascript", "php", "template"},
    {"c", "cpp", "objc", "cuda", "shader"},
    {"java", "kotlin", "groovy", "scala"},
    {"csharp", "vb", "fsharp"},
    {"ocaml", "ocaml_interface"},
    {"erlang", "elixir"},
    {"cobol", "jcl"},
    {"verilog", "vhdl"},
    {"python", "starlark"},
    {"javascript", "typescript", "tsx", "coffeescript"},
)

_INTERFACES = frozenset({"sql", "proto", "thrift", "graphql", "prisma"})
"""Languages that describe data for programs in any language."""

_NOT_CODE = frozenset(
    {"markdown", "text", "rst", "asciidoc", "latex", "typst", "org", "json", "jsonnet", "yaml", "toml", "xml", "ini"}
    | {"ignore", "diff", "gettext", "html", "css", "scss", "make", "cmake", "meson", "ninja", "dockerfile", "autoconf"}
)
"""Languages whose files do not work with the data that `_INTERFACES` describe."""


def related(path: str, other: str) -> bool:
    """Return whether the files at two paths are in the same language or in languages that are used together."""
    one, two = _name(path), _name(other)
    if one == two:
        return one is not None or path.rpartition(".")[2] == other.rpartition(".")[2]
    return one is not None and two is not None and two in _companions()[one]


@lru_cache(KNOWN_PATHS)
def _name(path: str) -> str | None:
    language = language_of(path)
    return language.name if language else None


@cache
def _companions() -> dict[str, frozenset[str]]:
    code = languages().keys() - _NOT_CODE - _INTERFACES
    companions: dict[str, frozenset[str]] = {}
    for name in languages():
        family = chain.from_iterable(each for each in _FAMILIES if name in each)
        interfaces = _INTERFACES if name in code else code if name in _INTERFACES else frozenset()
        companions[name] = frozenset(family) | interfaces
    return companions
