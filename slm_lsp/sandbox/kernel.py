"""A wall that the kernel holds: from now on this process may compute, write to what is open, and end.

Python cannot keep its own code from reaching all that the interpreter can do: there is always one more way from object
to object. So system calls are refused, by a seccomp filter (Linux, `Documentation/userspace-api/seccomp_filter.rst`).
Numbers are those of x86-64; other platforms have no such wall yet.
"""

import ctypes
import os
import struct
import sys

SUPPORTED = sys.platform == "linux" and os.uname().machine == "x86_64" and sys.maxsize > 2**32

ALLOWED = {
    "write": 1,
    "mmap": 9,
    "mprotect": 10,
    "munmap": 11,
    "brk": 12,
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "mremap": 25,
    "madvise": 28,
    "setitimer": 38,
    "exit": 60,
    "sigaltstack": 131,
    "futex": 202,
    "restart_syscall": 219,
    "clock_gettime": 228,
    "exit_group": 231,
    "getrandom": 318,
}
"""What an interpreter needs that only computes: memory, its own signals, time, chance, an end."""

ARCHITECTURE = 0xC000003E
OTHER_NUMBERS = 0x40000000
"""System calls of the x32 interface have this bit."""

LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER_AT, ARCHITECTURE_AT = 0, 4
ALLOW, REFUSE = 0x7FFF0000, 0x00050001  # with EPERM

SET_NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2


def only_compute() -> bool:
    """Have the kernel refuse everything else, for good; says whether it does."""
    if not SUPPORTED:
        return False
    numbers = sorted(ALLOWED.values())
    count = len(numbers)
    steps = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 0, count + 2, ARCHITECTURE),
        (LOAD, 0, 0, NUMBER_AT),
        (AT_LEAST, count, 0, OTHER_NUMBERS),
        *((EQUAL, count - at, 0, number) for at, number in enumerate(numbers)),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    told = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program)))
    libc = ctypes.CDLL(None)
    if libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    if libc.prctl(SET_SECCOMP, FILTER, ctypes.c_void_p(ctypes.addressof(told)), 0, 0) != 0:
        return False
    try:
        os.pipe()
    except OSError as error:
        return isinstance(error, PermissionError)
    return False
