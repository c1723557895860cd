"""The system call filters, run by a small BPF interpreter, and their numbers compared with the kernel's headers."""

import errno
import re
import struct
from pathlib import Path

import pytest

from slm_lsp.sandbox import seccomp

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
ALLOW = seccomp.ALLOW


def decide(program: bytes, number: int, *arguments: int, audit: int = seccomp.AUDIT["x86_64"]) -> int:
    """Return the decision of a filter for a system call."""
    data = struct.pack("<iIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("HBBI", program))
    at = loaded = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == seccomp.RETURN:
            return int(value)
        if code == seccomp.LOAD:
            (loaded,) = struct.unpack_from("<I", data, value)
            continue
        tests = {
            seccomp.EQUAL: loaded == value,
            seccomp.AT_LEAST: loaded >= value,
            seccomp.ANY_BIT: bool(loaded & value),
        }
        at += if_true if tests[code] else if_false


def fails(error: int) -> int:
    return seccomp.FAIL | error


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def filter_of(machine: str) -> bytes:
    program = seccomp.deny_dangerous(machine)
    assert program is not None
    return program


def decision(machine: str, number: int, *arguments: int) -> int:
    return decide(filter_of(machine), number, *arguments, audit=seccomp.AUDIT[machine])


def test_system_call_numbers_match_the_kernel_headers(machine: str) -> None:
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"needs {header}; `apt-get install linux-libc-dev` would run it")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    numbers = {name: int(number) for name, number in found}
    column = seccomp.COLUMN[machine]
    ours = {name: each[column] for name, each in seccomp.DENIED.items()}
    ours |= {
        "clone": seccomp.CLONE[column],
        "clone3": seccomp.CLONE3[column],
        "socket": seccomp.SOCKET[column],
        "ioctl": seccomp.IOCTL[column],
    }
    if machine == "x86_64":
        ours |= seccomp.DENIED_ON_X86 | seccomp.COMPUTING
    known = {name: number for name, number in ours.items() if name in numbers}
    assert known == {name: numbers[name] for name in known}
    assert len(known) >= len(ours) - 3, "older headers lack the newest system calls"


def test_dangerous_calls_fail_and_others_are_allowed(machine: str) -> None:
    for each in seccomp.DENIED.values():
        assert decision(machine, each[seccomp.COLUMN[machine]]) == fails(errno.EPERM)
    read, openat = {"x86_64": (0, 257), "aarch64": (63, 56)}[machine]
    assert decision(machine, read) == decision(machine, openat) == ALLOW


def test_clone_can_create_processes_and_threads_but_no_namespaces(machine: str) -> None:
    clone = seccomp.CLONE[seccomp.COLUMN[machine]]
    thread = 0x3D0F00
    assert decision(machine, clone, 17) == decision(machine, clone, thread) == ALLOW
    for new in (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert decision(machine, clone, new | 17) == fails(errno.EPERM)
    assert decision(machine, seccomp.CLONE3[seccomp.COLUMN[machine]]) == fails(errno.ENOSYS)


def test_only_sockets_that_a_network_namespace_confines_are_allowed(machine: str) -> None:
    socket = seccomp.SOCKET[seccomp.COLUMN[machine]]
    allowed = [family for family in range(64) if decision(machine, socket, family) == ALLOW]
    assert allowed == [1, 2, 10, 16]
    assert decision(machine, socket, 40) == fails(errno.EAFNOSUPPORT)


def test_programs_cannot_type_into_a_terminal(machine: str) -> None:
    ioctl = seccomp.IOCTL[seccomp.COLUMN[machine]]
    assert decision(machine, ioctl, 0, 0x5412) == decision(machine, ioctl, 0, 0x541C) == fails(errno.EPERM)
    assert decision(machine, ioctl, 0, 0x5413) == ALLOW


def test_unknown_system_calls_fail_as_not_implemented(machine: str) -> None:
    for number in (463, 1000, 0x40000000 + 165):
        assert decision(machine, number) == fails(errno.ENOSYS)


def test_system_calls_of_another_architecture_fail(machine: str) -> None:
    i386 = 0x40000003
    assert decide(filter_of(machine), 0, audit=i386) == fails(errno.EPERM)


def test_no_filter_is_built_for_an_unknown_architecture() -> None:
    assert seccomp.deny_dangerous("riscv64") is None


def test_compute_only_filter_allows_only_the_listed_calls() -> None:
    program = seccomp.allow_only(seccomp.COMPUTING.values(), seccomp.AUDIT["x86_64"])
    allowed = {number for number in range(600) if decide(program, number) == ALLOW}
    assert allowed == set(seccomp.COMPUTING.values())
    assert decide(program, 1, audit=0x40000003) == fails(errno.EPERM)
    assert decide(program, 0x40000000 + 1) == fails(errno.EPERM)
