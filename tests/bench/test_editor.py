"""The figures of both editors together: the worse one counts."""

from slm_lsp.bench.editor import CURSOR, PROGRAM, report


def test_the_worse_editor_counts() -> None:
    found = report(2, {"ratio": 1.2, "typing_ratio_p95": 1.1}, {"ratio": 1.1, "typing_ratio_p95": 1.3}, [])
    assert (found.ratio, found.typing_ratio_p95) == (1.2, 1.3)
    assert len(list(found.lines())) == 2


def test_an_editor_that_is_not_there_is_said() -> None:
    found = report(2, None, {"ratio": 1.1, "typing_ratio_p95": 1.3}, ["VS Code cannot be set up."])
    assert (found.ratio, found.vscode) == (1.1, None)
    assert list(found.lines())[-1].strip() == "VS Code cannot be set up."
    assert report(2, None, None, []).ratio is None


def test_the_cursor_stands_behind_the_word_that_is_completed() -> None:
    assert PROGRAM.format(1).splitlines()[CURSOR.line][: CURSOR.column] == "    return"
