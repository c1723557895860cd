"""Runs calls of functions that may only compute, in a process of its own that `process` starts.

What they are was looked at before (`purity`). Here they are given only what computes, an audit hook refuses what Python
reports of itself, and under both the kernel refuses everything else (`kernel`). Imports are few: somebody waits for the
process to start.
"""

import builtins
import importlib
import marshal
import math
import os
import resource
import signal
import sys
from collections.abc import Iterator
from types import CodeType, FrameType, SimpleNamespace

from slm_lsp.sandbox.seccomp import only_compute

READY, PASSED, FAILED, UNFINISHED, UNKNOWN = b"!pfu?"

CPU_S = 1
CALLS_S = 0.1
"""Seconds of processor time for all calls with one definition."""

MEMORY_BYTES = 1024**3

BUILTINS = (
    *("abs", "all", "any", "ascii", "bin", "bool", "bytes", "bytearray", "callable", "chr", "classmethod", "complex"),
    *("dict", "divmod", "enumerate", "filter", "float", "format", "frozenset", "hash", "hex", "id", "int"),
    *("isinstance", "issubclass", "iter", "len", "list", "map", "max", "min", "next", "object", "oct", "ord", "pow"),
    *("property", "range", "repr", "reversed", "round", "set", "slice", "sorted", "staticmethod", "str", "sum"),
    *("super", "tuple", "type", "zip", "True", "False", "None", "NotImplemented", "Ellipsis", "__build_class__"),
)
"""Names that calls may use, and all exceptions; `print` says nothing to anybody."""

MODULES = (
    *("bisect", "cmath", "collections", "collections.abc", "copy", "datetime", "decimal", "fractions", "functools"),
    *("hashlib", "heapq", "itertools", "math", "numbers", "operator", "random", "re", "statistics", "string"),
    *("textwrap", "unicodedata"),
)
"""Modules that only compute; of `typing` there are names that mean next to nothing."""

HIDDEN = frozenset(
    {"attrgetter", "file_digest", "Formatter", "methodcaller", "namedtuple", "RegexFlag", "update_wrapper", "wraps"}
)
"""Names of these that reach attributes by strings, or make code."""


class Refused(BaseException):
    """Code did what it may not, so nothing is known of it."""


class Late(BaseException):
    """Code took too long."""


def verdicts(told: bytes) -> Iterator[int]:
    """What became of the same calls with each of several definitions.

    Args:
        told: marshalled: modules to import; source of definitions; source of calls with the values they should have.

    Yields:
        `READY` when everything is set up, and for each definition: `PASSED`: all calls have their values. `UNFINISHED`:
        some have not, and all of these returned nothing. `FAILED`. `UNKNOWN`: it could not be defined, or did what it
        may not.
    """
    modules, definitions, wanted = marshal.loads(told)  # noqa: S302 - by the process that started this one
    public = {name: _public(name) for name in modules if name in MODULES}
    known = _builtins()
    _limit((resource.RLIMIT_CPU, CPU_S), (resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CORE, 0))
    signal.signal(signal.SIGVTALRM, _late)
    _limit((resource.RLIMIT_NPROC, 0), (resource.RLIMIT_NOFILE, 0), (resource.RLIMIT_FSIZE, 0))
    if not only_compute():
        return
    compiled = [_compiled(each) for each in definitions]
    calls = [(_compiled(f"_found = {call}"), marshal.dumps(value)) for call, value in wanted]
    refused = False

    def hook(event: str, _: tuple[object, ...]) -> None:
        nonlocal refused
        if event not in {"exec", "marshal.loads", "builtins.id", "sys._getframe", "sys._getframemodulename"}:
            refused = True
            raise Refused(event)

    sys.addaudithook(hook)
    yield READY
    for code in compiled:
        refused = False
        given = {name: SimpleNamespace(**names) for name, names in public.items()}
        signal.setitimer(signal.ITIMER_VIRTUAL, CALLS_S, CALLS_S)  # again and again: code may catch everything
        verdict = UNKNOWN if code is None else _verdict(code, calls, _given(known, given))
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        yield UNKNOWN if refused else verdict


def _limit(*limits: tuple[int, int]) -> None:
    for kind, value in limits:
        resource.setrlimit(kind, (value, value))


def _compiled(text: str) -> CodeType | None:
    """Code whose annotations are not read, so that types need not be known."""
    try:
        code: CodeType = compile(f"from __future__ import annotations\n{text}", "<examples>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return code


def _verdict(definition: CodeType, calls: list[tuple[CodeType | None, bytes]], given: dict[str, object]) -> int:
    space: dict[str, object] = {"__name__": "examples", "__builtins__": given}
    try:
        exec(definition, space)  # noqa: S102 - what it is for
    except BaseException:
        return UNKNOWN
    verdict = PASSED
    for call, value in calls:
        if call is None:
            continue
        try:
            exec(call, space)  # noqa: S102 - what it is for
            found = space["_found"]
            if _same(found, marshal.loads(value)):  # noqa: S302 - anew, for code may change what it is compared with
                continue
        except BaseException:
            return FAILED
        if found is not None:
            return FAILED
        verdict = UNFINISHED
    return verdict


def _same(found: object, wanted: object) -> bool:
    if isinstance(found, float) and isinstance(wanted, float):
        return math.isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-9)
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


def _late(number: int, frame: FrameType | None) -> None:
    raise Late


class _Meaningless:
    """What `typing` has: annotations are not read, so that only names, brackets and calls have to be there."""

    TYPE_CHECKING = False

    def __getattr__(self, name: str) -> "_Meaningless":
        if name.startswith("__") or name in {"NamedTuple", "NewType", "TypedDict"}:
            raise AttributeError(name)  # These mean something.
        return self

    def __getitem__(self, _: object) -> "_Meaningless":
        return self

    def __call__(self, *values: object, **_: object) -> object:
        """`final(f)` is the function; `TypeVar("T")` is nothing."""
        return values[0] if len(values) == 1 and callable(values[0]) else self

    def __mro_entries__(self, _: object) -> tuple[type, ...]:
        return ()

    def __or__(self, _: object) -> "_Meaningless":
        return self

    __ror__ = __or__

    @staticmethod
    def cast(_: object, value: object) -> object:
        return value


def _public(name: str) -> dict[str, object]:
    """What a module has for others, but for other modules."""
    module = importlib.import_module(name)
    return {
        each: value
        for each, value in vars(module).items()
        if not each.startswith("_") and each not in HIDDEN and not isinstance(value, type(sys))
    }


def _builtins() -> dict[str, object]:
    known = {name: getattr(builtins, name) for name in BUILTINS}
    errors = {
        name: value
        for name, value in vars(builtins).items()
        if isinstance(value, type) and issubclass(value, Exception) and not issubclass(value, Warning)
    }
    return {**known, **errors, "print": _say}


def _given(known: dict[str, object], modules: dict[str, SimpleNamespace]) -> dict[str, object]:
    def bring(name: str, *_: object) -> object:
        if name == "__future__":
            return SimpleNamespace(annotations=None)
        return _Meaningless() if name == "typing" else modules[name]

    return {**known, "__import__": bring}


def _say(*_: object, **__: object) -> None:
    """What stands for `print`."""


def main() -> None:
    """Read what to do, and write a byte for everything that is known."""
    for verdict in verdicts(sys.stdin.buffer.read()):
        os.write(1, bytes([verdict]))
    os._exit(0)
