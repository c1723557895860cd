"""How fast a model is here: measured in idle time, kept, and used."""

import asyncio
import itertools
from pathlib import Path

import pytest

from slm_lsp.engine.backend import BackendOptions, open_backend
from slm_lsp.engine.client import EngineClient
from slm_lsp.engine.loaded import FASTER_TIMES, LoadedModel
from slm_lsp.engine.protocol import Generate, ModelInfo, Segment
from slm_lsp.engine.rates import PROMPT, ROUNDS, SIZES, STEPS, Rates, RatesFile
from tests.conftest import engines

OPTIONS = BackendOptions(cells=256, sequences=4, threads=1)


@pytest.fixture
def model(tiny_model: Path) -> LoadedModel:
    backend, why = open_backend(tiny_model, OPTIONS, "llama_cpp", lambda _: None)
    return LoadedModel(tiny_model, backend, why, 0.0)


def test_every_batch_is_measured_some_times_and_the_fastest_counts(model: LoadedModel) -> None:
    ticks = itertools.count()
    free = model.sessions.free()
    steps = 1
    while not model.calibrate(lambda: float(next(ticks) ** 2)):
        steps += 1
    assert steps == len(STEPS) * ROUNDS
    assert model.rates is not None
    assert set(model.rates.batch_s) == set(SIZES)
    assert model.sessions.free() == free
    assert model.decode_s == model.rates.decode_s
    assert model.prefill_rate == model.rates.prefill
    assert model.draft_costs.of(3) == model.rates.cost(4)


def test_rates_are_kept_by_model_and_binding(model: LoadedModel, tmp_path: Path) -> None:
    file = RatesFile(tmp_path / "cache" / "rates.json")
    assert file.get(model.path, model.backend) is None
    file.put(model.path, model.backend, Rates({1: 0.5, 32: 4.0}, 2.0))
    kept = RatesFile(tmp_path / "cache" / "rates.json").get(model.path, model.backend)
    assert kept is not None
    assert (kept.decode_s, kept.prefill, kept.cost(32)) == (0.5, PROMPT / 2.0, 8.0)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"x": {"batch_s": 1}}'])
def test_a_damaged_file_counts_as_none(model: LoadedModel, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "rates.json").write_bytes(damage)
    assert RatesFile(tmp_path / "rates.json").get(model.path, model.backend) is None


def kept(home: dict[str, str]) -> bytes:
    return (Path(home["XDG_CACHE_HOME"]) / "slm-lsp" / "rates.json").read_bytes()


async def measured(client: EngineClient) -> dict[int, float]:
    for _ in range(300):
        if batch_s := (await client.stats()).loaded[0].batch_s:
            return batch_s
        await asyncio.sleep(0.1)
    raise AssertionError("the model was not measured")


async def test_an_idle_engine_measures_once_and_the_next_one_knows(home: dict[str, str], tiny_model: Path) -> None:
    async with EngineClient(home) as client:
        events = [event async for event in client.generate(Generate(0, str(tiny_model), (Segment("def f"),), 2))]
        assert events
        batch_s = await measured(client)
        before = kept(home)
    engines(home)[0].kill()
    async with EngineClient(home) as client:
        (*_, info) = [event async for event in client.describe(tiny_model)]
        assert isinstance(info, ModelInfo)
        assert info.prefill_rate is not None
        assert info.prefill_rate > 0
        assert (await client.stats()).loaded[0].batch_s == batch_s
    assert kept(home) == before


def test_what_was_measured_on_a_busy_machine_is_measured_again(model: LoadedModel) -> None:
    model.rates = Rates({size: float(size) for size in SIZES}, 32.0)
    model.note_speed(1, 1, 0.9)
    for _ in range(FASTER_TIMES):
        assert model.rates is not None
        model.note_speed(1, 1, 0.5)
    assert model.rates is None
    ticks = itertools.count()
    while not model.calibrate(lambda: float(next(ticks))):
        pass
    assert model.rates is not None


def test_an_interruption_loses_little_and_no_batch_is_too_short_to_be_worth_it(model: LoadedModel) -> None:
    for rate, chunk in ((1010.0, 64), (300.0, 30), (20.0, 1)):
        for _ in range(100):
            model.note_speed(8, 1, 8 / rate)
        assert model.chunk == min(model.batch, max(chunk, model.backend.worthwhile))


def test_only_batches_of_prompts_tell_how_fast_prompts_are_evaluated(model: LoadedModel) -> None:
    before = model.prefill_rate
    model.note_speed(8, 8, 0.001)
    model.note_speed(2, 1, 0.001)
    assert model.prefill_rate == before
    model.note_speed(8, 0, 0.001)
    assert model.prefill_rate > before
