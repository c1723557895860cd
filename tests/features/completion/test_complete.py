"""`complete` with the tiny model: the request that it sends and the completion that it returns."""

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


async def test_completion_has_confidence_tokens_and_timing(home: dict[str, str], tiny_model: Path) -> None:
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


async def test_missing_model_raises_an_error(home: dict[str, str], tmp_path: Path) -> None:
    async with EngineClient(home) as engine:
        with pytest.raises(ModelMissingError):
            await complete(request(Cursor("x", "a.py", "", 0), tmp_path / "none.gguf"), engine)


@pytest.mark.parametrize(
    ("text", "offset", "next_line_allowed"),
    [("x = 1", 5, True), ("x = ", 4, True), ("    ", 4, False), ("", 0, False), ("f()", 2, False)],
)
def test_next_line_may_be_suggested_only_after_a_finished_line(text: str, offset: int, next_line_allowed: bool) -> None:
    assert stop_of(LINE, surroundings(text, offset)) == Stop(("\n",), after_text=next_line_allowed)


@pytest.mark.parametrize(("text", "end"), [("", "\n"), ("a\nb\r\n", "\n"), ("a\r\nb\n", "\r\n"), ("a\rb", "\r")])
def test_line_end_is_that_of_the_first_line(text: str, end: str) -> None:
    assert line_end(text) == end


def test_proven_answer_needs_the_same_confidence_as_any_other() -> None:
    sure, unsure = Alternative("a", 0, 0.9), Alternative("b", 0, 0.5)
    proven, unsure_proven = Alternative("c", 0, 0.8, proven=True), Alternative("d", 0, 0.5, proven=True)
    assert worth_showing([sure, unsure], 0.75) == [sure]
    assert worth_showing([unsure], 0.75) == []
    assert worth_showing([proven, sure, unsure], 0.75) == [proven]
    assert worth_showing([unsure_proven, unsure], 0.75) == []


def test_failed_answer_does_not_replace_a_proven_one_of_low_confidence() -> None:
    failed, proven = Alternative("a", 0, 0.9), Alternative("b", 0, 0.5, proven=True)
    assert worth_showing([proven, failed], 0.75) == []


def test_minimum_confidence_of_0_keeps_all_answers_in_order() -> None:
    answers = [Alternative("a", 0, 0.5, proven=True), Alternative("b", 0, 0.9), Alternative("c", 0, None)]
    assert worth_showing(answers, 0.0) == answers


def test_confidence_is_the_geometric_mean_of_probabilities() -> None:
    assert confidence(()) is None
    assert confidence((0.0, 0.0)) == 1.0
    assert confidence((-1.0, -3.0)) == pytest.approx(0.1353, abs=1e-4)


class RecordingClient(EngineClient):
    """A real client that records the requests and the tokens of the answers."""

    def __init__(self, environ: dict[str, str]) -> None:
        super().__init__(environ)
        self.requests: list[Generate] = []
        self.tokens: list[list[Token]] = []

    async def generate(self, request: Generate) -> AsyncGenerator[Event, None]:
        self.requests.append(request)
        self.tokens.append([])
        async with aclosing(super().generate(request)) as events:
            async for event in events:
                if isinstance(event, Token):
                    self.tokens[-1].append(event)
                yield event


async def test_best_of_several_decodes_alternatives_for_single_lines_only(
    home: dict[str, str], tiny_model: Path
) -> None:
    cursor = Cursor("shop", "a.py", "total = 1\nother = ", 18)
    async with RecordingClient(home) as engine:
        greedy = await complete(request(cursor, tiny_model), engine)
        assert engine.requests[-1].candidates == 1
        best = await complete(request(cursor, tiny_model, best_of_several=True), engine)
        assert engine.requests[1:] == [spread(engine.requests[0])]
        race = Race(Site(surroundings(cursor.text, cursor.offset, cursor.path)))
        for each in engine.tokens[1]:
            race.note(each)
        assert race.decided
        assert "".join(each.text for each in engine.tokens[1] if each.candidate == 0).startswith(greedy.text)
        # If a filter rejects the best candidate, the next one is shown.
        assert any(each.candidate.text.startswith(best.text) for each in race.ranked())
        assert best.text or best.reason
        block = Cursor("shop", "a.py", "def f():\n    ", 13)
        await complete(request(block, tiny_model, best_of_several=True), engine)
        assert engine.requests[-1].candidates == 1
        alternatives = await complete(request(cursor, tiny_model, alternatives=3, best_of_several=True), engine)
        assert (engine.requests[-1].candidates, engine.requests[-1].branch_below) == (3, 0.0)
        shown = [alternatives.text, *(each.text for each in alternatives.others)]
        assert len({"".join(text.split()) for text in shown}) == len(shown)


BLOCK = Cursor("shop", "a.py", "def total(rows):\n    \n", 21)


@pytest.fixture(scope="module")
def talkative_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model that generates up to the token limit, at a confidence of about 0.5."""
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "talkative.gguf", seed=1)


async def test_block_is_stopped_when_it_cannot_reach_the_required_confidence(
    home: dict[str, str], talkative_model: Path
) -> None:
    settings = CompletionSettings(block_tokens=256)
    automatic = request(BLOCK, talkative_model, settings=settings, min_confidence=0.75)
    explicit = request(BLOCK, talkative_model, settings=settings, trigger=Trigger.EXPLICIT)
    async with RecordingClient(home) as engine:
        found = await complete(automatic, engine)
        logprobs = [each.logprob for each in engine.tokens[-1]]
        complete_answer = await complete(explicit, engine)
    assert found.text == ""
    assert found.reason is not None
    assert sum(logprobs[:-1]) >= 257 * math.log(0.75) > sum(logprobs), "the request stopped at the wrong token"
    assert found.tokens.generated == len(logprobs) < complete_answer.tokens.generated == 256


async def test_stopping_early_ends_the_request_in_the_engine(home: dict[str, str], talkative_model: Path) -> None:
    async with EngineClient(home) as engine:
        await complete(request(BLOCK, talkative_model, min_confidence=0.75), engine)
        deadline = asyncio.get_running_loop().time() + 60
        while (await engine.stats()).running:
            assert asyncio.get_running_loop().time() < deadline, "the engine continues a request that was stopped"
            await asyncio.sleep(0.01)
