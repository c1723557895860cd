"""The report of `bench editor` for both editors."""

from slm_lsp.bench.editor import CURSOR, PROGRAM, report
from slm_lsp.bench.editor_vscode import Measured, Typing


def test_each_reported_ratio_is_the_higher_one_of_the_two_editors() -> None:
    found = report(2, {"ratio": 1.2, "typing_ratio_p95": 1.1}, {"ratio": 1.1, "typing_ratio_p95": 1.3}, [])
    assert (found.ratio, found.typing_ratio_p95) == (1.2, 1.3)
    assert len(list(found.lines())) == 2


def test_ratio_is_the_median_of_the_ratios_at_each_position() -> None:
    """Regression: the report contained the ratio of two medians (345 / 208 ms), which came from different positions."""
    typing = Typing(12.0, 18.0, intact=True)
    ghost, raw = (345.0, 208.0, 236.0, 738.0, 631.0), (195.0, 157.0, 208.0, 555.0, 552.0)
    assert Measured(ghost, raw, typing, typing).ratio == 208 / 157


def test_missing_editor_is_reported_in_a_note() -> None:
    found = report(2, None, {"ratio": 1.1, "typing_ratio_p95": 1.3}, ["VS Code cannot be set up."])
    assert (found.ratio, found.vscode) == (1.1, None)
    assert list(found.lines())[-1].strip() == "VS Code cannot be set up."
    assert report(2, None, None, []).ratio is None


def test_cursor_is_after_the_last_word_of_an_incomplete_line() -> None:
    assert PROGRAM.format(1).splitlines()[CURSOR.line][: CURSOR.column] == "    return"
