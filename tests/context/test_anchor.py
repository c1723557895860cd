"""The anchor: where the prompt's prefix ends, and which edits move it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.context.anchor import MAX_TYPED_CHARACTERS, at_line, at_word, follow
from slm_lsp.context.cursor import Cursor

TEXT = "def f():\n    return total\n\n\nf()\n"
LINE = TEXT.index("    return")


def cursor(text: str, offset: int) -> Cursor:
    return Cursor("shop", "a.py", text, offset)


def typed(before: str, after: str, keys: str) -> Cursor:
    return cursor(before + keys + after, len(before) + len(keys))


@pytest.mark.parametrize(
    ("before", "offset"), [("", 0), ("x = 1", 0), ("x\n  y", 2), ("x\r\ny", 3), ("x\ry", 2), ("x\n", 2)]
)
def test_the_line_anchor_is_after_the_last_line_end(before: str, offset: int) -> None:
    assert at_line(cursor(before + "rest\n", len(before))).offset == offset


@pytest.mark.parametrize(
    ("before", "word"),
    [
        ("x = tot", "tot"),
        ("x = ", " "),
        ("f(", "("),
        ("a.", "."),
        ("x\n", ""),
        ("x\n    ", "    "),
        ("", ""),
        ("é_1", "é_1"),
    ],
)
def test_the_word_anchor_is_before_the_word_at_the_cursor(before: str, word: str) -> None:
    assert at_word(cursor(before + "\nrest", len(before))).offset == len(before) - len(word)


def test_typing_and_deleting_after_the_anchor_keeps_it() -> None:
    anchor = at_line(typed(TEXT[:LINE], TEXT[LINE:], "x"))
    for keys in ("xy", "xyz", "xy", "", "    if a:\n        b"):
        assert follow(typed(TEXT[:LINE], TEXT[LINE:], keys), anchor) is anchor


def test_deleting_before_the_anchor_moves_it() -> None:
    anchor = at_line(cursor(TEXT, LINE))
    moved = follow(cursor(TEXT[: LINE - 1] + TEXT[LINE:], LINE - 1), anchor)
    assert moved is not anchor
    assert moved.offset == 0


def test_moving_the_cursor_to_another_line_moves_the_anchor() -> None:
    anchor = at_line(cursor(TEXT, LINE))
    assert follow(cursor(TEXT, len(TEXT)), anchor).offset == len(TEXT)


def test_an_edit_elsewhere_in_the_document_replaces_the_anchor() -> None:
    anchor = at_line(cursor(TEXT, LINE))
    assert follow(cursor(TEXT + "x", LINE), anchor) is not anchor
    assert follow(cursor("x" + TEXT, LINE + 1), anchor) is not anchor


def test_too_much_text_after_the_anchor_moves_it() -> None:
    anchor = at_line(cursor(TEXT, LINE))
    far = typed(TEXT[:LINE], TEXT[LINE:], "x\n" * MAX_TYPED_CHARACTERS)
    assert follow(far, anchor).offset == far.offset


@given(st.text(alphabet="ab \n\r", max_size=40), st.data())
def test_an_anchor_is_never_after_the_cursor(text: str, data: st.DataObject) -> None:
    here = cursor(text, data.draw(st.integers(0, len(text))))
    for anchor in (at_line(here), at_word(here), follow(here, at_line(here))):
        assert 0 <= anchor.offset <= here.offset
        assert anchor.before + text[anchor.offset : here.offset] + anchor.after == text
