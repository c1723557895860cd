"""What `doctor` says about the speed of a model, measured just now, earlier, or not at all."""

from pathlib import Path

import msgspec
import pytest

from slm_lsp.cli.measuring import NOT_DONE, Measured, examine
from slm_lsp.cli.stages import Stages
from slm_lsp.engine.api import Generate, LoadedStats, ModelInfo, ModelRef, Segment, Started
from slm_lsp.engine.client.connection import EngineClient
from slm_lsp.routing.policy import Choice

NOW = 1_000_000.0
CHOICE = Choice(ModelRef("x.gguf"), "x", "fast", "set")
INFO = ModelInfo("x.gguf", "ik", 8192, None)
ROW = LoadedStats("x.gguf", "ik", "", 0.0, {1: 0.05}, 80.0, measured_at=NOW - 600)


@pytest.mark.parametrize(
    ("row", "missing", "told"),
    [
        (ROW, "", "prefill 80 tokens/s, decode 20.0 tokens/s (ik), measured 10 min ago"),
        (msgspec.structs.replace(ROW, measured_at=None), "", "prefill 80 tokens/s, decode 20.0 tokens/s (ik)"),
        (
            msgspec.structs.replace(ROW, load=1.0),
            "",
            "prefill 80 tokens/s, decode 20.0 tokens/s (ik), measured 10 min ago while other programs used 1.0 cores",
        ),
        (
            ROW,
            "not measured within 60 s: other requests were running",
            "prefill 80 tokens/s, decode 20.0 tokens/s (ik), measured 10 min ago; "
            "from an earlier measurement: not measured within 60 s: other requests were running",
        ),
        (
            msgspec.structs.replace(ROW, prefill_rate=None),
            "not measured within 60 s: why",
            "not measured within 60 s: why",
        ),
        (None, "", "not measured: the model was unloaded"),
    ],
)
def test_the_speed_in_words(row: LoadedStats | None, missing: str, told: str) -> None:
    assert Measured(CHOICE, INFO, row, missing).speed(NOW) == told


async def test_figures_that_do_not_come_leave_the_old_ones(
    home: dict[str, str], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real engine: measured once; then asked again, with no patience to wait for it."""
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    choice = Choice(ModelRef.of(tiny_model), "tiny", None, "set")
    (first,) = (await examine([choice], measure=False, shown=Stages())).measured
    assert first.missing == ""
    monkeypatch.setattr("slm_lsp.cli.measuring.PATIENCE_S", 0.3)
    (second,) = (await examine([choice], measure=True, shown=Stages())).measured
    assert second.missing.endswith(NOT_DONE)
    assert second.row is not None
    assert second.row.batch_s == (first.row and first.row.batch_s)


async def test_an_engine_that_cancelled_a_request_measures_when_asked(
    home: dict[str, str], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    async with EngineClient(home) as client:
        async for event in client.generate(Generate(ModelRef.of(tiny_model), (Segment("x = 1\n" * 200),), 500)):
            if isinstance(event, Started):
                break
    choice = Choice(ModelRef.of(tiny_model), "tiny", None, "set")
    (found,) = (await examine([choice], measure=True, shown=Stages())).measured
    assert found.row is not None
    assert found.row.prefill_rate is not None
