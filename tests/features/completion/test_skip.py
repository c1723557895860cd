"""Cursor positions at which nothing is suggested automatically."""

import pytest

from slm_lsp.config import CompletionSettings
from slm_lsp.context.cursor import Cursor
from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.skip import IN_COMMENT, IN_STRING, IN_WORD, OFF, skip_reason


def reason(marked: str, path: str = "a.py", settings: CompletionSettings | None = None) -> str | None:
    before, _, after = marked.partition("⟦⟧")
    cursor = Cursor("shop", path, before + after, len(before))
    return skip_reason(cursor, surroundings(cursor.text, cursor.offset, path), settings or CompletionSettings())


@pytest.mark.parametrize(
    ("marked", "path", "expected"),
    [
        ("total = ⟦⟧", "a.py", None),
        ("total = va⟦⟧", "a.py", None),
        ("total = va⟦⟧)", "a.py", None),
        ("total = va⟦⟧lue", "a.py", IN_WORD),
        ("# the to⟦⟧", "a.py", IN_COMMENT),
        ("x = 1  # the ⟦⟧", "a.py", IN_COMMENT),
        ("/* what\n   it ⟦⟧\n*/\nint x;\n", "a.c", IN_COMMENT),
        ("/* it */\nint ⟦⟧", "a.c", None),
        ('print("hello ⟦⟧")', "a.py", IN_STRING),
        ('print("hello")⟦⟧', "a.py", None),
        ('print(f"hello {⟦⟧}")', "a.py", None),
        ('def f():\n    """What it ⟦⟧\n    """\n', "a.py", IN_STRING),
        ("const s = `a ${ x⟦⟧ }`;", "a.js", None),
        ("anything ⟦⟧", "notes.xyz", None),
    ],
)
def test_the_skip_reason_fits_the_cursor_position(marked: str, path: str, expected: str | None) -> None:
    assert reason(marked, path) == expected


def test_nothing_is_suggested_in_a_language_that_is_switched_off() -> None:
    assert reason("x = ⟦⟧", settings=CompletionSettings(languages_off=("python",))) == OFF.format("python")


def test_language_named_by_the_editor_is_used_if_the_path_shows_no_language() -> None:
    cursor = Cursor("shop", "Untitled-1", "# a note ", 9, "python")
    around = surroundings(cursor.text, cursor.offset, cursor.path, language=cursor.language)
    assert skip_reason(cursor, around, CompletionSettings()) == IN_COMMENT
