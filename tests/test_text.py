"""Conversion of positions in every encoding of the Language Server Protocol, and application of edits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.text import Encoding, Lines, Position, TextEdit, apply_edits, column, units

PIECES = st.sampled_from(["a", "ß", "語", "🎉", "👩\u200d👩", "\n", "\r\n", "\r", "\t", " ", "\f", "\u2028", "x\u0301"])
TEXTS = st.lists(PIECES, max_size=40).map("".join)
ENCODINGS: list[Encoding] = ["utf-8", "utf-16", "utf-32"]
CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("one", ["one"]),
        ("one\n", ["one", ""]),
        ("one\r\ntwo", ["one", "two"]),
        ("one\rtwo\n\n", ["one", "two", "", ""]),
        ("form\ffeed\u2028and\x0bothers are no line ends", ["form\ffeed\u2028and\x0bothers are no line ends"]),
    ],
)
def test_lines_end_only_at_the_line_endings_of_the_protocol(text: str, lines: list[str]) -> None:
    index = Lines(text)
    assert [index.line(number) for number in range(len(index.starts))] == lines


@given(TEXTS)
def test_converting_an_offset_to_a_position_and_back_returns_the_offset(text: str) -> None:
    index = Lines(text)
    for offset in range(len(text) + 1):
        inside = text[offset - 1 : offset + 1] == "\r\n"
        assert index.offset(index.position(offset)) == offset - inside


def test_positions_outside_the_text_are_clamped_to_the_text() -> None:
    index = Lines("ab\r\ncd")
    assert index.offset(Position(0, 99)) == 2
    assert index.offset(Position(9, 0)) == 6
    assert index.position(99) == Position(1, 2)


@given(st.text(alphabet="aß語🎉\u0301", max_size=20), st.sampled_from(ENCODINGS))
def test_columns_equal_the_encoded_length_of_the_text_before_them(line: str, encoding: Encoding) -> None:
    codec, size = CODECS[encoding]
    for characters in range(len(line) + 1):
        count = units(line, characters, encoding)
        assert count == len(line[:characters].encode(codec)) // size
        assert column(line, count, encoding) == characters


@given(st.text(alphabet="aß語🎉\u0301\ud83d\ude00", max_size=12), st.integers(-1, 40), st.sampled_from(ENCODINGS))
def test_column_is_the_largest_column_that_fits_the_number_of_units(line: str, count: int, encoding: Encoding) -> None:
    fitting = [each for each in range(len(line) + 1) if units(line, each, encoding) <= max(count, 0)]
    assert column(line, count, encoding) == max(fitting)


def test_column_inside_a_character_maps_to_the_start_of_the_character() -> None:
    assert column("a🎉b", 2, "utf-16") == 1
    assert column("a語b", 3, "utf-8") == 1


def test_column_past_the_line_maps_to_the_end_of_the_line() -> None:
    assert column("ab", 99, "utf-16") == 2
    assert column("a語", 99, "utf-8") == 2


@given(TEXTS, st.data())
def test_edits_change_only_their_ranges(text: str, data: st.DataObject) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=8)))
    spans = list(zip(places[::2], places[1::2], strict=False))
    edits = [TextEdit(start, end, f"<{number}>") for number, (start, end) in enumerate(spans)]
    kept = [text[a:b] for a, b in zip([0, *(end for _, end in spans)], [start for start, _ in spans], strict=False)]
    expected = "".join(part + edit.new for part, edit in zip(kept, edits, strict=True)) + text[spans[-1][1] :]
    assert apply_edits(text, edits) == expected


@pytest.mark.parametrize(
    "edits",
    [[TextEdit(0, 3, ""), TextEdit(2, 4, "")], [TextEdit(3, 9, "")], [TextEdit(3, 2, "")], [TextEdit(-1, 0, "")]],
)
def test_overlapping_edits_and_edits_outside_the_text_raise(edits: list[TextEdit]) -> None:
    with pytest.raises(ValueError, match="overlaps another edit or is outside"):
        apply_edits("abcdef", edits)
