"""Fixtures of the sandbox's tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.programs import names, processes


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test leaves no process and no temporary file behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = processes(folder)
    yield folder
    assert names(folder) == []
    assert processes(folder) - before == set()
