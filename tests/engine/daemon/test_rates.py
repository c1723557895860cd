"""The engine measures a model's speed in idle time, stores it and uses it."""

import asyncio
import itertools
import time
from pathlib import Path

import pytest

from slm_lsp.engine.api import Generate, ModelInfo, ModelRef, Segment
from slm_lsp.engine.backend import BackendOptions, open_backend
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.engine.daemon.loaded import FASTER_TIMES, LoadedModel
from slm_lsp.engine.daemon.machine import Machine
from slm_lsp.engine.daemon.rates import OLD_S, PROMPT, ROUNDS, SIZES, STEPS, Rates, RatesFile
from slm_lsp.engine.load import LoadMeter, Reading
from tests.conftest import engines

OPTIONS = BackendOptions(cells=256, sequences=4, threads=1)


@pytest.fixture
def model(tiny_model: Path) -> LoadedModel:
    backend, why = open_backend(tiny_model, OPTIONS, "llama_cpp", lambda _: None)
    return LoadedModel(ModelRef.of(tiny_model), backend, why, 0.0, Machine(1))


def test_each_batch_is_measured_several_times_and_the_fastest_counts(model: LoadedModel) -> None:
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


def test_rates_are_stored_by_model_and_binding(model: LoadedModel, tmp_path: Path) -> None:
    file = RatesFile(tmp_path / "cache" / "rates.json")
    assert file.get(model.ref, model.backend) is None
    file.put(model.ref, model.backend, Rates({1: 0.5, 32: 4.0}, 2.0, measured_at=1.0))
    kept = RatesFile(tmp_path / "cache" / "rates.json").get(model.ref, model.backend)
    assert kept is not None
    assert (kept.decode_s, kept.prefill, kept.cost(32)) == (0.5, PROMPT / 2.0, 8.0)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"x": {"batch_s": 1}}'])
def test_damaged_file_of_rates_is_ignored(model: LoadedModel, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "rates.json").write_bytes(damage)
    assert RatesFile(tmp_path / "rates.json").get(model.ref, model.backend) is None


def test_rates_without_a_time_of_measurement_are_ignored(model: LoadedModel, tmp_path: Path) -> None:
    file = RatesFile(tmp_path / "rates.json")
    file.put(model.ref, model.backend, Rates({1: 0.5, 32: 4.0}, 2.0))
    assert file.get(model.ref, model.backend) is None


def stored_rates(home: dict[str, str]) -> bytes:
    return (Path(home["XDG_CACHE_HOME"]) / "slm-lsp" / "rates.json").read_bytes()


async def measured(client: EngineClient) -> dict[int, float]:
    for _ in range(300):
        if batch_s := (await client.stats()).loaded[0].batch_s:
            return batch_s
        await asyncio.sleep(0.1)
    raise AssertionError("the model was not measured")


async def test_idle_engine_measures_once_and_the_next_engine_reads_the_stored_result(
    home: dict[str, str], tiny_model: Path
) -> None:
    async with EngineClient(home) as client:
        events = [event async for event in client.generate(Generate(ModelRef.of(tiny_model), (Segment("def f"),), 2))]
        assert events
        batch_s = await measured(client)
        before = stored_rates(home)
    engines(home)[0].kill()
    async with EngineClient(home) as client:
        info = await client.describe(ModelRef.of(tiny_model))
        assert isinstance(info, ModelInfo)
        assert info.prefill_rate is not None
        assert info.prefill_rate > 0
        assert (await client.stats()).loaded[0].batch_s == batch_s
    assert stored_rates(home) == before


async def test_client_gets_the_speed_measured_after_its_first_description(
    home: dict[str, str], tiny_model: Path
) -> None:
    async with EngineClient(home) as client:
        before = await client.describe(ModelRef.of(tiny_model))
        await measured(client)
        after = await client.describe(ModelRef.of(tiny_model))
    assert isinstance(before, ModelInfo)
    assert isinstance(after, ModelInfo)
    assert before.prefill_rate is None
    assert after.prefill_rate is not None


def test_rates_that_are_too_slow_are_corrected_and_measured_again(model: LoadedModel) -> None:
    model.rates = Rates({size: float(size) for size in SIZES}, 32.0, measured_at=time.time())
    model.note_speed(1, 1, 0.9)
    assert not model.stale(time.time())
    for _ in range(FASTER_TIMES - 1):
        model.note_speed(1, 1, 0.5)
    model.note_speed(32, 1, 16.0)
    assert model.rates.decode_s == 0.5
    assert model.rates.prefill == PROMPT / 16.0
    assert model.stale(time.time())
    ticks = itertools.count()
    while not model.calibrate(lambda: float(next(ticks))):
        pass
    assert not model.stale(time.time())


def test_batches_much_larger_than_the_measured_ones_are_ignored(model: LoadedModel) -> None:
    """GPUs evaluate 512 tokens in hardly more time than 32."""
    known = model.rates = Rates({size: float(size) for size in SIZES}, 32.0, measured_at=time.time())
    for _ in range(2 * FASTER_TIMES):
        model.note_speed(512, 1, 64.0)
    assert model.rates is known
    assert model.machine.slowdown.value == 1.0


def test_old_rates_are_used_until_the_new_ones_are_complete(model: LoadedModel) -> None:
    known = model.rates = Rates({size: float(size) for size in SIZES}, 32.0)
    model.measure_again()
    ticks = itertools.count()
    while not model.calibrate(lambda: float(next(ticks))):
        assert model.rates is known
    assert model.rates is not known


@pytest.mark.parametrize(
    ("rates", "stale"),
    [
        (Rates({1: 1.0}, 2.0, load=0.0, measured_at=1000.0), False),
        (Rates({1: 1.0}, 2.0, load=0.5, measured_at=1000.0), True),
        (Rates({1: 1.0}, 2.0, load=0.0, measured_at=1000.0 - OLD_S), True),
        (Rates({1: 1.0}, 2.0, load=0.0, measured_at=9000.0), True),
        (None, True),
    ],
    ids=["recent and on an idle machine", "while other programs ran", "long ago", "in the future", "never"],
)
def test_rates_are_stale_if_missing_old_or_measured_under_load(
    model: LoadedModel, rates: Rates | None, stale: bool
) -> None:
    model.rates = rates
    assert model.stale(now=1001.0) == stale


def test_measurement_on_a_busy_machine_does_not_replace_one_on_an_idle_machine(tiny_model: Path) -> None:
    times = iter(Reading(busy=10.0 * count, own=0.0) for count in itertools.count())
    seconds = itertools.count()
    meter = LoadMeter(0, lambda: next(times), lambda: float(next(seconds)))
    backend, why = open_backend(tiny_model, OPTIONS, "llama_cpp", lambda _: None)
    model = LoadedModel(ModelRef.of(tiny_model), backend, why, 0.0, Machine(1, meter))
    known = model.rates = Rates({size: float(size) for size in SIZES}, 32.0, load=0.0)
    model.measure_again()
    ticks = itertools.count()
    while not model.calibrate(lambda: float(next(ticks))):
        pass
    assert model.rates is known
    model.rates = None
    while not model.calibrate(lambda: float(next(ticks))):
        pass
    assert model.rates is not None
    assert model.rates.loaded


def test_duration_of_a_batch_is_interpolated_between_measured_sizes() -> None:
    rates = Rates({1: 1.0, 4: 1.6, 8: 2.4, 16: 4.0, 24: 6.0, 32: 8.0}, prompt_s=6.0)
    assert rates.seconds(1, 1) == 1.0
    assert rates.seconds(6, 6) == pytest.approx(2.0)
    assert rates.seconds(32, 1) == pytest.approx(6.0)
    assert rates.seconds(64, 0) == pytest.approx(12.0)
    assert 4.0 * 6 / 8 < rates.seconds(16, 1) < 4.0


def test_size_of_prompt_batches_follows_the_prefill_rate(model: LoadedModel) -> None:
    for rate, chunk in ((1010.0, 64), (300.0, 30), (20.0, 1)):
        for _ in range(100):
            model.note_speed(8, 1, 8 / rate)
        assert model.chunk == min(model.batch, max(chunk, model.backend.worthwhile))


def test_only_prompt_batches_update_the_prefill_rate(model: LoadedModel) -> None:
    before = model.prefill_rate
    model.note_speed(8, 8, 0.001)
    model.note_speed(2, 1, 0.001)
    assert model.prefill_rate == before
    model.note_speed(8, 0, 0.001)
    assert model.prefill_rate > before
