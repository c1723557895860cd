"""Fixtures of the sandbox's tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.programs import names, processes


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Check after every test that no process and no temporary file remains."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = processes(folder)
    yield folder
    assert names(folder) == []
    assert processes(folder) - before == set()
