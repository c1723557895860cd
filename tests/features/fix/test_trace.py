"""`frames` finds the places in real outputs.

Each case is a pair of files in `fixtures/errors`: NAME.txt is the output of a tool, and NAME.frames lists the expected
frames, one per line, as `path:line | function | message`.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.fix.trace import Frame, frames
from tests.conftest import FIXTURES

CASES = sorted((FIXTURES / "errors").glob("*.txt"))


def expected(case: Path) -> list[Frame]:
    found = []
    for line in case.with_suffix(".frames").read_text(encoding="utf-8").splitlines():
        place, function, message = (each.strip() for each in line.split(" | ", 2))
        path, _, number = place.rpartition(":")
        found.append(Frame(path, int(number), function, message))
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_frames_of_a_real_output_are_found_with_the_cause_first(case: Path) -> None:
    assert list(frames(case.read_text(encoding="utf-8"))) == expected(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_colours_and_windows_line_ends_do_not_matter(case: Path) -> None:
    text = case.read_text(encoding="utf-8")
    coloured = "\r\n".join(f"\x1b[31m{line}\x1b[0m" for line in text.split("\n"))
    assert frames(coloured) == frames(text)


def test_error_at_the_end_of_a_long_output_is_found() -> None:
    error = '  File "a.py", line 3, in f\nKeyError: 1\n'
    assert frames("request 1 of 9 was answered\n" * 200_000 + error) == (Frame("a.py", 3, "f", "KeyError: 1"),)


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for each in frames(text):
        assert each.path
        assert each.line >= 0


@given(st.lists(st.sampled_from([line for case in CASES for line in case.read_text().splitlines()]), max_size=40))
def test_each_place_is_returned_once_in_any_mixture_of_outputs(lines: list[str]) -> None:
    found = [(each.path, each.line) for each in frames("\n".join(lines)) if each.line]
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    "text",
    [
        "12:30:05 GET http://example.com:8080/x.html",
        "see docs/usage.md for details",
        "Ran 3 tests in 0.004s",
        "    return item.price",
        "x" * 5000 + ".py:3: error: too long a line",
    ],
)
def test_text_without_a_place_gives_no_frame(text: str) -> None:
    assert frames(text) == ()
