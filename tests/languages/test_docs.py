"""`docs/languages.md` names every language, what we understand of it, and its files."""

import re
from pathlib import Path

from slm_lsp.languages.registry import languages

TABLE = Path(__file__).parents[2] / "docs" / "languages.md"

ROW = re.compile(r"^\| (?P<name>\S+) \| (?P<level>\S[^|]*) \| (?P<files>[^|]*) \| (?P<missing>[^|]*) \|$", re.MULTILINE)

LEVELS = {"full": "full", "definitions": "definitions", "chunks only": "chunks"}


def _rows() -> list[re.Match[str]]:
    return [row for row in ROW.finditer(TABLE.read_text()) if row["level"] in LEVELS]


def test_every_language_stands_in_the_table_once_with_what_we_understand_of_it() -> None:
    said = sorted((row["name"], LEVELS[row["level"]]) for row in _rows())
    assert said == sorted((name, language.level) for name, language in languages().items())


def test_the_table_names_the_extensions_and_files_of_every_language() -> None:
    said = {row["name"]: set(row["files"].replace("`", "").split()) for row in _rows()}
    known = {
        name: {f".{each}" for each in language.extensions} | set(language.filenames)
        for name, language in languages().items()
    }
    assert said == known
