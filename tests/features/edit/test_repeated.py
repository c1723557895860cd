"""Definitions that the document already contains outside the unit are removed from a new unit."""

import pytest

from slm_lsp.engine.api import ModelRef
from slm_lsp.features.edit.repeated import without_repeated_definitions
from slm_lsp.features.edit.request import EditRequest
from slm_lsp.features.edit.units import find_unit
from slm_lsp.languages.registry import language_of

PYTHON = (
    "def a(x):\n    return x\n\n\n@cache\ndef b(x):\n    return -x\n\n\nclass C:\n    def m(self):\n        return 1\n"
)
SCRIPT = "function a(x) {\n  return x;\n}\n\nexport function b(x) {\n  return -x;\n}\n"
JAVA = "class A {\n    int a(int x) {\n        return x;\n    }\n\n    int b(int x) {\n        return -x;\n    }\n}\n"


def cleaned(path: str, text: str, at: str, new: str) -> str:
    language = language_of(path)
    unit = find_unit(text, (text.index(at),) * 2, language)
    request = EditRequest(path, text, unit, "fix it", ModelRef(""), language)
    return without_repeated_definitions(request, new)


@pytest.mark.parametrize(
    ("path", "text", "at", "new", "expected"),
    [
        (
            "a.py",
            PYTHON,
            "return x",
            "def a(x):\n    return x + 1\n\n\n@cache\ndef b(x):\n    return 0",
            "def a(x):\n    return x + 1",
        ),
        (
            "a.py",
            PYTHON,
            "return x",
            "def b(x):\n    return 0\n\n\ndef a(x):\n    return x + 1",
            "def a(x):\n    return x + 1",
        ),
        (
            "a.py",
            PYTHON,
            "return x",
            "def a(x):\n    return 2\n\n\nclass C:\n    def m(self):\n        return 2\n\n\ndef b(x):\n    return 2",
            "def a(x):\n    return 2",
        ),
        (
            "a.ts",
            SCRIPT,
            "return x",
            "function a(x) {\n  return 1;\n}\n\nexport function b(x) {\n  return 2;\n}",
            "function a(x) {\n  return 1;\n}",
        ),
        (
            "A.java",
            JAVA,
            "return x",
            "    int a(int x) {\n        return 1;\n    }\n\n    int b(int x) {\n        return 2;\n    }",
            "    int a(int x) {\n        return 1;\n    }",
        ),
    ],
    ids=["after", "before", "several", "exported", "methods"],
)
def test_definition_that_exists_elsewhere_is_removed(path: str, text: str, at: str, new: str, expected: str) -> None:
    assert cleaned(path, text, at, new) == expected


@pytest.mark.parametrize(
    ("path", "text", "new"),
    [
        ("a.py", PYTHON, "def a(x):\n    def helper(y):\n        return y\n    return helper(x)"),
        ("a.py", PYTHON, "def helper(x):\n    return x\n\n\ndef a(x):\n    return helper(x)"),
        # Another signature is an overload.
        (
            "A.java",
            JAVA,
            "    int a(int x) {\n        return 1;\n    }\n\n    int b(int x, int y) {\n        return 2;\n    }",
        ),
        # A unit that would be empty stays, so that other checks can refuse it.
        ("a.py", PYTHON, "@cache\ndef b(x):\n    return 0"),
        ("a.unknown", PYTHON, "def b(x):\n    return 0"),
    ],
    ids=["nested", "new", "overload", "nothing left", "no parser"],
)
def test_other_definitions_stay(path: str, text: str, new: str) -> None:
    assert cleaned(path, text, "return x", new) == new
