"""The checks `names`, `signature` and `parsed` of an edit."""

import pytest

from slm_lsp.features.verify.names import check_names
from slm_lsp.features.verify.parsed import check_parsed
from slm_lsp.features.verify.verdict import Check, Verdict
from slm_lsp.languages.registry import languages

OLD = """import math


def area(radius):
    return math.pi * radius ** 2


def rounded(radius):
    return round(area(radius))
"""


def results(old: str, new: str, language: str = "python", uses: dict[str, list[str]] | None = None) -> dict[str, str]:
    """Return the results of the names and signature checks."""
    used_elsewhere = uses or {}
    found = check_names(
        languages()[language], old, new, lambda name: name == "shared", lambda name: used_elsewhere.get(name, [])
    )
    return {each.check: each.result for each in found}


@pytest.mark.parametrize(
    ("new", "names"),
    [
        (OLD.replace("radius ** 2", "square(radius)"), "failed"),
        (OLD.replace("radius ** 2", "shared(radius)"), "passed"),
        (OLD.replace("radius ** 2", "pow(radius, 2)"), "passed"),
        (OLD.replace("radius ** 2", "sum(each for each in (radius,))"), "passed"),
        (OLD.replace("import math\n", ""), "failed"),
        (OLD.replace("def area", "def surface"), "failed"),
        (OLD.replace("area", "surface"), "passed"),
        (OLD.replace("import math", "from math import *"), "not available"),
        (OLD.replace("import math", "import math\nfrom os.path import join"), "passed"),
    ],
)
def test_undefined_names_and_removed_names_still_in_use_fail_the_check(new: str, names: str) -> None:
    assert results(OLD, new)["names"] == names


def test_removed_function_that_another_file_uses_fails_the_check() -> None:
    new = OLD.replace("def rounded(radius):\n    return round(area(radius))\n", "")
    assert results(OLD, new)["names"] == "passed"
    assert results(OLD, new, uses={"rounded": ["shop.py:3"]})["names"] == "failed"


def test_changed_signature_fails_only_if_other_files_use_the_function() -> None:
    new = OLD.replace("def area(radius):", "def area(radius, digits=2):")
    assert results(OLD, new)["signature"] == "passed"
    assert results(OLD, new, uses={"area": ["shop.py:3"]})["signature"] == "failed"
    assert results(OLD, OLD.replace("** 2", "* radius"), uses={"area": ["shop.py:3"]})["signature"] == "passed"


def test_python_annotations_may_change_although_other_files_use_the_function() -> None:
    new = OLD.replace("def area(radius):", "def area(radius: float) -> float:")
    assert results(OLD, new, uses={"area": ["shop.py:3"]})["signature"] == "passed"
    assert results(new, OLD, uses={"area": ["shop.py:3"]})["signature"] == "passed"
    renamed = new.replace("radius", "r")
    assert results(OLD, renamed, uses={"area": ["shop.py:3"]})["signature"] == "failed"


def test_language_without_queries_has_no_result() -> None:
    assert set(results("a", "b", "markdown").values()) == {"not available"}


@pytest.mark.parametrize(
    ("language", "old", "new", "result"),
    [
        ("python", "a = 1\n", "a = (1\n", "failed"),
        ("python", "a = (1\n", "b = (1\n", "passed"),
        ("java", "class A { }\n", "class A { int f() { return 1; } }\n", "passed"),
        ("text", "a", "b", "not available"),
    ],
)
def test_only_new_syntax_errors_fail_the_check(language: str, old: str, new: str, result: str) -> None:
    assert check_parsed(languages().get(language), old, new).result == result


def test_check_that_did_not_run_has_neither_passed_nor_failed() -> None:
    verdict = Verdict((Check("parsed", "passed"),)).with_checks([Check("tests", "not available", "no test command")])
    assert verdict.passed("parsed")
    assert not verdict.passed("tests")
    assert verdict.failed == ()
