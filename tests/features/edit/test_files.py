"""An edit is written to a file completely or not at all, and only if the file has not changed since it was read."""

import os
from pathlib import Path

import pytest

from slm_lsp.errors import StaleEditError, UsageError
from slm_lsp.features.edit.files import read_version, write_version


@pytest.mark.parametrize("raw", [b"a\n", b"a", b"a\r\nb\r\n", b"\xef\xbb\xbfa\n", b"\ta\n"])
def test_unchanged_parts_keep_their_bytes(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(raw)
    version = read_version(file)
    write_version(version, version.text.replace("a", "new"))
    assert file.read_bytes() == raw.replace(b"a", b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["a.py"]


def test_pipe_is_refused_without_reading_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="not a regular file"):
        read_version(pipe)


def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    file, link = tmp_path / "run.sh", tmp_path / "link"
    file.write_text("a\n")
    file.chmod(0o755)
    link.symlink_to(file)
    write_version(read_version(link), "b\n")
    assert link.is_symlink()
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("b\n", 0o755)


def test_file_that_changed_since_it_was_read_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("a\n")
    version = read_version(file)
    file.write_text("changed by the user\n")
    with pytest.raises(StaleEditError, match="has changed"):
        write_version(version, "b\n")
    assert file.read_text() == "changed by the user\n"
    assert [each.name for each in tmp_path.iterdir()] == ["a.py"]


@pytest.mark.parametrize(
    ("content", "message"), [(b"a\0b", "binary"), (b"\xff\xfe", "not UTF-8"), (None, "No such file")]
)
def test_unusable_file_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "a.py"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_version(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every file: run it as another user")
def test_read_only_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("a\n")
    version = read_version(file)
    file.chmod(0o444)
    with pytest.raises(UsageError, match="read-only"):
        write_version(version, "b\n")
