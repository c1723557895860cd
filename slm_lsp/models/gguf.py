"""What a GGUF file's header promises, to refuse files that are no model or end too early before anything loads them.

Only the layout is read, never the weights: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. A sound
header with flipped bits in the weights passes; only a hash can tell those.
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
VERSIONS = (2, 3)  # 1 is read by no llama.cpp of the last years; a big-endian file shows as 0x03000000
ITEMS_LIMIT = 1 << 20  # tensors or metadata keys; real models have a few thousand at most
STRING_LIMIT = 1 << 26  # bytes; chat templates are the longest strings and take some kilobytes
DIMENSIONS_LIMIT = 8
DEFAULT_ALIGNMENT = 32  # bytes, where `general.alignment` is not given

STRING, ARRAY = 8, 9
SCALAR_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

# ggml type -> (elements a block, bytes a block). Types missing here are allowed: their size just cannot be checked.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """A GGUF file's version, number of tensors, size in bytes, and the size that it has at least if it is whole."""

    version: int
    tensors: int
    bytes: int
    least_bytes: int


class _BrokenError(Exception):
    """The header cannot be right; the text says why."""


def check_gguf(path: Path) -> Layout:
    """Read the layout of a GGUF file and hold the file's size against it. Cheap as long as the file stays as it was.

    Raises:
        UsageError: there is no such file, or it cannot be read.
        ModelCorruptError: it is no GGUF file, one of a version we cannot read, or it ends too early.
    """
    cure = "Fetch the file again, or choose another."
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"Cannot read {path}: it is no regular file.", cure)
        stamp = Stamp.of(path)
        layout = _layout_of(path, stamp)
    except _BrokenError as broken:
        raise ModelCorruptError(f"{path} is no usable GGUF file: {broken}.", cure) from None
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror or error}.") from error
    except ValueError as error:  # a path with a null character
        raise UsageError(f"Cannot read {str(path)!r}: {error}.") from error
    if stamp.bytes < layout.least_bytes:
        what = f"{path} ends too early: it has {stamp.bytes:,} bytes and its header promises {layout.least_bytes:,}."
        raise ModelCorruptError(what, cure)
    return layout


@lru_cache(maxsize=16)
def _layout_of(path: Path, stamp: Stamp) -> Layout:
    """Read once, since a vocabulary has some 300,000 strings and whoever asks for a suggestion names the model."""
    with path.open("rb") as file:
        return _layout(file, stamp.bytes)


def _layout(file: BinaryIO, size: int) -> Layout:
    if file.read(4) != MAGIC:
        raise _BrokenError("it does not begin with the letters GGUF")
    version = _number(file, "<I")
    if version not in VERSIONS:
        raise _BrokenError(f"its version is {version}, not one of {', '.join(map(str, VERSIONS))}")
    tensors = _number(file, "<Q", ITEMS_LIMIT)
    keys = _number(file, "<Q", ITEMS_LIMIT)
    if tensors == 0:
        raise _BrokenError("it holds no tensors")
    alignment = DEFAULT_ALIGNMENT
    for _ in range(keys):
        name, kind = _string(file), _number(file, "<I")
        if name == b"general.alignment" and kind == 4:  # an unsigned 32-bit number
            alignment = _number(file, "<I")
        else:
            _skip_value(file, kind, size)
    ends = [_tensor_end(file) for _ in range(tensors)]
    if alignment == 0:
        raise _BrokenError("its alignment is 0")
    start = -(-file.tell() // alignment) * alignment
    return Layout(version, tensors, size, start + max(ends))


def _tensor_end(file: BinaryIO) -> int:
    """Where a tensor's data ends, in bytes from the start of all data; where it starts if its type is unknown."""
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
        raise _BrokenError(f"its metadata has a value of the unknown kind {kind}")


def _skip_array(file: BinaryIO, size: int) -> None:
    kind, count = _number(file, "<I"), _number(file, "<Q")
    if kind in SCALAR_BYTES:
        _skip(file, SCALAR_BYTES[kind] * count, size)
    elif kind == STRING:
        _skip_strings(file, count)
    else:
        raise _BrokenError(f"its metadata has an array of the unknown kind {kind}")


def _skip_strings(file: BinaryIO, count: int) -> None:
    """As `_string`, without its calls: these are most of a header."""
    read = file.read
    for _ in range(count):  # a count beyond the file's end meets that end soon and stops there
        head = read(8)
        length = int.from_bytes(head, "little")
        if length > STRING_LIMIT:
            raise _BrokenError(f"its header has the impossible number {length:,}")
        if len(head) != 8 or len(read(length)) != length:
            raise _BrokenError("its header is cut off")


def _skip(file: BinaryIO, count: int, size: int) -> None:
    if file.tell() + count > size:
        raise _BrokenError("its header is cut off")
    file.seek(count, os.SEEK_CUR)


def _string(file: BinaryIO) -> bytes:
    return _exactly(file, _number(file, "<Q", STRING_LIMIT))


def _number(file: BinaryIO, form: str, limit: int | None = None) -> int:
    value: int = struct.unpack(form, _exactly(file, struct.calcsize(form)))[0]
    if limit is not None and value > limit:
        raise _BrokenError(f"its header has the impossible number {value:,}")
    return value


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise _BrokenError("its header is cut off")
    return data
