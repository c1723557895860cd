"""Checks the header of a GGUF file, so that other files and truncated models are refused before they are loaded.

Reads only the header, not the weights: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. Changed bits in the
weights are not detected; only a hash detects them.
"""

import os
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from slm_lsp.errors import ModelCorruptError, UsageError
from slm_lsp.models.files import Stamp

MAGIC = b"GGUF"
VERSIONS = (2, 3)  # llama.cpp has not read version 1 for years; a big-endian file has the version 0x03000000
ITEMS_LIMIT = 1 << 20  # tensors or metadata keys; real models have a few thousand at most
STRING_LIMIT = 1 << 26  # bytes; the longest strings are chat templates, with some kilobytes
DIMENSIONS_LIMIT = 8
DEFAULT_ALIGNMENT = 32  # in bytes; used if `general.alignment` is missing

STRING, ARRAY = 8, 9
SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

# ggml type -> (elements per block, bytes per block). Other types are accepted, but their size is not checked.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """A GGUF file's version, number of tensors, size in bytes, and the minimum size of a complete file."""

    version: int
    tensors: int
    bytes: int
    min_bytes: int


class _InvalidHeaderError(Exception):
    """The header is invalid; the text says why."""


def check_gguf(path: Path) -> Layout:
    """Read the layout of a GGUF file and check the file's size. The layout is cached until the file changes.

    Raises:
        UsageError: the file does not exist or cannot be read.
        ModelCorruptError: the file is not a GGUF file, has an unsupported version, or is truncated.
    """
    cure = "Download the file again, or choose another one."
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"Cannot read {path}: it is not a regular file.", cure)
        stamp = Stamp.of(path)
        layout = _layout_of(path, stamp)
    except _InvalidHeaderError as invalid:
        raise ModelCorruptError(f"{path} is not a usable GGUF file: {invalid}.", cure) from None
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror or error}.") from error
    except ValueError as error:  # a path with a null character
        raise UsageError(f"Cannot read {str(path)!r}: {error}.") from error
    if stamp.bytes < layout.min_bytes:
        what = f"{path} is truncated: it has {stamp.bytes:,} bytes, but its header requires {layout.min_bytes:,}."
        raise ModelCorruptError(what, cure)
    return layout


@lru_cache(maxsize=16)
def _layout_of(path: Path, stamp: Stamp) -> Layout:
    """Read the layout. Cached, because every request checks its model and a vocabulary has some 300,000 strings."""
    with path.open("rb") as file:
        return _layout(file, stamp.bytes)


def _layout(file: BinaryIO, size: int) -> Layout:
    if file.read(4) != MAGIC:
        raise _InvalidHeaderError("it does not start with the letters GGUF")
    version = _number(file, "<I")
    if version not in VERSIONS:
        raise _InvalidHeaderError(f"its version is {version}; supported are {', '.join(map(str, VERSIONS))}")
    tensors = _number(file, "<Q", ITEMS_LIMIT)
    keys = _number(file, "<Q", ITEMS_LIMIT)
    if tensors == 0:
        raise _InvalidHeaderError("it has no tensors")
    alignment = DEFAULT_ALIGNMENT
    for _ in range(keys):
        name, kind = _string(file), _number(file, "<I")
        if name == b"general.alignment" and kind == 4:  # an unsigned 32-bit number
            alignment = _number(file, "<I")
        else:
            _skip_value(file, kind, size)
    ends = [_tensor_end(file) for _ in range(tensors)]
    if alignment == 0:
        raise _InvalidHeaderError("its alignment is 0")
    start = -(-file.tell() // alignment) * alignment
    return Layout(version, tensors, size, start + max(ends))


def _tensor_end(file: BinaryIO) -> int:
    """Return the end of a tensor's data, in bytes from the start of all tensor data.

    For a type of unknown size, returns the start of the tensor's data.
    """
    _string(file)
    elements = 1
    for _ in range(_number(file, "<I", DIMENSIONS_LIMIT)):
        elements *= _number(file, "<Q")
    kind, offset = _number(file, "<I"), _number(file, "<Q")
    per_block, block_bytes = BLOCKS.get(kind, (1, 0))
    return offset + -(-elements // per_block) * block_bytes


def _skip_value(file: BinaryIO, kind: int, size: int) -> None:
    if kind in SCALAR_BYTES:
        _skip(file, SCALAR_BYTES[kind], size)
    elif kind == STRING:
        _string(file)
    elif kind == ARRAY:
        _skip_array(file, size)
    else:
        raise _InvalidHeaderError(f"its metadata has a value of the unknown type {kind}")


def _skip_array(file: BinaryIO, size: int) -> None:
    kind, count = _number(file, "<I"), _number(file, "<Q")
    if kind in SCALAR_BYTES:
        _skip(file, SCALAR_BYTES[kind] * count, size)
    elif kind == STRING:
        _skip_strings(file, count)
    else:
        raise _InvalidHeaderError(f"its metadata has an array of the unknown type {kind}")


def _skip_strings(file: BinaryIO, count: int) -> None:
    """Skip strings. For speed, this repeats the code of `_string` inline: strings make up most of a header."""
    read = file.read
    for _ in range(count):  # if the count is too large, reading fails at the end of the file
        head = read(8)
        length = int.from_bytes(head, "little")
        if length > STRING_LIMIT:
            raise _InvalidHeaderError(f"its header has the impossible number {length:,}")
        if len(head) != 8 or len(read(length)) != length:
            raise _InvalidHeaderError("its header is cut off")


def _skip(file: BinaryIO, count: int, size: int) -> None:
    if file.tell() + count > size:
        raise _InvalidHeaderError("its header is cut off")
    file.seek(count, os.SEEK_CUR)


def _string(file: BinaryIO) -> bytes:
    return _read(file, _number(file, "<Q", STRING_LIMIT))


def _number(file: BinaryIO, form: str, limit: int | None = None) -> int:
    value: int = struct.unpack(form, _read(file, struct.calcsize(form)))[0]
    if limit is not None and value > limit:
        raise _InvalidHeaderError(f"its header has the impossible number {value:,}")
    return value


def _read(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise _InvalidHeaderError("its header is cut off")
    return data
