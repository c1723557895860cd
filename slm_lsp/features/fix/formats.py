"""The formats in which tools print the place of an error, as regular expressions for single lines."""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

PATH = r"""(?:[A-Za-z]:[\\/]|/)[^:"\n]*?\.\w+|[^\s:"'()<>|]+\.\w+"""
"""A path with a file extension: absolute paths may contain spaces, relative paths may not."""

_URL = r"(?:file:///(?=[A-Za-z]:)|file://|webpack:///)?"
_JVM = r"(?:java|kt|kts|scala|groovy)"


class Style(IntEnum):
    """The kind of output to which a line with the place of an error belongs."""

    OUTER_FIRST = 0
    """A stack trace that begins with the outermost call, as in Python."""
    INNER_FIRST = 1
    """A stack trace that begins with the innermost call."""
    DIAGNOSTIC = 2
    """A message about one place."""
    SUMMARY = 3
    """A line that repeats an error that was printed in full before."""


@dataclass(frozen=True, slots=True)
class Format:
    """One form of a line.

    The groups of `regex` are `path`, `line`, and optionally `function`, `severity` and `message`.
    """

    style: Style
    regex: re.Pattern[str]
    function_above: re.Pattern[str] | None = None
    """Finds the function in the line before, if that is where the tool prints it."""
    message_above: bool = False
    """Whether the message is in the line before."""
    message_below: bool = False
    """Whether the message is in the next line."""
    ends: bool = False
    """Whether the trace ends with a line that has a message."""


def _format(style: Style, pattern: str, **more: Any) -> Format:
    whole = pattern.replace("PATH", f"(?P<path>{PATH})").replace("LINE", r"(?P<line>\d+)")
    return Format(style, re.compile(whole), **more)


_GO_FUNCTION = re.compile(r"^(?P<function>[\w./*()\[\]-]+)\(.*\)$")
_RUST_FUNCTION = re.compile(r"^\s*\d+: (?:0x[0-9a-f]+ - )?(?P<function>\S.*)$")

FORMATS = (
    # Python's tracebacks; pytest prints those of modules that it cannot import with `E` before each line.
    _format(Style.OUTER_FIRST, r'^(?:E\s)?[\s|+]*File "(?P<path>[^"]+)", line LINE(?:, in (?P<function>.+))?$'),
    # pytest --tb=short
    _format(Style.OUTER_FIRST, r"^PATH:LINE: in (?P<function>.+)$"),
    # pytest --tb=long: the innermost place has the type of the exception, the others have nothing.
    _format(Style.OUTER_FIRST, r"^PATH:LINE:(?: (?P<message>[A-Za-z_][\w.]*)?)?$", ends=True),
    # pytest's summary
    _format(Style.SUMMARY, r"^(?:FAILED|ERROR) PATH(?:::(?P<function>\S+))?(?: - (?P<message>.*))?$"),
    # python -m py_compile, for errors of indentation
    _format(Style.DIAGNOSTIC, r"^Sorry: (?P<message>\w+: .*) \(PATH, line LINE\)$"),
    # Java, Kotlin, Scala, with or without `at`
    _format(
        Style.INNER_FIRST,
        rf"^\s*(?:at )?(?:[\w.$@-]*/+)*(?P<function>[\w$.<>]+)\((?P<path>[\w$-]+\.{_JVM}):LINE\)(?: .*)?$",
    ),
    # Node, jest, mocha; Rust's backtraces have the function in the line above.
    _format(
        Style.INNER_FIRST,
        rf"^\s*at (?:async )?(?:(?P<function>[^(]+?)(?: \[as \S+\])? \()?{_URL}PATH:LINE:\d+\)?,?(?: \{{)?$",
        function_above=_RUST_FUNCTION,
    ),
    # Node's test runner in TAP
    _format(Style.INNER_FIRST, rf"^\s+(?P<function>[\w$.<>\[\]][\w$.<>\[\] ]*) \({_URL}PATH:LINE:\d+\)$"),
    # vitest
    _format(Style.INNER_FIRST, r"^\s*\u276f (?:(?P<function>\S+) )?PATH:LINE:\d+$"),
    # Node's first line about an uncaught exception
    _format(Style.INNER_FIRST, rf"^{_URL}PATH:LINE$"),
    # Go
    _format(
        Style.INNER_FIRST, r"^\s(?P<path>\S.*\.go):LINE(?: \+0x[0-9a-f]+)?$", function_above=_GO_FUNCTION
    ),
    # Rust
    _format(Style.INNER_FIRST, r"^thread '[^']*'(?: \(\d+\))? panicked at PATH:LINE:\d+:$", message_below=True),
    _format(Style.INNER_FIRST, r"^thread '[^']*' panicked at '(?P<message>.*)', PATH:LINE:\d+$"),
    # rustc, cargo, ruff
    _format(Style.DIAGNOSTIC, r"^\s*--> PATH:LINE:\d+$", message_above=True),
    # Sanitizers and gdb
    _format(
        Style.INNER_FIRST,
        r"^\s*#\d+\s+(?:0x[0-9a-f]+ )?in (?P<function>\S+)(?: \([^)]*\))?(?: at)? PATH:LINE(?::\d+)?$",
    ),
    # The macro `assert` of C
    _format(Style.DIAGNOSTIC, r"^(?:\S+: )?PATH:LINE: (?P<function>[^:]+): (?P<message>Assertion .*)$"),
    # Maven's compiler messages and the summary of its tests; Gradle
    _format(Style.DIAGNOSTIC, r"^\[(?P<severity>ERROR|WARNING)\] PATH:\[LINE,\d+\] (?P<message>.*)$"),
    _format(
        Style.SUMMARY,
        r"^\[ERROR\]\s+(?P<function>(?:\w+\.)*(?P<path>[A-Z]\w*)\.\w+):LINE(?:->\S+)? (?P<message>.*)$",
    ),
    _format(Style.DIAGNOSTIC, rf"^\s*(?P<message>[\w.$]+) at (?P<path>\w+\.{_JVM}):LINE$"),
    # tsc, csc
    _format(Style.DIAGNOSTIC, r"^(?P<path>[^\s(][^(]*)\(LINE,\d+\): (?P<severity>error|warning) (?P<message>\w+: .*)$"),
    # Ruby
    _format(Style.INNER_FIRST, r"^\s+(?:\d+: )?from PATH:LINE:in [`'](?P<function>[^']+)'$"),
    _format(Style.INNER_FIRST, r"^PATH:LINE:in [`'](?P<function>[^']+)': (?P<message>.*)$"),
    # PHP
    _format(Style.DIAGNOSTIC, r"^(?:PHP )?(?P<message>[A-Z][\w ]+: .*) in PATH(?: on line |:)LINE$"),
    _format(Style.INNER_FIRST, r"^#\d+ PATH\(LINE\): (?P<function>[\w\\:>-]+)\("),
    # Perl, bash, Lua
    _format(Style.DIAGNOSTIC, r"^(?P<message>\S.*?) at PATH line LINE(?:[.,].*)?$"),
    _format(Style.DIAGNOSTIC, r"^PATH: line LINE: (?P<message>.*)$"),
    _format(Style.DIAGNOSTIC, r"^luac?[\d.]*: PATH:LINE: (?P<message>.*)$"),
    # gcc, clang, gfortran, javac, go build, go vet, go test, mypy, pyright, ruff, flake8, tsc, eslint -f unix
    _format(
        Style.DIAGNOSTIC,
        r"^\s*(?:vet: )?PATH:LINE(?::\d+)?(?::| - )\s*"
        r"(?:(?P<severity>fatal error|error|warning|note|help|info)\b(?:\[[^\]]*\])?:? )?(?P<message>.*)$",
    ),
)  # fmt: skip
"""All formats. The first that matches a line wins."""

ESLINT_FILE = re.compile(rf"^(?P<path>{PATH})$")
ESLINT_LINE = re.compile(r"^\s+(?P<line>\d+):\d+\s+(?P<severity>error|warning)\s+(?P<message>.*)$")
"""eslint prints the path once, and below it a line for each message."""

EXCEPTION = re.compile(
    r"^[\s|+]*(?:Exception in thread \"[^\"]*\" |Uncaught |Caused by: |\[cause\]: )?"
    r"(?P<message>(?:[\w$]+[.:/]+)*(?:[A-Z][\w$]*)?"
    r"(?:Error|Exception|Warning|Failure|Interrupt|Exit|Iteration|Fault|Failed|Violation)\b(?: \[\w+\])?(?::.*)?)$"
)
"""A line with the type of an exception and its message."""

PANIC = re.compile(r"^(?:panic: |fatal error: |\s+error: ['\"])(?P<message>.*?)['\"]?$")
"""The message of a panic in Go, or of an error in TAP."""

PYTEST_ERROR = re.compile(r"^E\s+(?P<message>.*)$")

ANY_PYTHON_EXCEPTION = re.compile(r"^(?: *\| )?(?P<message>[A-Za-z_][\w.]*(?:: .*)?)$")
"""The line after the frames of a Python traceback. The exception may have any name. Lines of code are indented."""

BREAK = re.compile(
    r"Traceback \(most recent call last\)|^[\s|]*(?:The above exception was|During handling of)"
    # pytest, unittest, jest, mocha, TAP
    r"|^[_=]{3,} .* [_=]{3,}$|^-{3,} Captured|^-{70}$|^\s*\u25cf |^\s*\d+\) |^\s*error: \|-$|^\s*not ok "
    # Go, Rust, Java, Node, exception groups of Python
    r"|^=== RUN|^--- FAIL|^thread '|^\s*Caused by: |^\s*\[cause\]: |^ *\+(?:-\+)?-+ \d+ -+$"
)
"""A line that ends a trace, because another trace or message begins."""

NEXT_STACK = re.compile(r"^goroutine \d")
"""A line between the message of an error and its stack."""

TITLE = re.compile(r"^\s*● |^\s*error: \|-$")
"""The title of a failed test in jest, or the key of the message in TAP. The message is the next line with text."""

CAUSE_ABOVE = re.compile(r"^[\s|]*The above exception was the direct cause")
CAUSE_BELOW = re.compile(
    r"^\s*(?:Caused by: |\[cause\]: )|^[\s|]*During handling of the above exception|^ *\+-\+-+ 1 -+$"
)
"""Lines between two traces of one error. The trace above, or the trace below, is the cause of the other one."""

DETAIL = re.compile(
    r"^(?:\[ERROR\] )?\s*(?P<symbol>symbol:\s+.+)$|^[\s\d|^~+-]*=?\s*(?P<help>help: .+)$|^\d+ \+ (?P<add>use .+;)$"
    r"|^(?:Fatal )?Error: (?P<fortran>.+)$"
)
"""A line that belongs to the message of the diagnostic before it: javac's symbol, rustc's help, gfortran's message."""
