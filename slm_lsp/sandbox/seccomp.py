"""System call filters (seccomp) for processes that run untrusted code on Linux.

`only_compute` restricts the current process to computing; `calls` uses it. `deny_dangerous` builds the filter that
bubblewrap installs for any other program. A filter is a BPF program (`Documentation/userspace-api/seccomp_filter.rst`
in the Linux sources): a list of instructions that read the number and arguments of a system call and return a decision.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable, Sequence

Instruction = tuple[int, int, int, int]
"""One BPF instruction (`struct sock_filter`): code, jump if true, jump if false, value."""

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The constants `AUDIT_ARCH_…` that the kernel reports for native system calls, by `os.uname().machine`."""

COLUMN = {"x86_64": 0, "aarch64": 1}
"""The position of an architecture's numbers in the tuples of the tables below."""

COMPUTE_ONLY_SUPPORTED = sys.platform == "linux" and os.uname().machine == "x86_64" and sys.maxsize > 2**32
"""Whether `only_compute` works on this platform. It knows only the system call numbers of x86-64."""

COMPUTING = {
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
"""System calls that Python needs to compute: memory, signals, time, random numbers, exit."""

DENIED: dict[str, tuple[int, int]] = {
    # Mounts, namespaces and the root folder.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "setns": (308, 268),
    "unshare": (272, 97),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "mount_setattr": (442, 442),
    # Other processes.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # Parts of the kernel that ordinary programs do not use and that often had security bugs.
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "lookup_dcookie": (212, 18),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "personality": (135, 92),
    # Memory that belongs to no process. The memory limit would therefore not count it.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    # Administration of the machine.
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "vhangup": (153, 58),
}
"""System calls that fail with EPERM in the sandbox: their numbers on x86-64 and on AArch64."""

DENIED_ON_X86 = {"iopl": 172, "ioperm": 173, "modify_ldt": 154, "uselib": 134, "ustat": 136, "sysfs": 139}
"""Further system calls that fail with EPERM on x86-64. AArch64 does not have them."""

CLONE, CLONE3, SOCKET, IOCTL = (56, 220), (435, 435), (41, 198), (16, 29)

NEW_NAMESPACES = 0x7E020080
"""The flags `CLONE_NEW…` of clone(2)."""

SOCKET_FAMILIES = (1, 2, 10, 16)
"""Address families that programs may use: Unix, IPv4, IPv6 and netlink. A network namespace does not confine other
families, such as VSOCK."""

TERMINAL_INPUT = (0x5412, 0x541C)
"""The requests TIOCSTI and TIOCLINUX of ioctl(2), with which a program could type into the user's terminal."""

NEWEST_KNOWN = 462
"""The highest system call number (mseal, Linux 6.10) that existed when `DENIED` was written. System calls with higher
numbers fail with ENOSYS."""

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT, ARGUMENT_BYTES = 0, 4, 16, 8
"""Offsets in `struct seccomp_data`. The low half of an argument comes first: both architectures are little-endian."""

ALLOW = 0x7FFF0000
FAIL = 0x00050000
"""The decision to fail a system call (`SECCOMP_RET_ERRNO`). The error number is added in its low bits."""

SET_NO_NEW_PRIVILEGES, SET_SECCOMP, MODE_FILTER = 38, 22, 2


def deny_dangerous(machine: str) -> bytes | None:
    """Build the filter for programs in the sandbox; None if the tables above lack the architecture's numbers.

    Args:
        machine: the architecture as `os.uname().machine` names it.
    """
    if machine not in AUDIT:
        return None
    column = COLUMN[machine]
    numbers = [each[column] for each in DENIED.values()]
    if machine == "x86_64":
        numbers.extend(DENIED_ON_X86.values())
    steps = _begin(AUDIT[machine])
    steps += [(AT_LEAST, 0, 1, NEWEST_KNOWN + 1), _fail(errno.ENOSYS)]
    for number in numbers:
        steps += [(EQUAL, 0, 1, number), _fail(errno.EPERM)]
    # The flags of clone3 are in memory, where a filter cannot read them. The C library falls back to clone.
    steps += [(EQUAL, 0, 1, CLONE3[column]), _fail(errno.ENOSYS)]
    steps += _when(CLONE[column], [_argument(0), (ANY_BIT, 0, 1, NEW_NAMESPACES), _fail(errno.EPERM)], ALLOW)
    families = [step for each in SOCKET_FAMILIES for step in ((EQUAL, 0, 1, each), _return(ALLOW))]
    steps += _when(SOCKET[column], [_argument(0), *families], FAIL | errno.EAFNOSUPPORT)
    requests = [step for each in TERMINAL_INPUT for step in ((EQUAL, 0, 1, each), _fail(errno.EPERM))]
    steps += _when(IOCTL[column], [_argument(1), *requests], ALLOW)
    return _packed([*steps, _return(ALLOW)])


def allow_only(numbers: Iterable[int], audit: int) -> bytes:
    """Build a filter that allows the system calls `numbers`. Every other system call fails with EPERM."""
    steps = _begin(audit)
    for number in numbers:
        steps += [(EQUAL, 0, 1, number), _return(ALLOW)]
    return _packed([*steps, _fail(errno.EPERM)])


def only_compute() -> bool:
    """Restrict this process to computing for the rest of its life; return whether the kernel enforces this.

    Python cannot confine Python code: through the attributes of objects, code can reach everything that the interpreter
    can do. Therefore the kernel refuses the system calls.
    """
    if not COMPUTE_ONLY_SUPPORTED or not _install(allow_only(COMPUTING.values(), AUDIT["x86_64"])):
        return False
    try:
        os.pipe()
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def _begin(audit: int) -> list[Instruction]:
    """Return the first instructions of a filter.

    These make system calls of another architecture fail, such as 32-bit calls on x86-64, and load the call's number.
    """
    return [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 1, 0, audit),
        _fail(errno.EPERM),
        (LOAD, 0, 0, NUMBER_AT),
    ]


def _when(number: int, steps: Sequence[Instruction], otherwise: int) -> list[Instruction]:
    """Return instructions that run `steps` for one system call and decide `otherwise` if the steps do not decide."""
    return [(EQUAL, 0, len(steps) + 1, number), *steps, _return(otherwise)]


def _argument(index: int) -> Instruction:
    return (LOAD, 0, 0, ARGUMENTS_AT + index * ARGUMENT_BYTES)


def _fail(error: int) -> Instruction:
    return _return(FAIL | error)


def _return(decision: int) -> Instruction:
    return (RETURN, 0, 0, decision)


def _packed(steps: Sequence[Instruction]) -> bytes:
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _install(program: bytes) -> bool:
    code = ctypes.create_string_buffer(program, len(program))
    size = struct.calcsize("HBBI")
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // size, ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    if libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(SET_SECCOMP, MODE_FILTER, ctypes.c_void_p(ctypes.addressof(header)), 0, 0) == 0)
