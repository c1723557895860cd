"""`FILE LINE:COL` on the command line: valid and invalid values."""

import os
from pathlib import Path

import pytest

from slm_lsp.cli.target import find_workspace, parse_position, read_target, read_text
from slm_lsp.errors import UsageError
from slm_lsp.text import Lines
from tests.conftest import FIXTURES

ENCODINGS = FIXTURES / "encodings"


@pytest.mark.parametrize(("position", "offset"), [("1:1", 0), ("1:3", 2), ("2:1", 4), ("3:1", 7), ("2:2", 5)])
def test_lines_and_columns_count_from_1(position: str, offset: int) -> None:
    assert parse_position(position, Lines("ab\r\nc\r\n"), Path("a.py")) == offset


@pytest.mark.parametrize(
    "position", ["", "1", "1:", ":1", "0:1", "1:0", "a:b", "1:1:1", "-1:1", "1.5:1", "²:1", "9" * 5000 + ":1"]
)
def test_an_invalid_position_is_rejected(position: str) -> None:
    with pytest.raises(UsageError, match="Invalid position"):
        parse_position(position, Lines("abc"), Path("a.py"))


@pytest.mark.parametrize(
    ("position", "message"),
    [("2:1", "Line 2 is outside a.py, which has 1 lines"), ("1:5", "Column 5 is outside line 1 of a.py")],
)
def test_a_position_outside_the_file_is_rejected(position: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_position(position, Lines("abc"), Path("a.py"))


@pytest.mark.parametrize(
    ("name", "message"),
    [("binary.py", "is a binary file"), ("latin1.py", "is not UTF-8 text \\(byte 9\\)"), ("none.py", "does not exist")],
)
def test_a_file_that_is_not_readable_text_is_rejected(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_text(ENCODINGS / name)


def test_a_folder_instead_of_a_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_text(tmp_path)


def test_a_pipe_is_rejected_without_reading_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(UsageError, match="not a regular file"):
        read_text(tmp_path / "pipe.py")


def test_a_byte_order_mark_is_removed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert read_text(tmp_path / "a.py") == "x = 1\n"


def test_line_ends_are_kept() -> None:
    assert "\r\n" in read_text(ENCODINGS / "crlf_emoji.py")


def test_the_workspace_is_the_nearest_folder_with_a_root_marker(tmp_path: Path) -> None:
    (tmp_path / "outer" / "inner" / "deep").mkdir(parents=True)
    (tmp_path / "outer" / "pyproject.toml").touch()
    file = tmp_path / "outer" / "inner" / "deep" / "a.py"
    assert find_workspace(file) == tmp_path / "outer"
    (tmp_path / "outer" / "inner" / ".slm-lsp.toml").touch()
    assert find_workspace(file) == tmp_path / "outer" / "inner"


def test_without_a_root_marker_the_workspace_is_the_files_folder(tmp_path: Path) -> None:
    assert find_workspace(tmp_path / "a.py") == tmp_path


def test_a_target_has_its_path_in_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("x = 1\n")
    target = read_target(str(tmp_path / "src" / "a.py"), "1:5", str(tmp_path))
    assert (target.cursor.repository, target.cursor.path, target.cursor.offset) == (tmp_path.name, "src/a.py", 4)
    with pytest.raises(UsageError, match="is not a folder"):
        read_target(str(tmp_path / "src" / "a.py"), "1:1", str(tmp_path / "none"))
