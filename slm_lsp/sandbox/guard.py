"""Run by `process` and `calls` as a script in a process of its own: takes rights away, and runs programs.

It stands alone, for the process sees neither this package nor the environment. An audit hook refuses what a small
program has no need of, whoever the user is; limits hold memory and time. That keeps mistakes of generated programs from
doing harm; it is no wall against a program made to break it.

Two ways to run: a whole `program`, which may do what it likes within its folder, as tests of an evaluation need it;
and `calls` of functions, which may only compute. Their code was looked at before it came here (`purity`).
"""

import builtins
import contextlib
import importlib
import marshal
import math
import os
import resource
import signal
import sys
from collections.abc import Iterator
from types import CodeType, FrameType, SimpleNamespace
from typing import Any, NoReturn

RAN_TO_THE_END = 87
"""The exit status of a program that ended without an error; no program gets there by leaving early with 0."""

CPU_S = 5
CALLS_CPU_S = 1
MEMORY_BYTES = 1024**3
FILE_BYTES = 1024**2
LIMITS = (
    (resource.RLIMIT_AS, MEMORY_BYTES),
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_FSIZE, FILE_BYTES),
    (resource.RLIMIT_NPROC, 0),
)

NEW_NETWORK = 0x40000000
NEW_USER = 0x10000000

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
REFUSED = ("socket.", "ctypes.", "subprocess.", "shutil.", "resource.", "pty.", "signal.pthread_kill")
REFUSED_OS = frozenset(
    {
        "os.chflags",
        "os.chmod",
        "os.chown",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.killpg",
        "os.link",
        "os.lockf",
        "os.mkdir",
        "os.posix_spawn",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.setxattr",
        "os.spawn",
        "os.startfile",
        "os.symlink",
        "os.system",
        "os.truncate",
        "os.utime",
    }
)

COMPUTING = frozenset({"exec", "builtins.id", "sys._getframe", "sys._getframemodulename"})
"""All that calls may do of what is audited. `exec` runs what is compiled; nothing is compiled any more."""

CALL_S = 0.1
"""Seconds of processor time for all calls of one function."""

PASSED, FAILED, UNFINISHED, UNKNOWN = b"pfu?"

BUILTINS = (
    *("abs", "all", "any", "bin", "bool", "bytes", "bytearray", "callable", "chr", "classmethod", "complex", "dict"),
    *("divmod", "enumerate", "filter", "float", "format", "frozenset", "hash", "hex", "id", "int", "isinstance"),
    *("issubclass", "iter", "len", "list", "map", "max", "min", "next", "object", "oct", "ord", "pow", "property"),
    *("range", "repr", "reversed", "round", "set", "slice", "sorted", "staticmethod", "str", "sum", "super", "tuple"),
    *("type", "zip", "True", "False", "None", "NotImplemented", "Ellipsis", "__build_class__"),
)
"""Names that calls may use, and all exceptions; `print` says nothing to anybody."""

MODULES = (
    *("bisect", "cmath", "collections", "collections.abc", "copy", "datetime", "decimal", "fractions", "functools"),
    *(
        "hashlib",
        "heapq",
        "itertools",
        "math",
        "numbers",
        "operator",
        "random",
        "re",
        "statistics",
        "string",
        "textwrap",
        "unicodedata",
    ),
)
"""Modules that only compute; of `typing` there are names that mean nothing."""

HIDDEN = frozenset({"attrgetter", "methodcaller", "Formatter", "file_digest"})
"""Names of these that reach further than code says, or out of the process."""


class Refused(BaseException):
    """Code did what it may not, so nothing is known of it."""


class Late(BaseException):
    """Code took too long."""


def cut_network() -> None:
    """Leave the network behind, where the system lets us: as root, or with a namespace for users."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import ctypes

        unshare = ctypes.CDLL(None).unshare
        if unshare(NEW_NETWORK) != 0:
            unshare(NEW_NETWORK | NEW_USER)


def limit(cpu_s: int) -> None:
    """Set what limits the system knows."""
    for kind, value in ((resource.RLIMIT_CPU, cpu_s), *LIMITS):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def watch(folder: str) -> None:
    """Refuse from now on, in all of this process, what is dangerous outside `folder`."""

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if isinstance(flags, int) and flags & WRITING and not _within(folder, path):
                raise PermissionError(f"writing {path!r} is not allowed")
        elif event in REFUSED_OS or event.startswith(REFUSED):
            raise PermissionError(f"{event} is not allowed")

    sys.addaudithook(hook)


def _within(folder: str, path: object) -> bool:
    if isinstance(path, int):
        return True
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    full = os.path.realpath(os.fsdecode(path))
    return full.startswith(folder + os.sep)


def program(text: str) -> int:
    """Run a program; says whether it ran to its end."""
    cut_network()
    limit(CPU_S)
    watch(str(os.path.realpath(os.curdir)))
    try:
        exec(compile(text, "program.py", "exec"), {"__name__": "__main__"})  # noqa: S102 - what it is for
    except BaseException:
        return 1
    return RAN_TO_THE_END


def calls(told: bytes) -> Iterator[int]:
    """What became of each of several functions' calls.

    Args:
        told: marshalled: modules to import; code that defines a function, once for each; calls as code, with the values
            they should have.

    Yields:
        `PASSED`: all have them. `UNFINISHED`: some have not, and all of these returned nothing. `FAILED`. `UNKNOWN`: it
        could not be defined here, or did what it may not.
    """
    modules, definitions, wanted = marshal.loads(told)  # noqa: S302 - by the process that started this one
    given = {"typing": _Meaningless(), **{name: _public(name) for name in modules if name in MODULES}}
    builtin = _builtins(given)
    limit(CALLS_CPU_S)
    refused = False

    def hook(event: str, _: tuple[object, ...]) -> None:
        nonlocal refused
        if event not in COMPUTING:
            refused = True
            raise Refused(event)

    signal.signal(signal.SIGVTALRM, _late)
    timer = signal.setitimer
    sys.addaudithook(hook)
    for definition in definitions:
        refused = False
        timer(signal.ITIMER_VIRTUAL, CALL_S, CALL_S)  # again and again: code may catch everything
        verdict = _verdict(definition, wanted, builtin)
        timer(signal.ITIMER_VIRTUAL, 0)
        yield UNKNOWN if refused else verdict


def _verdict(definition: CodeType, wanted: list[tuple[CodeType, Any]], builtin: dict[str, object]) -> int:
    space: dict[str, Any] = {"__name__": "examples", "__builtins__": builtin}
    try:
        exec(definition, space)  # noqa: S102 - what it is for
    except BaseException:
        return UNKNOWN
    verdict = PASSED
    for call, value in wanted:
        try:
            exec(call, space)  # noqa: S102 - what it is for
            found = space["_found"]
            if _same(found, value):
                continue
        except BaseException:
            return FAILED
        if found is not None:
            return FAILED
        verdict = UNFINISHED
    return verdict


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, float) and isinstance(wanted, int | float):
        return math.isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-9)
    return bool(found == wanted)


def _late(number: int, frame: FrameType | None) -> NoReturn:
    raise Late


class _Meaningless:
    """Whatever `typing` has: annotations are not evaluated, so that only names and brackets have to be there."""

    def __getattr__(self, name: str) -> "_Meaningless":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _: object) -> "_Meaningless":
        return self

    def __or__(self, _: object) -> "_Meaningless":
        return self

    __ror__ = __or__


def _public(name: str) -> SimpleNamespace:
    """What a module has for others, but for other modules."""
    module = importlib.import_module(name)
    kept = {
        each: value
        for each, value in vars(module).items()
        if not each.startswith("_") and each not in HIDDEN and not isinstance(value, type(sys))
    }
    return SimpleNamespace(**kept)


def _builtins(given: dict[str, Any]) -> dict[str, object]:
    def bring(name: str, *_: object) -> object:
        if name not in given:
            raise Refused(name)
        return given[name]

    known = {name: getattr(builtins, name) for name in BUILTINS}
    errors = {
        name: value
        for name, value in vars(builtins).items()
        if isinstance(value, type) and issubclass(value, Exception) and not issubclass(value, Warning)
    }
    return {**known, **errors, "print": _say, "__import__": bring}


def _say(*_: object, **__: object) -> None:
    """What stands for `print`."""


def main(way: str, *text: str) -> int:
    """Run what the command line or standard input says."""
    if way == "program":
        return program(*text)
    for verdict in calls(sys.stdin.buffer.read()):
        os.write(1, bytes([verdict]))
    return RAN_TO_THE_END


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))
