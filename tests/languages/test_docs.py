"""`docs/languages.md` lists every language with its level of support, file extensions and file names."""

import re
from pathlib import Path

from slm_lsp.languages.registry import languages

TABLE = Path(__file__).parents[2] / "docs" / "languages.md"

ROW = re.compile(r"^\| (?P<name>\S+) \| (?P<level>\S[^|]*) \| (?P<files>[^|]*) \| (?P<missing>[^|]*) \|$", re.MULTILINE)

LEVELS = {"full": "full", "definitions": "definitions", "chunks only": "chunks"}


def _rows() -> list[re.Match[str]]:
    return [row for row in ROW.finditer(TABLE.read_text()) if row["level"] in LEVELS]


def test_table_lists_every_language_once_with_its_level() -> None:
    documented = sorted((row["name"], LEVELS[row["level"]]) for row in _rows())
    assert documented == sorted((name, language.level) for name, language in languages().items())


def test_table_lists_the_extensions_and_file_names_of_every_language() -> None:
    documented = {row["name"]: set(row["files"].replace("`", "").split()) for row in _rows()}
    expected = {
        name: {f".{each}" for each in language.extensions} | set(language.filenames)
        for name, language in languages().items()
    }
    assert documented == expected
