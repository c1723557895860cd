"""Calls functions that may only compute, in a separate process that `process` starts.

Three layers confine the functions:

1. `purity` checks their source before this process receives them.
2. This module gives them only built-in names and modules that compute. An audit hook refuses the operations that Python
   reports to it, such as opening a file.
3. A seccomp filter (`seccomp`) refuses every system call that computing does not need.

This module imports little, because a user waits for the process to start.
"""

import builtins
import importlib
import marshal
import math
import os
import signal
import sys
from collections.abc import Iterator
from types import CodeType, FrameType, SimpleNamespace

from slm_lsp.platform.limits import limit_process
from slm_lsp.sandbox.seccomp import only_compute

READY, PASSED, FAILED, UNFINISHED, UNKNOWN = b"!pfu?"

CPU_S = 1
CALLS_S = 0.1
"""Seconds of processor time for all calls of one definition."""

MEMORY_BYTES = 1024**3

BUILTINS = (
    *("abs", "all", "any", "ascii", "bin", "bool", "bytes", "bytearray", "callable", "chr", "classmethod", "complex"),
    *("dict", "divmod", "enumerate", "filter", "float", "format", "frozenset", "hash", "hex", "id", "int"),
    *("isinstance", "issubclass", "iter", "len", "list", "map", "max", "min", "next", "object", "oct", "ord", "pow"),
    *("property", "range", "repr", "reversed", "round", "set", "slice", "sorted", "staticmethod", "str", "sum"),
    *("super", "tuple", "type", "zip", "True", "False", "None", "NotImplemented", "Ellipsis", "__build_class__"),
)
"""Built-in names that the functions may use. They may also use all exceptions, and a `print` that does nothing."""

MODULES = (
    *("bisect", "cmath", "collections", "collections.abc", "copy", "datetime", "decimal", "fractions", "functools"),
    *("hashlib", "heapq", "itertools", "math", "numbers", "operator", "random", "re", "statistics", "string"),
    *("textwrap", "unicodedata"),
)
"""Modules that the functions may import. Instead of `typing`, they get `_Typing`, which accepts annotations."""

HIDDEN = frozenset(
    {"attrgetter", "file_digest", "Formatter", "methodcaller", "namedtuple", "RegexFlag", "update_wrapper", "wraps"}
)
"""Names of `MODULES` that the functions do not get, because these names can read attributes by name or create code."""


class Refused(BaseException):
    """The code did something that this process does not allow, so its verdict is `UNKNOWN`."""


class TookTooLong(BaseException):
    """The calls of one definition exceeded `CALLS_S`."""


def verdicts(request: bytes) -> Iterator[int]:
    """Run the same calls with each of several definitions.

    Args:
        request: three values in the format of `marshal`: modules to import; sources of the definitions; sources of the
            calls, each with its expected value.

    Yields:
        `READY` when the process is confined. Then for each definition: `PASSED` if all calls return the expected
        values; `UNFINISHED` if some calls return None and all others the expected values; `FAILED` if a call returns
        another value, raises an error or takes too long; `UNKNOWN` if the definition cannot be compiled or does
        something that is not allowed.
    """
    modules, definitions, wanted = marshal.loads(request)  # noqa: S302 - from the process that started this one
    public = {name: _public(name) for name in modules if name in MODULES}
    known = _builtins()
    limit_process(CPU=CPU_S, AS=MEMORY_BYTES, CORE=0)
    signal.signal(signal.SIGVTALRM, _took_too_long)
    limit_process(NPROC=0, NOFILE=0, FSIZE=0)
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
        signal.setitimer(signal.ITIMER_VIRTUAL, CALLS_S, CALLS_S)  # repeats, because code may catch the exception
        verdict = UNKNOWN if code is None else _verdict(code, calls, _given(known, given))
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        yield UNKNOWN if refused else verdict


def _compiled(text: str) -> CodeType | None:
    """Compile source; None if that fails. Annotations are not evaluated, so types need not be defined."""
    try:
        code: CodeType = compile(f"from __future__ import annotations\n{text}", "<examples>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return code


def _verdict(definition: CodeType, calls: list[tuple[CodeType | None, bytes]], given: dict[str, object]) -> int:
    namespace: dict[str, object] = {"__name__": "examples", "__builtins__": given}
    try:
        exec(definition, namespace)  # noqa: S102 - running code is the purpose
    except BaseException:
        return UNKNOWN
    verdict = PASSED
    for call, value in calls:
        if call is None:
            continue
        try:
            exec(call, namespace)  # noqa: S102 - running code is the purpose
            found = namespace["_found"]
            if _same(found, marshal.loads(value)):  # noqa: S302 - a new copy for each comparison: code may change it
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


def _took_too_long(number: int, frame: FrameType | None) -> None:
    raise TookTooLong


class _Typing:
    """Stand-in for `typing` and every name in it. Annotations are not evaluated, so names need no meaning."""

    TYPE_CHECKING = False

    def __getattr__(self, name: str) -> "_Typing":
        if name.startswith("__") or name in {"NamedTuple", "NewType", "TypedDict"}:
            raise AttributeError(name)  # These have an effect at run time.
        return self

    def __getitem__(self, _: object) -> "_Typing":
        return self

    def __call__(self, *values: object, **_: object) -> object:
        """Return the function or class of a decorator such as `final(f)`; for other calls, return this object."""
        return values[0] if len(values) == 1 and callable(values[0]) else self

    def __mro_entries__(self, _: object) -> tuple[type, ...]:
        return ()

    def __or__(self, _: object) -> "_Typing":
        return self

    __ror__ = __or__

    @staticmethod
    def cast(_: object, value: object) -> object:
        return value


def _public(name: str) -> dict[str, object]:
    """Return the public names of a module, except `HIDDEN` and the modules that it imports."""
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
    return {**known, **errors, "print": _print_nothing}


def _given(known: dict[str, object], modules: dict[str, SimpleNamespace]) -> dict[str, object]:
    def import_(name: str, *_: object) -> object:
        if name == "__future__":
            return SimpleNamespace(annotations=None)
        return _Typing() if name == "typing" else modules[name]

    return {**known, "__import__": import_}


def _print_nothing(*_: object, **__: object) -> None:
    """Replacement for `print`."""


def main() -> None:
    """Read the request from standard input and write each verdict as one byte to standard output."""
    for verdict in verdicts(sys.stdin.buffer.read()):
        os.write(1, bytes([verdict]))
    os._exit(0)
