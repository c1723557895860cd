"""Cores that this process can use."""

import os
from pathlib import Path

import pytest

from slm_lsp.platform import cores


def test_the_number_of_usable_cores_is_at_most_the_number_of_processors() -> None:
    assert 1 <= cores.usable_cores() <= len(cores.allowed_processors()) <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("text", "quota"), [("max 100000", None), ("150000 100000", 1), ("400000 100000", 4), ("?", None)]
)
def test_the_quota_of_a_control_group_is_read(tmp_path: Path, text: str, quota: int | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cores._cgroup_quota(tmp_path / "cpu.max") == quota


def test_the_processor_has_a_name_and_known_instruction_sets() -> None:
    assert cores.cpu_name()
    assert cores.cpu_features() <= cores.INSTRUCTION_SETS
