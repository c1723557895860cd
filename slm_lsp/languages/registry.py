"""The supported languages, read once from `languages.toml`, and the detection of a file's language."""

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

import msgspec

QUERIES = files("slm_lsp.languages") / "queries"

INHERITS = "; inherits:"

FULL = ("definitions", "references", "imports", "scopes")
"""The queries of a fully supported language. Other languages have only `definitions`, or no queries."""


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language, as `languages.toml` describes it."""

    name: str
    extensions: tuple[str, ...] = ()
    """File extensions, in lower case and without the dot."""
    filenames: tuple[str, ...] = ()
    shebangs: tuple[str, ...] = ()
    """Names of interpreters in a first line `#!…`. A version number after the name is ignored."""
    grammar: str | None = None
    """Name of the grammar in tree-sitter-language-pack. Without one, texts are split into chunks at blank lines."""
    line_comments: tuple[str, ...] = ()
    block_comments: tuple[tuple[str, str], ...] = ()
    """Pairs of opening and closing delimiters."""
    block_openers: tuple[str, ...] = ()
    """Line endings and first words of lines that open a block on the next line."""
    block_closers: tuple[str, ...] = ()
    """Words that close a block and form a whole line, such as `END-IF`; case is ignored. `*` matches one optional name.
    Closing brackets are not listed, because they close blocks in every language."""
    builtins: tuple[str, ...] = ()
    """Built-in names. If a language lists them, a name in a suggestion that is neither built in, nor in the file, nor
    in the index is considered invented. Languages such as C list none: their headers define names that are not indexed.
    """
    statements_in: tuple[str, ...] = ()
    """Node types that contain statements. Definitions and imports are searched only in these nodes. If this is empty,
    definitions or imports may also occur in expressions, so the whole tree is searched."""
    tests: tuple[str, ...] = ()
    """Path patterns of test files. `{}` stands for the name of the tested file without its extension."""

    @property
    def level(self) -> str:
        """The level of support: `full`, `definitions` or `chunks`."""
        if all(query_text(self.name, each) is not None for each in FULL):
            return "full"
        return "definitions" if query_text(self.name, FULL[0]) is not None else "chunks"


@cache
def languages() -> dict[str, Language]:
    """Return all languages by name."""
    tree = tomllib.loads((files("slm_lsp.languages") / "languages.toml").read_text(encoding="utf-8"))
    return {name: msgspec.convert({"name": name, **entry}, Language) for name, entry in tree.items()}


EDITOR_LANGUAGE_IDS = {
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
"""Maps language identifiers of LSP and of some editor extensions to the names used here, where the two differ."""


def language_of(path: str, first_line: str = "", editor_language: str = "") -> Language | None:
    """Return the language of a file, determined by its name, then its extension, then the `#!` in its first line.

    Args:
        path: path of the file, with `/`.
        first_line: first line of the text.
        editor_language: the editor's language identifier. It is used only if `path` and `first_line` give no result,
            for example for a text without a file.
    """
    pure = PurePosixPath(path)
    by_name, by_extension, by_shebang = _tables()
    found = by_name.get(pure.name) or by_extension.get(pure.suffix[1:].lower())
    if found is None and first_line.startswith("#!"):
        words = first_line[2:].split()
        programs = [PurePosixPath(word).name.rstrip("0123456789.") for word in words if not word.startswith("-")]
        found = next((by_shebang[each] for each in programs if each in by_shebang), None)
    if found is None and editor_language:
        found = EDITOR_LANGUAGE_IDS.get(editor_language, editor_language)
    return languages().get(found) if found else None


@cache
def query_text(language: str, query: str) -> str | None:
    """Return the text of a query, such as `definitions`; None if the language has no such query.

    A first line `; inherits: LANGUAGE` is replaced by the text of that language's query, as in Neovim.
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
    """Return language names by file name, by extension and by interpreter. On conflicts, the first language wins."""
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
