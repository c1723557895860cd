"""An engine knows with which model the last engine crashed."""

from pathlib import Path

from slm_lsp.engine.api import Adapter, ModelRef
from slm_lsp.engine.crashes import MOST_BACKOFF_S, CrashRecord, backoff_s

MODEL = ModelRef("/m.gguf")
ADAPTED = ModelRef("/m.gguf", (Adapter("/a.gguf"),))


def crash(folder: Path) -> CrashRecord:
    """Simulate a crash with the model and the start of another engine."""
    CrashRecord(folder).mark(MODEL)
    record_of_next_engine = CrashRecord(folder)
    assert record_of_next_engine.take_stock() == MODEL.key
    return record_of_next_engine


def test_normal_exit_is_not_counted_as_a_crash(tmp_path: Path) -> None:
    record = CrashRecord(tmp_path)
    record.mark(MODEL)
    record.mark(None)
    after = CrashRecord(tmp_path)
    assert after.take_stock() is None
    assert after.count(MODEL) == 0
    assert backoff_s(tmp_path) == 0


def test_crashes_are_counted_until_a_request_succeeds(tmp_path: Path) -> None:
    crash(tmp_path)
    record = crash(tmp_path)
    assert record.count(MODEL) == 2
    record.forgive(MODEL)
    assert CrashRecord(tmp_path).count(MODEL) == 0


def test_crashes_are_counted_separately_for_a_model_with_adapters(tmp_path: Path) -> None:
    assert crash(tmp_path).count(ADAPTED) == 0


def test_backoff_starts_after_the_second_crash_and_is_limited(tmp_path: Path) -> None:
    waits = []
    for _ in range(9):
        crash(tmp_path)
        waits.append(backoff_s(tmp_path))
    assert waits[:4] == [0, 1, 2, 4]
    assert waits[-1] == MOST_BACKOFF_S


def test_damaged_crash_file_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "crashes.json").write_text("{")
    assert CrashRecord(tmp_path).count(MODEL) == 0
