"""Names of failing tests in real outputs of test programs (`fixtures/test_output`)."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_lsp.features.verify.failing import PROGRAMS, compare, failing_tests, no_test_ran, summary
from tests.conftest import FIXTURES

OUTPUTS = FIXTURES / "test_output"
NAMES = sorted(each.stem for each in OUTPUTS.glob("*.txt"))


def output(name: str) -> str:
    return (OUTPUTS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_failing_tests_are_found(name: str) -> None:
    expected = (OUTPUTS / f"{name}.names").read_text(encoding="utf-8").splitlines()
    assert sorted(failing_tests(output(name))) == sorted(expected)


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_every_expression_matches_a_recorded_output(program: str) -> None:
    for expression in PROGRAMS[program]:
        found = [each for each in NAMES if re.search(expression, output(each), re.MULTILINE)]
        assert found, f"no output in fixtures/test_output matches {expression}"


@pytest.mark.parametrize("name", NAMES)
def test_colours_and_line_ends_make_no_difference(name: str) -> None:
    lines = output(name).split("\n")
    coloured = "\r\n".join(f"\x1b[31m{line}\x1b[39;49m" if line else line for line in lines)
    assert failing_tests(coloured) == failing_tests(output(name))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("collected 2\n\n== 2 passed in 0.01s ==\n", "2 passed in 0.01s"),
        ("..\nRan 2 tests in 0.1s\n\nOK\n", "Ran 2 tests in 0.1s"),
        ("ok  \texample.com/calc\t0.002s\n", "ok  \texample.com/calc\t0.002s"),
        ("Tests:       1 failed, 2 passed, 3 total\nTime: 1 s\n", "Tests:       1 failed, 2 passed, 3 total"),
        ("all good\n\n", "all good"),
        ("", ""),
    ],
)
def test_summary_is_the_last_line_with_the_number_of_tests(text: str, expected: str) -> None:
    assert summary(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n---\nRan 0 tests in 0.000s\n\nOK\n", True),
        ("=== no tests ran in 0.01s ===", True),
        ("  0 passing (1ms)\n", True),
        ("\u2139 tests 0\n\u2139 pass 0\n", True),
        ("Ran 10 tests in 0.000s\n\nOK\n", False),
        ("  10 passing (1ms)\n", False),
        ("", False),
    ],
)
def test_output_that_reports_no_test_is_recognized(text: str, expected: bool) -> None:
    assert no_test_ran(text) is expected


def test_comparison_separates_new_remaining_and_fixed_failures() -> None:
    before = "FAILED t.py::a - x\nFAILED t.py::b - x\n"
    after = "FAILED t.py::b - y\nFAILED t.py::c - x\n"
    found = compare(before, after)
    assert (found.new, found.still, found.fixed) == ({"t.py::c"}, {"t.py::b"}, {"t.py::a"})


@given(st.text(alphabet=string.printable, max_size=300))
def test_any_output_has_no_new_failures_compared_with_itself(text: str) -> None:
    names = failing_tests(text)
    assert all(each == each.strip() and "\n" not in each for each in names)
    assert compare(text, text).still == names
    assert not compare(text, text).new
