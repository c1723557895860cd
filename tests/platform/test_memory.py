"""Memory that programs can still use."""

from pathlib import Path

import psutil
import pytest

from slm_lsp.platform import memory


def test_free_memory_is_at_most_the_memory_of_the_machine() -> None:
    assert 0 < memory.free_memory() <= psutil.virtual_memory().total


@pytest.mark.parametrize(("limit", "left"), [("max\n", None), ("1000\n", 500), ("100\n", 0), ("?", None)])
def test_cached_files_do_not_count_as_used_memory_of_a_control_group(
    tmp_path: Path, limit: str, left: int | None
) -> None:
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\nfile 200\n")
    assert memory._cgroup_memory(tmp_path) == left


def test_this_process_uses_more_than_a_mebibyte() -> None:
    assert memory.resident_bytes() > 1 << 20
