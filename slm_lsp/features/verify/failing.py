"""Find the names of failing tests in the output of test programs.

Each program has a few regular expressions. The first program in `PROGRAMS` whose expressions match decides, so that a
test is not counted twice under two names.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""Escape sequences of terminals, such as colours."""

_DURATION = re.compile(r"\s+\(?\d+(?:\.\d+)?\s?m?s\)?$")
"""The duration that some programs print after the name of a test. It differs between runs."""

_SPACES = re.compile(r"\s+")

PROGRAMS: Mapping[str, Sequence[str]] = {
    # Go: "--- FAIL: TestAdd/negative (0.00s)"; a package that does not compile: "FAIL	calc [build failed]"
    "go": (r"^ *--- FAIL: (\S+) \(", r"^FAIL\t(\S+) \[.*\]$"),
    # Cargo: "test tests::adds ... FAILED"
    "cargo": (r"^test (.+) \.\.\. FAILED$",),
    # pytest: "FAILED tests/test_a.py::test_b[1] - assert 1 == 2", "SUBFAILED(b=2) tests/test_a.py::test_b";
    # with -v: "tests/test_a.py::test_b FAILED  [ 50%]"
    "pytest": (
        r"^(?:FAILED|ERROR|SUBFAIL\S*) (\S+\.\w+(?:::[^\[\n]+?(?:\[.*?\])?)?)(?: - .*)?$",
        r"^(\S+\.py::.+?) (?:FAILED|ERROR) +\[ *\d+%\]$",
    ),
    # unittest: a line of 70 "=", then "FAIL: test_add (test_calc.CalcTest.test_add)"
    "unittest": (r"^={70}\n(?:FAIL|ERROR): (.+)$",),
    # Surefire (Maven): "[ERROR] calc.CalcTest.adds -- Time elapsed: 0.01 s <<< FAILURE!"; some versions print neither
    # "[ERROR]" nor "--"
    "surefire": (r"^(?:\[ERROR\] +)?(?!Tests run|\[)(\S.*?)(?: --)? +Time elapsed: .*<<< (?:FAILURE|ERROR)!",),
    # Gradle: "CalcTest > adds() FAILED"
    "gradle": (r"^(\S.* > .+) FAILED$",),
    # JUnit's console launcher: "  JUnit Jupiter:CalcTest:adds()"
    "junit console": (r"^ +(JUnit (?:Jupiter|Vintage|Platform Suite):.+)$",),
    # PHPUnit: "1) CalcTest::testAdd"
    "phpunit": (r"^\d+\) ([\w\\]+::\w+.*)$",),
    # RSpec: "rspec ./spec/calc_spec.rb:7 # Calc adds"
    "rspec": (r"^rspec (\S+)(?: # .*)?$",),
    # Vitest: " FAIL  src/a.test.ts > adds"; Jest: "FAIL src/a.test.js" and "  ● adds"
    "jest": (r"^ *FAIL +(\S.*)$", r"^ +● (?!Console$|Test suite failed to run$)(\S.*)$"),
    # Mocha: "  1) Calc", below it "       adds:"
    "mocha": (r"^  \d+\) (\S.*(?:\n {7,}\S.*)*?):\n",),
    # node --test: "✖ adds (0.5ms)"
    "node": (r"^ *✖ (?!failing tests:)(.+)$",),
    # TAP (prove, node --test without a terminal): "not ok 2 - adds"
    "tap": (r"^ *not ok \d+ - (.+?)(?: +# .*)?$",),
    # CTest: "  3 - calc_test (Failed)"
    "ctest": (r"^[ \t]*\d+ - (\S+) \((?:Failed|Timeout|SEGFAULT|Not Run|Subprocess aborted|ILLEGAL|Child aborted)\)",),
}
"""Regular expressions that find the names of failing tests, by program. Group 1 is the name."""

_COMPILED = {name: tuple(re.compile(each, re.MULTILINE) for each in found) for name, found in PROGRAMS.items()}

# node --test prints U+2139 before its counts.
_NOTHING_RAN = re.compile(
    r"^Ran 0 tests|\bno tests ran\b|^\s*0 passing\b|^(?:\u2139|#) tests 0$|^No test files found|^Tests run: 0,",
    re.MULTILINE,
)

_SUMMARY = re.compile(
    r"\b\d+ (?:passed|passing|failed|failing|tests?|examples?|assertions?)\b|^Ran \d+ tests?|^test result:|^ok\s+\S+"
    r"|^Tests(?: run)?:|^(?:\u2139|#) pass \d+"
)
"""A line in which test programs say how many tests ran."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The failing tests after an edit, compared with those before it."""

    new: frozenset[str]
    """Tests that fail only after the edit."""
    still: frozenset[str]
    """Tests that fail before and after the edit."""
    fixed: frozenset[str]
    """Tests that fail only before the edit."""


def failing_tests(output: str) -> frozenset[str]:
    """Return the names of the failing tests; empty if the output contains no name that is recognized.

    Args:
        output: standard output and standard error of a test command.
    """
    plain = _plain(output)
    for expressions in _COMPILED.values():
        found = {_name(match[1]) for each in expressions for match in each.finditer(plain)}
        if found:
            return frozenset(found)
    return frozenset()


def compare(before: str, after: str) -> Comparison:
    """Compare the failing tests in the outputs of the same command before and after an edit."""
    old, new = failing_tests(before), failing_tests(after)
    return Comparison(new - old, new & old, old - new)


def no_test_ran(output: str) -> bool:
    """Return whether the output of a command that succeeded says that it ran no test."""
    return bool(_NOTHING_RAN.search(_plain(output)))


def summary(output: str) -> str:
    """Return the last line that says how many tests ran.

    If no line says it, return the last line that is not blank; without such a line, an empty string.
    """
    lines = [line.strip() for line in _plain(output).splitlines() if line.strip()]
    counted = (line for line in reversed(lines) if _SUMMARY.search(line))
    return next(counted, lines[-1] if lines else "").strip("= ")


def _plain(output: str) -> str:
    return _ESCAPES.sub("", output).replace("\r\n", "\n")


def _name(found: str) -> str:
    return _SPACES.sub(" ", _DURATION.sub("", found.strip())).strip()
