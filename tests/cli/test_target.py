"""`FILE LINE:COL`: what it means, and what is refused."""

import os
from pathlib import Path

import pytest

from slm_lsp.cli.target import find_workspace, parse_position, read_target, read_text
from slm_lsp.errors import UsageError
from slm_lsp.text import Lines
from tests.conftest import FIXTURES

ENCODINGS = FIXTURES / "encodings"


@pytest.mark.parametrize(("where", "offset"), [("1:1", 0), ("1:3", 2), ("2:1", 4), ("3:1", 7), ("2:2", 5)])
def test_lines_and_columns_count_from_1(where: str, offset: int) -> None:
    assert parse_position(where, Lines("ab\r\nc\r\n"), Path("a.py")) == offset


@pytest.mark.parametrize(
    "where", ["", "1", "1:", ":1", "0:1", "1:0", "a:b", "1:1:1", "-1:1", "1.5:1", "²:1", "9" * 5000 + ":1"]
)
def test_what_is_no_place_is_refused(where: str) -> None:
    with pytest.raises(UsageError, match="is no place"):
        parse_position(where, Lines("abc"), Path("a.py"))


@pytest.mark.parametrize(
    ("where", "said"),
    [("2:1", "has 1 lines, so there is no line 2"), ("1:5", "has 3 characters, so there is no column 5")],
)
def test_a_place_outside_the_file_is_refused(where: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_position(where, Lines("abc"), Path("a.py"))


@pytest.mark.parametrize(
    ("name", "said"),
    [("binary.py", "is a binary file"), ("latin1.py", "is not UTF-8 \\(byte 9\\)"), ("none.py", "does not exist")],
)
def test_what_is_no_source_file_is_refused(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_text(ENCODINGS / name)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_text(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(UsageError, match="no regular file"):
        read_text(tmp_path / "pipe.py")


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert read_text(tmp_path / "a.py") == "x = 1\n"


def test_line_ends_are_kept() -> None:
    assert "\r\n" in read_text(ENCODINGS / "crlf_emoji.py")


def test_the_workspace_is_the_nearest_folder_that_looks_like_one(tmp_path: Path) -> None:
    (tmp_path / "outer" / "inner" / "deep").mkdir(parents=True)
    (tmp_path / "outer" / "pyproject.toml").touch()
    file = tmp_path / "outer" / "inner" / "deep" / "a.py"
    assert find_workspace(file) == tmp_path / "outer"
    (tmp_path / "outer" / "inner" / ".slm-lsp.toml").touch()
    assert find_workspace(file) == tmp_path / "outer" / "inner"


def test_a_file_in_no_workspace_has_its_own_folder(tmp_path: Path) -> None:
    assert find_workspace(tmp_path / "a.py") == tmp_path


def test_a_target_knows_its_path_in_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("x = 1\n")
    target = read_target(str(tmp_path / "src" / "a.py"), "1:5", str(tmp_path))
    assert (target.cursor.repository, target.cursor.path, target.cursor.offset) == (tmp_path.name, "src/a.py", 4)
    with pytest.raises(UsageError, match="is no folder"):
        read_target(str(tmp_path / "src" / "a.py"), "1:1", str(tmp_path / "none"))
