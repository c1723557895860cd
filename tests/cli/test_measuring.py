"""The speed of a model as `doctor` prints it, if it was measured now, measured earlier, or not measured."""

from pathlib import Path

import msgspec
import pytest

from slm_lsp.cli.measuring import NOT_DONE, Measured, measure_models
from slm_lsp.cli.stages import StageDisplay
from slm_lsp.engine.api import Generate, LoadedStats, ModelInfo, ModelRef, Segment, Started
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.routing.policy import Choice

NOW = 1_000_000.0
CHOICE = Choice(ModelRef("x.gguf"), "x", "fast", "set")
INFO = ModelInfo(ModelRef("x.gguf"), "ik", 8192, None)
STATS = LoadedStats(ModelRef("x.gguf"), "ik", "", 0.0, {1: 0.05}, 80.0, measured_at=NOW - 600)


@pytest.mark.parametrize(
    ("stats", "missing", "expected"),
    [
        (STATS, "", "prefill 80 tokens/s, decode 20.0 tokens/s (ik), measured 10 min ago"),
        (msgspec.structs.replace(STATS, measured_at=None), "", "prefill 80 tokens/s, decode 20.0 tokens/s (ik)"),
        (
            msgspec.structs.replace(STATS, load=1.0),
            "",
            "prefill 80 tokens/s, decode 20.0 tokens/s (ik), measured 10 min ago while other programs used 1.0 cores",
        ),
        (
            STATS,
            "it was not made within 60 s, because other requests were running",
            "prefill 80 tokens/s, decode 20.0 tokens/s (ik), measured 10 min ago; "
            "no newer measurement: it was not made within 60 s, because other requests were running",
        ),
        (
            msgspec.structs.replace(STATS, prefill_rate=None),
            "it was not made within 60 s",
            "no measurement: it was not made within 60 s",
        ),
        (None, "", "no measurement: the model was unloaded"),
    ],
)
def test_speed_is_printed_with_its_age_and_the_reason_for_a_missing_measurement(
    stats: LoadedStats | None, missing: str, expected: str
) -> None:
    assert Measured(CHOICE, INFO, stats, missing).speed(NOW) == expected


async def test_after_a_timeout_the_old_measurement_is_kept(
    home: dict[str, str], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real engine measures once. The second request for a measurement times out after 0.3 s."""
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    choice = Choice(ModelRef.of(tiny_model), "tiny", None, "set")
    (first,) = (await measure_models([choice], measure=False, display=StageDisplay())).measured
    assert first.missing == ""
    monkeypatch.setattr("slm_lsp.cli.measuring.MEASURE_TIMEOUT_S", 0.3)
    (second,) = (await measure_models([choice], measure=True, display=StageDisplay())).measured
    assert second.missing.endswith(NOT_DONE)
    assert second.stats is not None
    assert second.stats.batch_s == (first.stats and first.stats.batch_s)


async def test_an_engine_measures_after_a_cancelled_request(
    home: dict[str, str], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    async with EngineClient(home) as client:
        async for event in client.generate(Generate(ModelRef.of(tiny_model), (Segment("x = 1\n" * 200),), 500)):
            if isinstance(event, Started):
                break
    choice = Choice(ModelRef.of(tiny_model), "tiny", None, "set")
    (found,) = (await measure_models([choice], measure=True, display=StageDisplay())).measured
    assert found.stats is not None
    assert found.stats.prefill_rate is not None
