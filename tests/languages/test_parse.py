"""Parsing: how long it takes, and what becomes of what a grammar cannot read."""

import pytest

from slm_lsp.languages.parse import parse
from slm_lsp.languages.registry import languages
from tests.languages.facts import sample


@pytest.mark.parametrize("name", ["cobol", "fsharp", "perl", "scala"])
def test_a_long_text_parses_within_the_limit(name: str) -> None:
    """These grammars have the parser go back in the text at almost every word."""
    language = languages()[name]
    text = sample(language).read_bytes() + b"\n"
    assert parse(language, text * (160_000 // len(text) + 1)) is not None
