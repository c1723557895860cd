"""Checking the header of GGUF files."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm_lsp.errors import ModelCorruptError, UsageError
from slm_lsp.models import gguf as models_gguf
from slm_lsp.models.gguf import BLOCKS, check_gguf


def test_complete_file_has_exactly_the_size_that_its_header_requires(make_gguf: Callable[..., Path]) -> None:
    layout = check_gguf(make_gguf())
    assert (layout.version, layout.tensors) == (3, 2)
    assert layout.bytes == layout.min_bytes


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_truncated_file_is_rejected_at_any_length(make_gguf: Callable[..., Path], data: st.DataObject) -> None:
    whole = make_gguf().read_bytes()
    length = data.draw(st.integers(0, len(whole) - 1))
    cut = make_gguf("cut.gguf")
    cut.write_bytes(whole[:length])
    with pytest.raises(ModelCorruptError, match=r"cut\.gguf"):
        check_gguf(cut)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(rest=st.binary(max_size=200))
def test_random_bytes_after_the_magic_number_are_rejected(tmp_path: Path, rest: bytes) -> None:
    file = tmp_path / "junk.gguf"
    file.write_bytes(b"GGUF" + rest)
    with pytest.raises(ModelCorruptError):
        check_gguf(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not start with the letters GGUF"),
        (b"PK\x03\x04 a zip file", "does not start with the letters GGUF"),
        (struct.pack("<4sIQQ", b"GGUF", 1, 1, 0), "its version is 1"),
        (struct.pack(">4sIQQ", b"GGUF", 3, 1, 0), "its version is 50331648"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 0), "no tensors"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1 << 60, 0), "impossible number"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1, 1), "cut off"),
    ],
)
def test_error_says_what_is_wrong_with_the_file(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(content)
    with pytest.raises(ModelCorruptError, match=reason):
        check_gguf(file)


def test_missing_file_and_folder_raise_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        check_gguf(tmp_path / "none.gguf")
    with pytest.raises(UsageError, match="not a regular file"):
        check_gguf(tmp_path)


def test_header_is_read_once_until_the_file_changes(
    make_gguf: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    layout = models_gguf._layout

    def counted(file: BinaryIO, size: int) -> models_gguf.Layout:
        reads.append(size)
        return layout(file, size)

    monkeypatch.setattr(models_gguf, "_layout", counted)
    file = make_gguf("once.gguf")
    assert check_gguf(file) == check_gguf(file)
    assert len(reads) == 1
    cut = file.read_bytes()[:-1]
    file.write_bytes(cut)
    with pytest.raises(ModelCorruptError, match="is truncated"):
        check_gguf(file)
    assert reads == [len(cut) + 1, len(cut)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(words=st.lists(st.text(max_size=30), min_size=1, max_size=20), data=st.data())
def test_string_array_is_skipped_and_a_truncated_file_is_rejected(
    tmp_path: Path, words: list[str], data: st.DataObject
) -> None:
    file = tmp_path / "words.gguf"
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_array("tokenizer.ggml.tokens", words)
    writer.add_tensor("t", np.zeros(4, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    whole = file.read_bytes()
    assert check_gguf(file).min_bytes <= len(whole)
    padding = 32  # bytes after the last tensor; without them the file is still complete
    file.write_bytes(whole[: data.draw(st.integers(0, len(whole) - padding - 1))])
    with pytest.raises(ModelCorruptError):
        check_gguf(file)


def test_block_sizes_match_the_gguf_package() -> None:
    expected = {int(kind): size for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert {kind: size for kind, size in BLOCKS.items() if kind in expected} == {
        kind: size for kind, size in expected.items() if kind in BLOCKS
    }
