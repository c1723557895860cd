"""A completion from the tiny model: what is asked, and what comes with the answer."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slm_lsp.config import CompletionSettings
from slm_lsp.context.cursor import Cursor
from slm_lsp.engine.api import Event, Generate, ModelRef, Stop, Token
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.errors import ModelMissingError
from slm_lsp.features.completion.alternatives import Race, spread
from slm_lsp.features.completion.around import surroundings
from slm_lsp.features.completion.choose import Site
from slm_lsp.features.completion.complete import Alternative, Progress, complete, confidence, line_end, worth_showing
from slm_lsp.features.completion.request import CompletionRequest, Trigger, bare_request
from slm_lsp.features.completion.shape import LINE, stop_of
from tests.tiny import write_tiny_model

SETTINGS = CompletionSettings(max_tokens=12)


def request(cursor: Cursor, model: Path, **more: Any) -> CompletionRequest:
    return replace(bare_request(cursor, ModelRef.of(model), SETTINGS), **more)


async def test_the_figures_come_with_the_text(home: dict[str, str], tiny_model: Path) -> None:
    cursor = Cursor("shop", "a.py", "def f():\n    return ", 20)
    loaded: list[float] = []
    async with EngineClient(home) as engine:
        first = await complete(request(cursor, tiny_model), engine, Progress(loaded.append))
        again = await complete(request(cursor, tiny_model), engine)
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
            await complete(request(Cursor("x", "a.py", "", 0), tmp_path / "none.gguf"), engine)


@pytest.mark.parametrize(
    ("text", "offset", "next_line_allowed"),
    [("x = 1", 5, True), ("x = ", 4, True), ("    ", 4, False), ("", 0, False), ("f()", 2, False)],
)
def test_only_behind_a_line_may_the_next_one_be_suggested(text: str, offset: int, next_line_allowed: bool) -> None:
    assert stop_of(LINE, surroundings(text, offset)) == Stop(("\n",), after_text=next_line_allowed)


@pytest.mark.parametrize(("text", "end"), [("", "\n"), ("a\nb\r\n", "\n"), ("a\r\nb\n", "\r\n"), ("a\rb", "\r")])
def test_lines_end_as_the_first_one_does(text: str, end: str) -> None:
    assert line_end(text) == end


def test_a_proven_answer_needs_the_same_confidence_as_any_other() -> None:
    sure, unsure = Alternative("a", 0, 0.9), Alternative("b", 0, 0.5)
    proven, unsure_proven = Alternative("c", 0, 0.8, proven=True), Alternative("d", 0, 0.5, proven=True)
    assert worth_showing([sure, unsure], 0.75) == [sure]
    assert worth_showing([unsure], 0.75) == []
    assert worth_showing([proven, sure, unsure], 0.75) == [proven]
    assert worth_showing([unsure_proven, unsure], 0.75) == []


def test_an_answer_that_failed_its_examples_is_not_shown_in_place_of_an_unsure_proven_one() -> None:
    failed, proven = Alternative("a", 0, 0.9), Alternative("b", 0, 0.5, proven=True)
    assert worth_showing([proven, failed], 0.75) == []


def test_a_request_by_hand_gets_every_answer_in_order() -> None:
    answers = [Alternative("a", 0, 0.5, proven=True), Alternative("b", 0, 0.9), Alternative("c", 0, None)]
    assert worth_showing(answers, 0.0) == answers


def test_confidence_is_the_mean_probability_of_a_token() -> None:
    assert confidence(()) is None
    assert confidence((0.0, 0.0)) == 1.0
    assert confidence((-1.0, -3.0)) == pytest.approx(0.1353, abs=1e-4)


class Overheard(EngineClient):
    """A real client that remembers what was asked and answered."""

    def __init__(self, environ: dict[str, str]) -> None:
        super().__init__(environ)
        self.asked: list[Generate] = []
        self.said: list[list[Token]] = []

    async def generate(self, request: Generate) -> AsyncGenerator[Event, None]:
        self.asked.append(request)
        self.said.append([])
        async with aclosing(super().generate(request)) as events:
            async for event in events:
                if isinstance(event, Token):
                    self.said[-1].append(event)
                yield event


async def test_the_best_of_what_the_model_is_unsure_between_is_shown(home: dict[str, str], tiny_model: Path) -> None:
    cursor = Cursor("shop", "a.py", "total = 1\nother = ", 18)
    async with Overheard(home) as engine:
        greedy = await complete(request(cursor, tiny_model), engine)
        assert engine.asked[-1].candidates == 1
        best = await complete(request(cursor, tiny_model, best_of_several=True), engine)
        assert engine.asked[1:] == [spread(engine.asked[0])]
        race = Race(Site(surroundings(cursor.text, cursor.offset, cursor.path)))
        for each in engine.said[1]:
            race.note(each)
        assert race.decided
        assert "".join(each.text for each in engine.said[1] if each.candidate == 0).startswith(greedy.text)
        # Where a filter leaves nothing of the best, the next is shown.
        assert any(each.candidate.text.startswith(best.text) for each in race.ranked())
        assert best.text or best.reason
        block = Cursor("shop", "a.py", "def f():\n    ", 13)
        await complete(request(block, tiny_model, best_of_several=True), engine)
        assert engine.asked[-1].candidates == 1
        alternatives = await complete(request(cursor, tiny_model, alternatives=3, best_of_several=True), engine)
        assert (engine.asked[-1].candidates, engine.asked[-1].branch_below) == (3, 0.0)
        shown = [alternatives.text, *(each.text for each in alternatives.others)]
        assert len({"".join(text.split()) for text in shown}) == len(shown)


BLOCK = Cursor("shop", "a.py", "def total(rows):\n    \n", 21)


@pytest.fixture(scope="module")
def talkative_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model that goes on to the limit of tokens, at a confidence of about one half."""
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "talkative.gguf", seed=1)


async def test_a_block_that_can_no_longer_be_sure_enough_is_stopped(
    home: dict[str, str], talkative_model: Path
) -> None:
    settings = CompletionSettings(block_tokens=256)
    automatic = request(BLOCK, talkative_model, settings=settings, min_confidence=0.75)
    by_hand = request(BLOCK, talkative_model, settings=settings, trigger=Trigger.EXPLICIT)
    async with Overheard(home) as engine:
        found = await complete(automatic, engine)
        logprobs = [each.logprob for each in engine.said[-1]]
        whole = await complete(by_hand, engine)
    assert found.text == ""
    assert found.reason is not None
    assert sum(logprobs[:-1]) >= 257 * math.log(0.75) > sum(logprobs), "not a token too late or too early"
    assert found.tokens.generated == len(logprobs) < whole.tokens.generated == 256


async def test_stopping_early_ends_the_request_in_the_engine(home: dict[str, str], talkative_model: Path) -> None:
    async with EngineClient(home) as engine:
        await complete(request(BLOCK, talkative_model, min_confidence=0.75), engine)
        deadline = asyncio.get_running_loop().time() + 60
        while (await engine.stats()).running:
            assert asyncio.get_running_loop().time() < deadline, "the engine goes on with a request that was stopped"
            await asyncio.sleep(0.01)
