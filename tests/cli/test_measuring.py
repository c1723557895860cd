"""What `doctor` says about the speed of a model, measured just now, earlier, or not at all."""

from pathlib import Path

import msgspec
import pytest

from slm_lsp.cli.measuring import Measured, examine
from slm_lsp.cli.stages import Stages
from slm_lsp.engine.protocol import LoadedStats, ModelInfo
from slm_lsp.engine.router import Choice

NOW = 1_000_000.0
CHOICE = Choice(Path("x.gguf"), "x", "fast", "set")
INFO = ModelInfo("x.gguf", "ik", 8192, None)
ROW = LoadedStats("x.gguf", "ik", "", 0.0, {1: 0.05}, 80.0, measured_at=NOW - 600)


@pytest.mark.parametrize(
    ("row", "fresh", "busy", "told"),
    [
        (ROW, True, False, "prefill 80 tokens/s, decode 20.0 tokens/s (ik), measured 10 minutes ago"),
        (msgspec.structs.replace(ROW, measured_at=0.0), True, False, "prefill 80 tokens/s, decode 20.0 tokens/s (ik)"),
        (msgspec.structs.replace(ROW, prefill_rate=None), False, True, "not measured within 60 s: other requests were"),
        (None, False, False, "not measured within 60 s: the model process did not do it"),
    ],
)
def test_the_speed_in_words(row: LoadedStats | None, fresh: bool, busy: bool, told: str) -> None:
    assert Measured(CHOICE, INFO, row, fresh, busy).speed(NOW).startswith(told)


def test_old_figures_are_shown_with_the_reason_why_there_are_no_new_ones() -> None:
    said = Measured(CHOICE, INFO, ROW, fresh=False, busy=True).speed(NOW)
    assert "prefill 80 tokens/s" in said
    assert "measured 10 minutes ago; these are old figures, not measured within 60 s: other requests were" in said


async def test_figures_that_do_not_come_leave_the_old_ones(
    home: dict[str, str], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real engine: measured once; then asked again, with no patience to wait for it."""
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    choice = Choice(tiny_model, "tiny", None, "set")
    (first,) = (await examine([choice], measure=False, shown=Stages())).measured
    assert first.fresh
    monkeypatch.setattr("slm_lsp.cli.measuring.PATIENCE_S", 0.3)
    (second,) = (await examine([choice], measure=True, shown=Stages())).measured
    assert not second.fresh
    assert second.row is not None
    assert second.row.batch_s == (first.row and first.row.batch_s)
    assert "old figures" in second.speed(NOW)
