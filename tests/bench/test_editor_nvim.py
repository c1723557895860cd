"""Neovim's part of `bench editor`: how the waits are computed, and a short measurement."""

import os
from pathlib import Path

import pytest

from slm_lsp.bench.editor_nvim import Place, _waits, measure
from slm_lsp.bench.nvim_screen import Frame, nvim_binary
from slm_lsp.errors import PeerError
from slm_lsp.text import Position

PROGRAM = "def fib(n):\n    if n < 2:\n        return n\n    return\n\n\nprint(fib(10))\n"


def frame(at: float, row: int, column: int) -> Frame:
    return Frame(at, (), (row, column))


def test_wait_ends_at_the_first_frame_in_which_the_cursor_is_after_the_character() -> None:
    typed = [(1.0, (0, 1)), (1.1, (0, 2)), (1.2, (1, 0))]
    frames = [frame(0.9, 0, 0), frame(1.004, 0, 1), frame(1.05, 0, 1), frame(1.11, 0, 2), frame(1.25, 1, 0)]
    assert [round(each) for each in _waits(typed, frames)] == [4, 10, 50]


def test_waits_of_characters_drawn_together_end_at_the_same_frame() -> None:
    typed = [(1.0, (0, 1)), (1.01, (0, 2))]
    assert [round(each) for each in _waits(typed, [frame(1.02, 0, 2)])] == [20, 10]


def test_character_that_is_never_shown_is_an_error() -> None:
    with pytest.raises(PeerError, match="every character"):
        list(_waits([(1.0, (0, 1))], [frame(1.1, 0, 0)]))


@pytest.mark.real_model
@pytest.mark.usefixtures("fast_model")
@pytest.mark.skipif(nvim_binary() is None, reason="needs nvim, of the extra `dev`")
def test_short_measurement_in_neovim_is_complete(module_home: dict[str, str], tmp_path: Path) -> None:
    environ = {**os.environ, **module_home, "SLM_LSP_MODEL": "fast", "XDG_STATE_HOME": str(tmp_path / "state")}
    notes: list[str] = []
    text = "def area(width):\n    return width * 2\n"
    figures = measure([Place(PROGRAM, Position(3, 10), " ")], text, tmp_path / "work", environ, notes.append)
    assert figures.ratio == figures.ghost_ms[0] / figures.raw_ms[0]
    assert figures.typing_on.in_order
    assert figures.typing_off.in_order
    assert figures.typing_on.characters == len(text)
    assert len(notes) == 2
    assert set(figures.as_json()) >= {"ratio", "typing_ratio_p95"}
