"""The C library of the system."""

import ctypes
import sys


def c_library() -> ctypes.CDLL:
    """Return the library with functions such as `strlen`."""
    return ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
