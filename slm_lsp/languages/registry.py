"""The languages we know, read once from `languages.toml`, and which of them a file is written in."""

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

import msgspec

QUERIES = files("slm_lsp.languages") / "queries"

INHERITS = "; inherits:"

FULL = ("definitions", "references", "imports", "scopes")
"""The queries of a language that has everything; some have only the first."""


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language, as `languages.toml` describes it."""

    name: str
    extensions: tuple[str, ...] = ()
    """Lower case, without the dot."""
    filenames: tuple[str, ...] = ()
    shebangs: tuple[str, ...] = ()
    """Interpreters that a first line `#!…` names; a version behind the name is left out of account."""
    grammar: str | None = None
    """The parser's name in tree-sitter-language-pack; None: no parser, chunks by indentation."""
    line_comments: tuple[str, ...] = ()
    block_comments: tuple[tuple[str, str], ...] = ()
    """Pairs of what opens and what closes one."""
    block_openers: tuple[str, ...] = ()
    """How a line ends, or which word it begins with, when the next one belongs to a block that it opens."""
    block_closers: tuple[str, ...] = ()
    """Words that make a whole line, such as `END-IF`, and close a block; compared without case. `*` is one name or
    nothing. Brackets close blocks in every language and are not listed."""
    builtins: tuple[str, ...] = ()
    """Names that are there without an import. Where there are some, a name that is neither among them nor in the file
    nor in the index is made up; other languages may have names from elsewhere that nobody sees, such as headers."""
    statements_in: tuple[str, ...] = ()
    """Kinds of nodes that hold statements, or pieces of them that do; only there is something defined or imported.
    None: it may be anywhere, such as in an expression."""
    tests: tuple[str, ...] = ()
    """Patterns of the paths where tests lie; `{}` stands for the name of the tested file without its extension."""

    @property
    def level(self) -> str:
        """`full`, `definitions` or `chunks`: how much of it we understand."""
        if all(query_text(self.name, each) is not None for each in FULL):
            return "full"
        return "definitions" if query_text(self.name, FULL[0]) is not None else "chunks"


@cache
def languages() -> dict[str, Language]:
    """Every language by name."""
    tree = tomllib.loads((files("slm_lsp.languages") / "languages.toml").read_text(encoding="utf-8"))
    return {name: msgspec.convert({"name": name, **entry}, Language) for name, entry in tree.items()}


EDITORS_NAMES = {
    "javascriptreact": "javascript",
    "typescriptreact": "tsx",
    "shellscript": "bash",
    "sh": "bash",
    "objective-c": "objc",
    "objective-cpp": "objc",
    "cs": "csharp",
    "plaintext": "text",
    "fortran-modern": "fortran",
    "FortranFreeForm": "fortran",
    "fortran_fixed-form": "fortran",
    "COBOL": "cobol",
    "objectpascal": "pascal",
    "delphi": "pascal",
    "terraform": "hcl",
    "proto3": "proto",
    "vue-html": "vue",
}
"""Language identifiers of editors (those of the LSP specification, and some extensions') that are not our names."""


def language_of(path: str, first_line: str = "", said: str = "") -> Language | None:
    """The language of a file, by its name, then its extension, then the interpreter its first line names.

    Args:
        path: of the file, with `/`.
        first_line: of its text.
        said: what the editor calls its language; counts where nothing else tells, as in a text that has no file yet.
    """
    pure = PurePosixPath(path)
    by_name, by_extension, by_shebang = _tables()
    found = by_name.get(pure.name) or by_extension.get(pure.suffix[1:].lower())
    if found is None and first_line.startswith("#!"):
        words = first_line[2:].split()
        programs = [PurePosixPath(word).name.rstrip("0123456789.") for word in words if not word.startswith("-")]
        found = next((by_shebang[each] for each in programs if each in by_shebang), None)
    if found is None and said:
        found = EDITORS_NAMES.get(said, said)
    return languages().get(found) if found else None


@cache
def query_text(language: str, query: str) -> str | None:
    """The text of a query, such as `definitions`; None where a language has none.

    A first line `; inherits: LANGUAGE` puts that language's text before its own, as in Neovim's queries.
    """
    path = QUERIES / language / f"{query}.scm"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    parent = first.removeprefix(INHERITS).strip() if first.startswith(INHERITS) else None
    return f"{query_text(parent, query) or ''}\n{rest}" if parent else text


@cache
def _tables() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Names of languages by file name, by extension and by interpreter; the first entry that claims one has it."""
    by_name: dict[str, str] = {}
    by_extension: dict[str, str] = {}
    by_shebang: dict[str, str] = {}
    for language in languages().values():
        for table, keys in (
            (by_name, language.filenames),
            (by_extension, language.extensions),
            (by_shebang, language.shebangs),
        ):
            for key in keys:
                table.setdefault(key, language.name)
    return by_name, by_extension, by_shebang
