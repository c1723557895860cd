"""Splitting identifiers into search words."""

import pytest

from slm_lsp.index.words import split, words


@pytest.mark.parametrize(
    ("identifier", "found"),
    [
        ("getUserName", ("getusername", "get", "user", "name")),
        ("get_user_name", ("get_user_name", "get", "user", "name")),
        ("HTTPServer", ("httpserver", "http", "server")),
        ("MAX_LINES", ("max_lines", "max", "lines")),
        ("utf8", ("utf8", "utf")),
        ("x1", ("x1",)),
        ("total", ("total",)),
        ("größe", ("größe",)),
        ("x" * 100, ()),
    ],
)
def test_split_returns_the_identifier_and_its_parts(identifier: str, found: tuple[str, ...]) -> None:
    assert split(identifier)[: len(found)] == found


def test_words_are_distinct_and_independent_of_text_order() -> None:
    assert words("b = a_b(b)\nsome_b") == words("some_b b a_b")
    assert words("1 + 2") == ""
