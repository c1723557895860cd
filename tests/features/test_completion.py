"""A completion from the tiny model: what is asked, and what comes with the answer."""

from pathlib import Path

import pytest

from slm_lsp.config import CompletionSettings
from slm_lsp.context.fim import Place
from slm_lsp.engine.client import EngineClient
from slm_lsp.engine.protocol import Stop
from slm_lsp.errors import ModelMissingError
from slm_lsp.features.around import surroundings
from slm_lsp.features.completion import Following, complete, confidence, line_end
from slm_lsp.features.shape import LINE, stop_of

SETTINGS = CompletionSettings(max_tokens=12)


async def test_the_figures_come_with_the_text(home: dict[str, str], tiny_model: Path) -> None:
    place = Place("shop", "a.py", "def f():\n    return ", 20)
    loaded: list[float] = []
    async with EngineClient(home) as engine:
        first = await complete(place, tiny_model, engine, SETTINGS, following=Following(loaded.append))
        again = await complete(place, tiny_model, engine, SETTINGS)
    assert first.text == again.text
    assert (first.start, first.end) == (20, 20)
    assert first.confidence is not None
    assert 0 < first.confidence <= 1
    assert first.tokens.reused == 0
    assert again.tokens.reused == again.tokens.prompt - 1
    timing = first.timing
    assert timing.first_token_ms is not None
    assert 0 < timing.queue_ms < timing.first_token_ms <= timing.total_ms
    assert loaded[-1] > 0.9


async def test_a_missing_model_is_said(home: dict[str, str], tmp_path: Path) -> None:
    async with EngineClient(home) as engine:
        with pytest.raises(ModelMissingError):
            await complete(Place("x", "a.py", "", 0), tmp_path / "none.gguf", engine, SETTINGS)


@pytest.mark.parametrize(
    ("text", "offset", "next_line_allowed"),
    [("x = 1", 5, True), ("x = ", 4, True), ("    ", 4, False), ("", 0, False), ("f()", 2, False)],
)
def test_only_behind_a_line_may_the_next_one_be_suggested(text: str, offset: int, next_line_allowed: bool) -> None:
    assert stop_of(LINE, surroundings(text, offset)) == Stop(("\n",), after_text=next_line_allowed)


@pytest.mark.parametrize(("text", "end"), [("", "\n"), ("a\nb\r\n", "\n"), ("a\r\nb\n", "\r\n"), ("a\rb", "\r")])
def test_lines_end_as_the_first_one_does(text: str, end: str) -> None:
    assert line_end(text) == end


def test_confidence_is_the_mean_probability_of_a_token() -> None:
    assert confidence(()) is None
    assert confidence((0.0, 0.0)) == 1.0
    assert confidence((-1.0, -3.0)) == pytest.approx(0.1353, abs=1e-4)
