"""Private engines and timed answers. The tests start real engines with the tiny model."""

from pathlib import Path

import pytest

from slm_lsp.engine.api import Generate, ModelRef, Segment
from slm_lsp.errors import ModelMissingError
from slm_lsp.harness.engine import private_engine, timed_answer
from tests.conftest import engines


async def test_timed_answer_contains_text_tokens_and_times_in_order(
    home: dict[str, str], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    request = Generate(ModelRef.of(tiny_model), (Segment("def f(x):"),), 8)
    async with private_engine("llama_cpp") as engine:
        answer = await timed_answer(engine, request)
        again = await timed_answer(engine, request)
        with pytest.raises(ModelMissingError):
            await timed_answer(engine, Generate(ModelRef("/missing.gguf"), (Segment("x"),), 1))
    assert again.text == answer.text != ""
    assert answer.done.generated_tokens == 8
    assert answer.started.reused_tokens == 0
    assert again.started.reused_tokens == answer.started.prompt_tokens - 1
    assert answer.requested_at < answer.first_token_at <= answer.ended_at
    assert answer.token_s == (answer.ended_at - answer.first_token_at) / 7
    assert engines(home) == []


async def test_private_engine_is_not_shared_and_stops_at_the_end(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    async with private_engine("auto") as one, private_engine("auto") as other:
        assert (await one.stats()).pid != (await other.stats()).pid
    with pytest.raises(RuntimeError):
        async with private_engine("auto"):
            raise RuntimeError
    assert engines(home) == []
