"""A change of several files is written completely, or every file stays as it was."""

import os
from pathlib import Path

import pytest

from slm_lsp.errors import StaleEditError, UsageError
from slm_lsp.features.edit.changes import FileChange, ProjectChange, apply_change


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_bytes(b"\xef\xbb\xbfx = 1\r\n")
    (tmp_path / "b.py").write_bytes(b"y = 2")
    (tmp_path / "a.py").chmod(0o750)
    return tmp_path


A = FileChange("a.py", "x = 1\r\n", "z = 1\r\n")
B = FileChange("b.py", "y = 2", "z = 2")
NEW = FileChange("new/c.py", "", "w = 3\n", created=True)


def test_all_files_keep_their_byte_order_marks_and_permissions(project: Path) -> None:
    apply_change(project, ProjectChange((A, B, NEW)))
    assert (project / "a.py").read_bytes() == b"\xef\xbb\xbfz = 1\r\n"
    assert (project / "a.py").stat().st_mode & 0o777 == 0o750
    assert (project / "b.py").read_bytes() == b"z = 2"
    assert (project / "new" / "c.py").read_text() == "w = 3\n"
    assert sorted(each.name for each in project.rglob("*")) == ["a.py", "b.py", "c.py", "new"]


def test_nothing_is_written_if_one_file_has_changed(project: Path) -> None:
    (project / "b.py").write_text("y = 3")
    with pytest.raises(StaleEditError, match=r"b\.py has changed"):
        apply_change(project, ProjectChange((A, B)))
    assert (project / "a.py").read_bytes() == b"\xef\xbb\xbfx = 1\r\n"


def test_existing_file_is_not_overwritten_by_a_new_one(project: Path) -> None:
    (project / "new").mkdir()
    (project / "new" / "c.py").write_text("mine")
    with pytest.raises(StaleEditError, match="exists already"):
        apply_change(project, ProjectChange((A, NEW)))
    assert (project / "new" / "c.py").read_text() == "mine"
    assert (project / "a.py").read_bytes() == b"\xef\xbb\xbfx = 1\r\n"


def test_written_files_are_put_back_if_a_later_one_cannot_be_written(project: Path) -> None:
    (project / "folder").write_text("a file where a folder is needed")
    blocked = FileChange("folder/c.py", "", "w = 3\n", created=True)
    with pytest.raises(UsageError, match="cannot be written"):
        apply_change(project, ProjectChange((A, NEW, B, blocked)))
    assert (project / "a.py").read_bytes() == b"\xef\xbb\xbfx = 1\r\n"
    assert (project / "a.py").stat().st_mode & 0o777 == 0o750
    assert (project / "b.py").read_bytes() == b"y = 2"
    assert not os.path.lexists(project / "new" / "c.py")
